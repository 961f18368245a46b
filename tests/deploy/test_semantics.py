"""What schemas do not see: the references, selectors, limits and security of every rendering."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.deploy import semantics
from tests.deploy.conftest import text_of
from tests.deploy.tools import Object, objects, of_kind

SECRETS = {
    "ringfence",
    "ringfence-database",
    "ringfence-broker",
    "ringfence-db-app",
    "ringfence-mq-default-user",
}
"""Made by the operator of the cluster, or by operators."""


def test_names_are_unique_and_well_formed(everything: list[Object]) -> None:
    assert list(semantics.names(everything)) == []


def test_workloads_and_services_select_what_is_there(everything: list[Object]) -> None:
    assert list(semantics.selectors(everything)) == []


def test_budgets_and_scalers_fit_their_workloads(everything: list[Object]) -> None:
    assert list(semantics.budgets(everything)) == []


def test_containers_hold_together(everything: list[Object]) -> None:
    assert list(semantics.containers(everything)) == []


def test_everything_that_is_named_is_there(everything: list[Object]) -> None:
    made = {one["metadata"]["name"] for one in of_kind(everything, "Secret", "ExternalSecret")}
    assert list(semantics.references(everything, SECRETS | made)) == []


def test_pods_fit_the_restricted_standard(everything: list[Object]) -> None:
    assert list(semantics.restricted(everything)) == []


def deployment(found: list[Object]) -> Object:
    return next(one for one in found if one["kind"] == "Deployment")


def container(found: list[Object]) -> Any:
    return deployment(found)["spec"]["template"]["spec"]["containers"][0]


def _wrong_label(found: list[Object]) -> None:
    deployment(found)["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] = "other"


def _too_much(found: list[Object]) -> None:
    container(found)["resources"]["requests"]["memory"] = "64Gi"


def _no_volume(found: list[Object]) -> None:
    deployment(found)["spec"]["template"]["spec"]["volumes"].pop()


def _long_port(found: list[Object]) -> None:
    container(found)["ports"].append({"name": "a-name-much-too-long", "containerPort": 1})


def _two_limits(found: list[Object]) -> None:
    of_kind(found, "PodDisruptionBudget")[0]["spec"]["minAvailable"] = 1


def _upper_case(found: list[Object]) -> None:
    deployment(found)["metadata"]["name"] = "Ringfence"


def _restarting_job(found: list[Object]) -> None:
    of_kind(found, "Job")[0]["spec"]["template"]["spec"]["restartPolicy"] = "Always"


def _no_settings(found: list[Object]) -> None:
    found.remove(of_kind(found, "ConfigMap")[0])


def _root(found: list[Object]) -> None:
    del deployment(found)["spec"]["template"]["spec"]["securityContext"]["runAsUser"]


def _writable(found: list[Object]) -> None:
    container(found)["securityContext"]["readOnlyRootFilesystem"] = False


CHECKS = (
    semantics.names,
    semantics.selectors,
    semantics.budgets,
    semantics.containers,
    lambda found: semantics.references(found, SECRETS),
    semantics.restricted,
)


@pytest.mark.parametrize(
    "fault",
    [
        _wrong_label,
        _too_much,
        _no_volume,
        _long_port,
        _two_limits,
        _upper_case,
        _restarting_job,
        _no_settings,
        _root,
        _writable,
    ],
)
def test_a_fault_that_schemas_take_is_found(fault: Callable[[list[Object]], None]) -> None:
    """A check that finds nothing in a broken rendering would be worth nothing."""
    found = copy.deepcopy(objects(text_of("helm:default")))
    assert [problem for check in CHECKS for problem in check(found)] == []
    fault(found)
    assert [problem for check in CHECKS for problem in check(found)] != []
