"""One module a measure, each with `measure(bench) -> Measured`: what is measured stands in its first lines."""
