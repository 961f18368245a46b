"""The image, run the way that production runs it. `make image-check` builds it and runs these tests."""
