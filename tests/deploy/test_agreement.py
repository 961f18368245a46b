"""Chart and kustomization say the same: whoever moves from one to the other gets the same pods."""

import copy
import re
from os.path import relpath
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.tools import KUSTOMIZE, Object, kustomized, objects, of_kind, rendered

MINE = ("helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version")
VALUES = {
    "settings.WEBHOOK_PUBLIC_URL": "https://calls.example.com",
    "secrets.existingSecret": "ringfence",
    "monitoring.podMonitor.enabled": "true",
    "monitoring.prometheusRule.enabled": "true",
    "monitoring.dashboards.enabled": "true",
}
OPERATORS = {
    "networkPolicy.enabled": "false",
    "database.cnpg.enabled": "true",
    "broker.cluster.enabled": "true",
    "broker.policies.enabled": "true",
    "secrets.existingSecret": "",
    "secrets.externalSecret.enabled": "true",
    "secrets.externalSecret.store.name": "vault",
    "secrets.externalSecret.remoteKey": "ringfence",
}
WORKLOADS = ("Deployment", "StatefulSet", "Job")
COMPONENTS = ("monitoring", "cnpg", "rabbitmq-operator", "external-secrets")


def chart(values: dict[str, str]) -> list[Object]:
    pairs = ",".join(f"{key}={value}" for key, value in values.items())
    return objects(rendered("--set", pairs))


def overlay(folder: Path, components: tuple[str, ...]) -> list[Object]:
    """The base with components, as an overlay of somebody's own would have them."""
    here = relpath(KUSTOMIZE, folder)
    lines = [
        f"resources: [{here}/base]",
        f"components: [{', '.join(f'{here}/components/{name}' for name in components)}]",
        "configMapGenerator:",
        "  - {name: ringfence, behavior: merge, literals: ['WEBHOOK_PUBLIC_URL=https://calls.example.com']}",
    ]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return objects(kustomized(folder))


def essence(one: Object) -> Object:
    """An object without what each tool adds for itself."""
    bare = copy.deepcopy(one)
    _drop_marks(bare["metadata"])
    if one["kind"] in WORKLOADS:
        _drop_marks(bare["spec"]["template"]["metadata"])
    if one["kind"] == "Job":
        bare["metadata"]["name"] = re.sub("-[0-9a-f]{8}$", "", bare["metadata"]["name"])
        bare["spec"].pop("ttlSecondsAfterFinished", None)
    if one["kind"] == "ConfigMap" and "WEBHOOK_PUBLIC_URL" in one["data"]:
        bare["metadata"]["name"] = _plain(bare["metadata"]["name"])
        bare["data"] = {key: value for key, value in bare["data"].items() if value}
    for container in _containers(bare):
        container["image"] = re.sub(":.*", "", container["image"])
        for source in container.get("envFrom", ()):
            source["configMapRef"]["name"] = _plain(source["configMapRef"]["name"])
    for volume in _volumes(bare):
        sources = [source["secret"] for source in volume["projected"]["sources"]]
        volume["projected"]["sources"] = sorted(
            (item["path"], source["name"], item["key"]) for source in sources for item in source["items"]
        )
    return bare


def _drop_marks(metadata: Any) -> None:
    metadata.pop("namespace", None)
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key not in MINE}
    metadata["labels"] = labels
    metadata.pop("annotations", None)


def _plain(name: str) -> str:
    """A generated name without the hash of its contents."""
    return re.sub("-[a-z0-9]{10}$", "", name)


def _containers(one: Object) -> list[Any]:
    return one["spec"]["template"]["spec"]["containers"] if one["kind"] in WORKLOADS else []


def _volumes(one: Object) -> list[Any]:
    if one["kind"] not in WORKLOADS:
        return []
    return [volume for volume in one["spec"]["template"]["spec"]["volumes"] if "projected" in volume]


def compared(found: list[Object]) -> dict[str, Object]:
    bare = [essence(one) for one in found if one["kind"] not in ("Namespace", "Pod")]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in bare}


def differences(first: dict[str, Object], second: dict[str, Object]) -> list[str]:
    return sorted(
        [f"{name} is on one side only" for name in first.keys() ^ second.keys()]
        + [f"{name} differs" for name in first.keys() & second.keys() if first[name] != second[name]]
    )


def test_chart_and_production_overlay_agree_on_every_object() -> None:
    ours = compared(chart(VALUES))
    theirs = compared(objects(kustomized(KUSTOMIZE / "overlays" / "prod")))
    assert differences(ours, theirs) == []
    assert len([name for name in ours if name.startswith(("Deployment/", "StatefulSet/"))]) == 4


def _effective(one: Object) -> Object:
    """A later source of secrets wins over an earlier one for the same file."""
    for volume in _volumes(one):
        order = {path: (name, key) for path, name, key in volume["projected"]["sources"] if name == "ringfence"}
        order |= {path: (name, key) for path, name, key in volume["projected"]["sources"] if name != "ringfence"}
        volume["projected"]["sources"] = order
    return one


def test_they_agree_with_every_operator(tmp_path: Path) -> None:
    """But for network policies: the chart knows the pods of the operators' servers and narrows its policies to them."""
    ours = compared(chart(VALUES | OPERATORS))
    theirs = compared(overlay(tmp_path, COMPONENTS))
    both = [{name: _effective(one) for name, one in side.items()} for side in (ours, theirs)]
    assert differences(*both) == []


def test_a_difference_is_noticed() -> None:
    ours = compared(chart(VALUES))
    theirs = copy.deepcopy(ours)
    of_kind(list(theirs.values()), "Deployment")[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    assert len(differences(ours, theirs)) == 1


@pytest.mark.parametrize("component", sorted(path.name for path in (KUSTOMIZE / "components").iterdir()))
def test_every_component_can_be_taken_alone(component: str, tmp_path: Path) -> None:
    assert len(overlay(tmp_path, (component,))) > 0


def test_scaling_by_callbacks_takes_the_place_of_scaling_by_cpu(tmp_path: Path) -> None:
    """Two scalers of one Deployment would fight."""
    found = overlay(tmp_path, ("keda",))
    scaled = [
        one["spec"]["scaleTargetRef"]["name"] for one in of_kind(found, "ScaledObject", "HorizontalPodAutoscaler")
    ]
    assert sorted(scaled) == ["ringfence-api", "ringfence-webhook"]


def test_the_secret_of_an_operator_comes_after_the_general_one(tmp_path: Path) -> None:
    """The last source of a file wins."""
    found = overlay(tmp_path, ("cnpg", "rabbitmq-operator"))
    [api] = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "ringfence-api"]
    [volume] = _volumes(api)
    assert [source["secret"]["name"] for source in volume["projected"]["sources"]] == [
        "ringfence",
        "ringfence-db-app",
        "ringfence-mq-default-user",
    ]
