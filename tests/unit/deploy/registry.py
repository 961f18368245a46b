"""What our services export: every sample's name with its labels, from the registry itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from shared import metrics

SET_BY_PROMETHEUS = {"job", "instance", "namespace", "pod", "service", "partition"}
OURS = [value for value in vars(metrics).values() if isinstance(value, (Counter, Gauge, Histogram))]
DATABASE_GAUGES = {gauge._name for gauge in metrics.DATABASE_GAUGES}


def exported() -> dict[str, set[str]]:
    """Sample names, `_total` and `_bucket` included, and the labels each may have."""
    samples: dict[str, set[str]] = {}
    for metric in OURS:
        labels = set(metric._labelnames) | SET_BY_PROMETHEUS
        match metric:
            case Counter():
                samples[f"{metric._name}_total"] = labels
            case Histogram():
                samples[f"{metric._name}_bucket"] = labels | {"le"}
                samples[f"{metric._name}_count"] = samples[f"{metric._name}_sum"] = labels
            case _:
                samples[metric._name] = labels
    for family in metrics.REGISTRY.collect():
        for sample in family.samples:
            if not sample.name.startswith("ringfence_"):
                samples[sample.name] = set(sample.labels) | SET_BY_PROMETHEUS
    return samples
