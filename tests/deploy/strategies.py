"""Values of the chart that somebody might set; most, but not all of them, go together."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", fullmatch=True)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
HOSTS = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){1,3}", fullmatch=True)
VARIABLES = st.from_regex("[A-Z]{3,9}", fullmatch=True)
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_categories=["Cc"]), max_size=30)
SECONDS = st.floats(0.001, 80_000, allow_nan=False) | st.integers(1, 80_000)
KEY_SETS = st.sampled_from(["", "https://id.example/keys", "http://id:8080/keys?a=b"])
TRUE = st.sampled_from([True])
ON = st.fixed_dictionaries({"enabled": st.booleans()})


@st.composite
def _settings(draw: st.DrawFn, host: str) -> dict[str, Any]:
    beat, nudge, stale = sorted(draw(st.lists(SECONDS, min_size=3, max_size=3, unique=True)))
    return {
        "WEBHOOK_PUBLIC_URL": f"https://{host}{draw(st.sampled_from(['', '/', ':8443', '/calls']))}",
        "JWT_JWKS_URL": draw(KEY_SETS),
        "HEARTBEAT_INTERVAL": beat,
        "NUDGE_AFTER": nudge,
        "STALE_AFTER": stale,
        "CALLS_PER_SECOND": draw(st.floats(0.0001, 100_000) | st.integers(1, 100_000)),
        "MAX_CONCURRENT_CALLS": draw(st.integers(1, 100_000)),
    }


def _servers(operated: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Secrets, database and broker: of operators, or of one's own."""
    if not operated:
        return st.fixed_dictionaries({"secrets": st.fixed_dictionaries({"existingSecret": NAMES})})
    store = st.fixed_dictionaries({"name": NAMES})
    external = {"enabled": TRUE, "store": store, "remoteKey": TEXTS.filter(bool)}
    cluster = {"enabled": TRUE, "instances": st.integers(2, 5), "synchronousStandbys": st.integers(0, 2)}
    return st.fixed_dictionaries(
        {
            "secrets": st.fixed_dictionaries(
                {"existingSecret": st.just(""), "externalSecret": st.fixed_dictionaries(external)}
            ),
            "database": st.fixed_dictionaries({"cnpg": st.fixed_dictionaries(cluster)}),
            "broker": st.fixed_dictionaries({"cluster": st.just({"enabled": True}), "policies": ON}),
        }
    )


def _api(host: str) -> st.SearchStrategy[dict[str, Any]]:
    scaling = {"enabled": st.booleans(), "minReplicas": st.integers(1, 7)}
    ingress = {"enabled": st.booleans(), "host": st.sampled_from(["api.example.com", host])}
    return st.fixed_dictionaries(
        {
            "replicas": st.integers(1, 9),
            "autoscaling": st.fixed_dictionaries(scaling),
            "extraEnv": st.dictionaries(VARIABLES, TEXTS | st.integers() | st.booleans(), max_size=3),
            "ingress": st.fixed_dictionaries(ingress),
        }
    )


@st.composite
def values(draw: st.DrawFn) -> dict[str, Any]:
    """A file of values."""
    host = draw(HOSTS)
    pod = {
        "labels": st.dictionaries(NAMES, NAMES, max_size=2),
        "annotations": st.dictionaries(NAMES, TEXTS, max_size=2),
    }
    dispatcher = {
        "replicas": st.integers(1, 9),
        "partitions": st.integers(1, 64),
        "preStopSeconds": st.sampled_from([0, 5, 10]),
    }
    return {
        "nameOverride": draw(st.just("") | NAMES),
        "fullnameOverride": draw(st.just("") | NAMES),
        "image": draw(st.fixed_dictionaries({"repository": NAMES, "tag": TAGS})),
        "settings": draw(_settings(host)),
        **draw(_servers(draw(st.booleans()))),
        "api": draw(_api(host)),
        "dispatcher": draw(st.fixed_dictionaries(dispatcher)),
        "reaper": draw(st.fixed_dictionaries({"replicas": st.integers(1, 9)})),
        "pod": draw(st.fixed_dictionaries(pod)),
        "networkPolicy": draw(ON),
        "monitoring": draw(st.fixed_dictionaries({"podMonitor": ON, "prometheusRule": ON})),
    }
