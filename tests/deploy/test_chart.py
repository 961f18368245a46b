"""The chart renders with both majors of Helm, refuses what makes no sense, and says why."""

import json
from pathlib import Path

import pytest

from tests.deploy.tools import BIN, CHART, HELMS, SCENARIOS, named, objects, of_kind, rendered, run, scenario, template


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_chart_is_lint_clean(helm: str, name: str) -> None:
    done = run(BIN / helm, "lint", "--strict", CHART, *scenario(name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_majors_of_helm_render_the_same(name: str) -> None:
    first, second = (objects(rendered(*scenario(name), helm=helm)) for helm in HELMS)
    assert first == second


@pytest.mark.parametrize("helm", HELMS)
def test_the_chart_can_be_packaged(helm: str, tmp_path: Path) -> None:
    done = run(BIN / helm, "package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    [package] = tmp_path.glob("ringfence-*.tgz")
    inside = run(BIN / helm, "template", "ringfence", package, *scenario("full"))
    assert inside.returncode == 0, inside.stderr
    assert len(objects(inside.stdout)) == len(objects(rendered(*scenario("full"))))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("settings.WEBHOOK_PUBLIC_URL=", "settings.WEBHOOK_PUBLIC_URL is required"),
        ("secrets.existingSecret=", "secrets.existingSecret is required"),
        ("secrets.externalSecret.enabled=true", "contradict each other"),
        ("secrets.existingSecret=,secrets.externalSecret.enabled=true", "needs store.name and remoteKey"),
        ("settings.HEARTBEAT_INTERVAL=5", "HEARTBEAT_INTERVAL must be shorter than settings.NUDGE_AFTER"),
        ("settings.STALE_AFTER=5", "NUDGE_AFTER must be shorter than settings.STALE_AFTER"),
        ("settings.DIAL_TIMEOUT=40", "dispatcher.terminationGracePeriodSeconds must be more than 68"),
        ("webhook.preStopSeconds=40", "webhook.terminationGracePeriodSeconds must be more than 70"),
        ("database.cnpg.enabled=true,database.secret.name=db", "database.cnpg and database.secret.name contradict"),
        ("database.cnpg.enabled=true,database.cnpg.instances=1", "synchronousStandbys must be smaller"),
        ("broker.cluster.enabled=true,broker.secret.name=mq", "broker.cluster and broker.secret.name contradict"),
        ("broker.cluster.enabled=true,broker.cluster.image=rabbitmq:4.3.5-management", "issue 17317"),
        ("broker.cluster.enabled=true,broker.cluster.image=rabbitmq:4.3", "issue 17317"),
        ("broker.policies.enabled=true", "broker.policies needs broker.cluster"),
        ("api.autoscaling.minReplicas=9", "api.autoscaling.minReplicas must not exceed maxReplicas"),
        ("api.ingress.enabled=true", "api.ingress.host is required"),
        ("api.ingress.enabled=true,api.ingress.host=calls.example.com", "only the webhook service faces Twilio"),
        ("api.httpRoute.enabled=true", "api.httpRoute.parentRefs is required"),
        ("api.extraEnv.JWT_SECRET=x", "secrets come from the Secret"),
        ("settings.HEARTBEAT=1", "HEARTBEAT"),
        ("settings.LOG_LEVEL=LOUD", "LOG_LEVEL"),
        ("settings.WEBHOOK_PUBLIC_URL=calls.example.com", "WEBHOOK_PUBLIC_URL"),
        ("settings.NUDGE_AFTER=null", "NUDGE_AFTER"),
        ("dispatcher.autoscaling.enabled=true", "autoscaling"),
        ("broker.cluster.replicas=2", "replicas"),
        ("dispatcher.partitions=65", "partitions"),
        ("dispatcher.extraEnv.DISPATCH_PARTITIONS=2", "all share dispatcher.partitions"),
    ],
)
@pytest.mark.parametrize("helm", HELMS)
def test_values_that_make_no_sense_fail_with_a_sentence(helm: str, values: str, sentence: str) -> None:
    done = template(*scenario("default"), "--set", values, helm=helm)
    assert done.returncode != 0
    assert sentence in done.stderr


def test_every_service_is_told_the_number_of_partitions_and_a_dispatchers_name_ends_with_its_ordinal() -> None:
    found = objects(rendered(*scenario("default"), "--set", "dispatcher.partitions=4"))
    assert named(found, "ConfigMap", "ringfence")["data"]["DISPATCH_PARTITIONS"] == "4"
    services = of_kind(found, "Deployment", "StatefulSet")
    sources = [one["spec"]["template"]["spec"]["containers"][0]["envFrom"] for one in services]
    assert sources == [[{"configMapRef": {"name": "ringfence"}}]] * 4
    [dispatcher] = of_kind(found, "StatefulSet")
    assert dispatcher["metadata"]["name"] == "ringfence-dispatcher"
    assert dispatcher["spec"]["podManagementPolicy"] == "Parallel"


def test_a_patched_rabbitmq_is_taken() -> None:
    image = "broker.cluster.enabled=true,broker.cluster.image=rabbitmq:4.3.6-management"
    assert of_kind(objects(rendered(*scenario("default"), "--set", image)), "RabbitmqCluster")


def test_the_extra_spec_is_merged_over_what_the_chart_says() -> None:
    cluster = named(objects(rendered(*scenario("full"))), "Cluster", "ringfence-db")["spec"]
    assert cluster["postgresql"]["parameters"] == {"max_connections": "500"}
    assert cluster["postgresql"]["synchronous"]["dataDurability"] == "required"


def test_each_service_gets_the_secrets_that_it_needs_and_no_others() -> None:
    """The api never sees a Twilio token; nobody but the api sees what its users' tokens are verified with."""
    given = {}
    for one in of_kind(objects(rendered(*scenario("default"))), "Deployment", "StatefulSet", "Job"):
        [volume] = [each for each in one["spec"]["template"]["spec"]["volumes"] if each["name"] == "secrets"]
        items = [item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]]
        given[one["metadata"]["name"]] = sorted(items)
    servers = ["AMQP_URL", "DATABASE_URL"]
    keys = ["SECRETS_KEY", "SECRETS_KEY_PREVIOUS"]
    account = ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]
    assert given == {
        "ringfence-api": [*servers, "JWT_SECRET", "JWT_SECRET_PREVIOUS", *keys],
        "ringfence-webhook": [*servers, *keys, "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_PREVIOUS"],
        "ringfence-dispatcher": [
            *servers,
            *keys,
            "TWILIO_ACCOUNT_SID",
            "TWILIO_AUTH_TOKEN",
            "TWILIO_FROM_NUMBER",
        ],
        "ringfence-reaper": [*servers, *keys, *account],
        "ringfence-migrate": ["DATABASE_URL"],
    }


def test_with_a_key_set_no_secret_for_tokens_is_given() -> None:
    """The api would refuse to start with both."""
    keys = "settings.JWT_JWKS_URL=https://id.example.com/keys"
    api = named(objects(rendered(*scenario("default"), "--set", keys)), "Deployment", "ringfence-api")
    assert "JWT_SECRET" not in json.dumps(api)


def test_migrations_are_a_hook_only_where_their_secret_is_there_before() -> None:
    """A hook runs before the objects of its release exist, and would wait for its own database for ever."""
    [hook] = of_kind(objects(rendered(*scenario("default"))), "Job")
    assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert hook["spec"]["template"]["spec"]["serviceAccountName"] == "default"
    [job] = of_kind(objects(rendered(*scenario("full"))), "Job")
    assert "annotations" not in job["metadata"]


def test_a_job_beside_the_services_has_a_new_name_when_it_changes() -> None:
    """A Job cannot be changed: an upgrade that tried would fail."""
    values = [("--set", f"image.digest=,image.tag={tag}") for tag in ("1.0.0", "1.0.1")]
    jobs = [of_kind(objects(rendered(*scenario("full"), *tagged)), "Job") for tagged in values]
    names = {job["metadata"]["name"] for [job] in jobs}
    assert len(names) == 2


def test_the_webhook_service_answers_under_its_public_address_and_nothing_beside_callbacks() -> None:
    found = objects(rendered(*scenario("full")))
    route = named(found, "HTTPRoute", "ringfence-webhook")["spec"]
    assert route["hostnames"] == ["calls.example.com"]
    [rule] = route["rules"]
    assert [match["path"]["value"] for match in rule["matches"]] == ["/twilio/webhooks/twilio"]
    ingress = named(objects(rendered(*scenario("ingress"))), "Ingress", "ringfence-webhook")["spec"]
    assert [path["path"] for path in ingress["rules"][0]["http"]["paths"]] == ["/webhooks/twilio"]


def test_liveness_asks_nobody_and_readiness_asks_for_work() -> None:
    for one in of_kind(objects(rendered(*scenario("default"))), "Deployment", "StatefulSet"):
        [container] = one["spec"]["template"]["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_names_that_yaml_takes_for_truth_values_stay_names() -> None:
    values = "fullnameOverride=no,nameOverride=off,secrets.existingSecret=yes,pod.priorityClassName=on"
    found = objects(rendered(*scenario("default"), "--set", values, name="yes"))
    api = named(found, "Deployment", "no-api")
    assert api["metadata"]["labels"]["app.kubernetes.io/name"] == "off"
    assert api["metadata"]["labels"]["app.kubernetes.io/instance"] == "yes"
    assert api["spec"]["template"]["spec"]["priorityClassName"] == "on"


def test_the_rule_object_holds_the_rules_unchanged() -> None:
    """Their annotations have templates of their own, which Helm must not touch."""
    rule = named(objects(rendered(*scenario("full"))), "PrometheusRule", "ringfence")
    [source] = objects((CHART / "files" / "rules.yml").read_text())
    assert rule["spec"] == source
