"""`schemas.py FILE [--kubernetes 1.33 …] [--crds FOLDER]`: holds every object against its strict schema.

Rules: a field that the schema does not know is an error; an object of an unknown kind is an error; custom resources
are judged only with a folder of their schemas (`<group>/<kind>_<version>.json`), and without it named as unjudged on
standard error. One JSON object per problem on standard output; status 1 if there was any.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from kubernetes_validate import utils

OWN_GROUPS = ("apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "v1")
utils.schema_contents = cache(utils.schema_contents)


def where(path: Any) -> str:
    """The place in the object, as people write it."""
    return "/".join(str(step) for step in path)


def builtin(document: dict[str, Any], version: str) -> Iterator[str]:
    """What Kubernetes of this version does not take."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{where(error.path)}: {error.message[:300]}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"there is no such kind in Kubernetes {version}"


def custom(document: dict[str, Any], crds: Path) -> Iterator[str]:
    """What the operator's schema does not take."""
    group, version = document["apiVersion"].split("/")
    path = crds / group / f"{document['kind'].lower()}_{version}.json"
    if not path.exists():
        yield f"there is no schema {path.name} of {group}"
        return
    for error in jsonschema.Draft7Validator(json.loads(path.read_text())).iter_errors(document):
        yield f"{where(error.path)}: {error.message[:300]}"


def problems(document: dict[str, Any], versions: list[str], crds: Path | None) -> Iterator[str]:
    """Everything that is wrong with one object."""
    group = document["apiVersion"].split("/")[0]
    if group in OWN_GROUPS:
        for version in versions:
            yield from (f"{version}: {problem}" for problem in builtin(document, version))
    elif crds is not None:
        yield from custom(document, crds)
    else:
        sys.stderr.write(f"not judged without schemas of custom resources: {document['kind']}\n")


def main() -> int:
    """Judge the documents of one file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--kubernetes", nargs="+", default=[])
    parser.add_argument("--crds", type=Path)
    asked = parser.parse_args()
    found = False
    for document in yaml.safe_load_all(asked.file.read_text()):
        if document is None:
            continue
        for problem in problems(document, asked.kubernetes, asked.crds):
            found = True
            name = f"{document['kind']}/{document['metadata']['name']}"
            sys.stdout.write(json.dumps({"object": name, "problem": problem}) + "\n")
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
