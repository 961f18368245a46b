"""What holds the chart, the kustomization, the compose file and the image to account, by the real tools.

They come from deploy/tools/install.sh; `make k8s-check` runs these tests.
"""
