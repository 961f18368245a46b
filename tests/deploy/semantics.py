"""What an API server refuses, or what cannot work, though every schema takes it.

Each check yields sentences; none means that all is well.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from tests.deploy.tools import Object, of_kind

STANDING = ("Deployment", "StatefulSet")
WORKLOADS = (*STANDING, "Job", "Pod")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
PORT_NAME = re.compile(r"(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
UNITS = {"": "1", "m": "0.001", "k": "1e3", "M": "1e6", "G": "1e9", "Ki": "1024", "Mi": "1048576", "Gi": "1073741824"}
GIVEN_ACCOUNTS = {"default"}


def label(one: Object) -> str:
    """What an object is called in a sentence."""
    return f"{one['kind']}/{one['metadata']['name']}"


def pod_of(one: Object) -> Object:
    """The pod, or the pod's template, of a workload."""
    pod: Object = one if one["kind"] == "Pod" else one["spec"]["template"]
    return pod


def amount(text: str | float) -> Decimal:
    """A quantity as a number."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr]
    return Decimal(number) * Decimal(UNITS[unit])


def matches(selector: Object, labels: Object) -> bool:
    """Whether a label selector takes these labels."""
    return all(labels.get(key) == value for key, value in selector.items())


def names(found: Sequence[Object]) -> Iterator[str]:
    """Names are unique, and such as objects may have."""
    seen = set()
    for one in found:
        key = (one["apiVersion"].split("/")[0], label(one))
        if key in seen:
            yield f"{label(one)} is there twice"
        seen.add(key)
        pattern = DNS_LABEL if one["kind"] in ("Service", "Namespace", *WORKLOADS) else DNS_NAME
        if not pattern.fullmatch(one["metadata"]["name"]):
            yield f"{label(one)} is no name"
        for value in one["metadata"].get("labels", {}).values():
            if not isinstance(value, str) or len(value) > 63 or not LABEL_VALUE.fullmatch(value):
                yield f"{label(one)}: {value!r} is no value of a label"


def selectors(found: Sequence[Object]) -> Iterator[str]:
    """A workload selects its own pods, a Service exactly one workload, on a port that it has."""
    deployments = of_kind(found, *STANDING)
    for one in deployments:
        if not matches(one["spec"]["selector"]["matchLabels"], pod_of(one)["metadata"]["labels"]):
            yield f"{label(one)} does not select its own pods"
    for service in of_kind(found, "Service"):
        served = [one for one in deployments if matches(service["spec"]["selector"], pod_of(one)["metadata"]["labels"])]
        if len(served) != 1:
            yield f"{label(service)} leads to {len(served)} workloads"
            continue
        known = {port["name"] for each in pod_of(served[0])["spec"]["containers"] for port in each.get("ports", ())}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in known:
                yield f"{label(service)} leads to a port that is not there: {port['targetPort']}"
    headless = {one["metadata"]["name"] for one in of_kind(found, "Service") if one["spec"].get("clusterIP") == "None"}
    for one in of_kind(found, "StatefulSet"):
        if one["spec"]["serviceName"] not in headless:
            yield f"{label(one)} names a Service that is not there: {one['spec']['serviceName']}"


def budgets(found: Sequence[Object]) -> Iterator[str]:
    """A budget holds over a workload of more than one pod and lets one of them go; a scaler scales what is there."""
    scalers = {each["spec"]["scaleTargetRef"]["name"]: each for each in of_kind(found, "HorizontalPodAutoscaler")}
    deployments = {one["metadata"]["name"]: one for one in of_kind(found, *STANDING)}
    for name, scaler in scalers.items():
        if name not in deployments:
            yield f"{label(scaler)} scales nothing"
        elif "replicas" in deployments[name]["spec"]:
            yield f"{name} has replicas, which its scaler and every upgrade would fight over"
        if scaler["spec"]["minReplicas"] > scaler["spec"]["maxReplicas"]:
            yield f"{label(scaler)}: more at least than at most"
    for budget in of_kind(found, "PodDisruptionBudget"):
        spec = budget["spec"]
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield f"{label(budget)} must say one of minAvailable and maxUnavailable"
        held = [
            name
            for name, one in deployments.items()
            if matches(spec["selector"]["matchLabels"], pod_of(one)["metadata"]["labels"])
        ]
        if len(held) != 1:
            yield f"{label(budget)} holds over {len(held)} workloads"
            continue
        scaled = scalers.get(held[0])
        least = scaled["spec"]["minReplicas"] if scaled else deployments[held[0]]["spec"].get("replicas", 1)
        if least < 2 or spec.get("maxUnavailable") == 0:
            yield f"{label(budget)} would keep a node from being drained"


def containers(found: Sequence[Object]) -> Iterator[str]:
    """Mounts, ports, probes and resources of each container hold together."""
    for one in of_kind(found, *WORKLOADS):
        spec = pod_of(one)["spec"]
        volumes = {volume["name"] for volume in spec.get("volumes", ())}
        if one["kind"] == "Job" and spec.get("restartPolicy") not in ("Never", "OnFailure"):
            yield f"{label(one)}: a Job must not restart always"
        for each in spec["containers"]:
            yield from (f"{label(one)}: {problem}" for problem in _container(each, volumes))


def _container(each: Object, volumes: set[str]) -> Iterator[str]:
    for mount in each.get("volumeMounts", ()):
        if mount["name"] not in volumes:
            yield f"mounts {mount['name']}, which is not there"
    ports = {port["name"] for port in each.get("ports", ())}
    yield from (f"{name} is no name of a port" for name in ports if not PORT_NAME.fullmatch(name))
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if "httpGet" in each.get(probe, {}) and each[probe]["httpGet"]["port"] not in ports:
            yield f"{probe} asks a port that is not there"
    resources = each["resources"]
    for what in ("cpu", "memory"):
        if what not in resources["requests"]:
            yield f"asks for no {what}"
    if "memory" not in resources["limits"]:
        yield "may take all memory"
    for what, most in resources["limits"].items():
        if amount(resources["requests"].get(what, 0)) > amount(most):
            yield f"asks for more {what} than it may have"


def references(found: Sequence[Object], secrets: set[str]) -> Iterator[str]:
    """Everything that is named is there; `secrets` are those that others make."""
    there = {(one["kind"], one["metadata"]["name"]) for one in found}
    there |= {("Secret", name) for name in secrets}
    there |= {("ServiceAccount", name) for name in GIVEN_ACCOUNTS}
    for one in of_kind(found, *WORKLOADS):
        for kind, name in _referred(pod_of(one)["spec"]):
            if (kind, name) not in there:
                yield f"{label(one)} names {kind}/{name}, which is not there"
    services = {one["metadata"]["name"]: one for one in of_kind(found, "Service")}
    for one in of_kind(found, "Ingress", "HTTPRoute"):
        for name, port in _backends(one):
            known = services[name]["spec"]["ports"] if name in services else []
            if not any(port in (each["name"], each["port"]) for each in known):
                yield f"{label(one)} leads to {name}:{port}, which is not there"


def _referred(spec: Object) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", spec.get("serviceAccountName", "default")
    for each in spec["containers"]:
        for source in each.get("envFrom", ()):
            yield "ConfigMap", source["configMapRef"]["name"]
        for variable in each.get("env", ()):
            if "valueFrom" in variable:
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]
    for volume in spec.get("volumes", ()):
        for source in volume.get("projected", {}).get("sources", ()):
            yield "Secret", source["secret"]["name"]


def _backends(one: Object) -> Iterator[tuple[str, str | int]]:
    for rule in one["spec"]["rules"]:
        for path in rule.get("http", {}).get("paths", ()):
            service = path["backend"]["service"]
            yield service["name"], service["port"].get("name") or service["port"]["number"]
        for backend in rule.get("backendRefs", ()):
            yield backend["name"], backend["port"]


def restricted(found: Sequence[Object]) -> Iterator[str]:
    """The pod security standard "restricted", and what goes beyond it: nothing is written beside mounts, no token."""
    for one in of_kind(found, *WORKLOADS):
        spec = pod_of(one)["spec"]
        yield from (f"{label(one)}: {problem}" for problem in (*_pod_restricted(spec), *_containers_restricted(spec)))


def _pod_restricted(spec: Object) -> Iterator[str]:
    yield from (f"has {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    context = spec["securityContext"]
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a token of the cluster that it has no use for"
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= {"configMap", "emptyDir", "projected", "secret"}:
            yield f"has a volume of a forbidden kind: {volume['name']}"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"may fill the node's disk: {volume['name']}"


def _containers_restricted(spec: Object) -> Iterator[str]:
    for each in (*spec.get("initContainers", ()), *spec["containers"]):
        context = each["securityContext"]
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield "may gain privileges"
        if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
            yield "keeps capabilities"
        if context.get("readOnlyRootFilesystem") is not True:
            yield "may write into its image"
        if any("hostPort" in port for port in each.get("ports", ())):
            yield "takes a port of the node"
