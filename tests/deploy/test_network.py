"""Who may reach whom: everything is denied, and what is allowed is exactly what is needed."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.semantics import WORKLOADS, matches, pod_of
from tests.deploy.tools import KUSTOMIZE, Object, kustomized, objects, of_kind, rendered, scenario

JWKS = ("--set", "settings.JWT_JWKS_URL=https://id.example.com:8443/keys")
SERVERS = {53, 5432, 5671, 5672}
PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"}


def rules(found: list[Object], component: str, direction: str) -> Iterator[Any]:
    """The rules that hold for the pods of a component."""
    labels = _labels(found, component)
    for policy in of_kind(found, "NetworkPolicy"):
        if matches(policy["spec"]["podSelector"]["matchLabels"], labels):
            yield from policy["spec"].get(direction, ())


def _labels(found: list[Object], component: str) -> Object:
    key = "app.kubernetes.io/component"
    pods = [pod_of(one) for one in of_kind(found, *WORKLOADS)]
    labels: Object = next(p["metadata"]["labels"] for p in pods if p["metadata"]["labels"].get(key) == component)
    return labels


def outside(found: list[Object], component: str) -> set[int]:
    """The ports on which a component reaches the internet."""
    return {
        port["port"]
        for rule in rules(found, component, "egress")
        for peer in rule.get("to", ())
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
        for port in rule["ports"]
    }


def let_in(found: list[Object], component: str) -> set[str]:
    """The address ranges that reach a component."""
    return {
        peer["ipBlock"]["cidr"]
        for rule in rules(found, component, "ingress")
        for peer in rule.get("from", ())
        if "ipBlock" in peer
    }


RENDERINGS = {
    "helm": lambda: rendered(*scenario("default")),
    "kustomize": lambda: kustomized(KUSTOMIZE / "overlays" / "prod"),
}


@pytest.fixture(params=sorted(RENDERINGS))
def found(request: pytest.FixtureRequest) -> list[Object]:
    return objects(RENDERINGS[request.param]())


def test_every_pod_is_denied_everything_that_is_not_allowed(found: list[Object]) -> None:
    for one in of_kind(found, *WORKLOADS):
        labels = pod_of(one)["metadata"]["labels"]
        held = [
            policy["spec"]
            for policy in of_kind(found, "NetworkPolicy")
            if matches(policy["spec"]["podSelector"]["matchLabels"], labels)
        ]
        assert {kind for spec in held for kind in spec["policyTypes"]} == {"Ingress", "Egress"}, labels


def test_only_dispatcher_and_reaper_reach_twilio(found: list[Object]) -> None:
    reached = {name: outside(found, name) for name in ("api", "webhook", "dispatcher", "reaper", "migrate")}
    assert reached == {"api": set(), "webhook": set(), "dispatcher": {443}, "reaper": {443}, "migrate": set()}


def test_the_way_to_twilio_does_not_lead_into_private_networks(found: list[Object]) -> None:
    for component in ("dispatcher", "reaper"):
        blocks = [
            peer["ipBlock"]
            for rule in rules(found, component, "egress")
            for peer in rule.get("to", ())
            if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
        ]
        assert [set(block["except"]) >= PRIVATE for block in blocks] == [True]


def test_a_rule_without_a_destination_is_for_the_servers_ports_alone(found: list[Object]) -> None:
    for component in ("api", "webhook", "dispatcher", "reaper", "migrate"):
        for rule in rules(found, component, "egress"):
            if "to" not in rule:
                assert {port["port"] for port in rule["ports"]} <= SERVERS


def test_the_internet_reaches_only_the_webhook_service(found: list[Object]) -> None:
    reached = {name: let_in(found, name) for name in ("api", "webhook", "dispatcher", "reaper", "migrate")}
    assert reached.pop("webhook") == {"0.0.0.0/0", "::/0"}
    assert set().union(*reached.values()) == set()


def test_dispatcher_reaper_and_migrations_are_reached_by_nobody_but_for_metrics(found: list[Object]) -> None:
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    for component in ("dispatcher", "reaper"):
        assert [rule["from"] for rule in rules(found, component, "ingress")] == [[monitoring]]
    assert list(rules(found, "migrate", "ingress")) == []


def test_the_api_reaches_the_host_of_the_key_set_on_its_port() -> None:
    found = objects(rendered(*scenario("default"), *JWKS))
    assert outside(found, "api") == {8443}
    assert outside(found, "webhook") == set()


def test_a_named_host_narrows_the_way_to_it() -> None:
    found = objects(rendered(*scenario("full")))
    assert outside(found, "api") == set()
    assert {"ipBlock": {"cidr": "203.0.113.0/24"}} in [
        peer for rule in rules(found, "api", "egress") for peer in rule.get("to", ())
    ]


def test_operators_databases_and_brokers_are_reached_by_their_pods() -> None:
    found = objects(rendered(*scenario("full")))
    peers = [peer for rule in rules(found, "dispatcher", "egress") for peer in rule.get("to", ())]
    assert {"podSelector": {"matchLabels": {"cnpg.io/cluster": "ringfence-db"}}} in peers
    assert {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "ringfence-mq"}}} in peers
