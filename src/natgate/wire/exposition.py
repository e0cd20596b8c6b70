"""Samples in the text format of Prometheus (version 0.0.4), and as JSON."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from natgate.model.metric import METRICS, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Samples(Collector):
    """What `generate_latest` asks for."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """One family for each metric that has a sample."""
        for name, samples in _families(self._samples):
            metric = METRICS[name]
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(name, f"{metric.meaning} ({metric.unit})", labels=metric.labels)
            for each in samples:
                family.add_metric([each.labels[label] for label in metric.labels], each.value)
            yield family


def _families(samples: Iterable[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    """The samples of each metric together, in the order of the catalogue."""
    order = {name: index for index, name in enumerate(METRICS)}
    ordered = sorted(samples, key=lambda each: order[each.name])
    for name, found in groupby(ordered, key=lambda each: each.name):
        yield name, list(found)


def render_exposition(samples: Iterable[Sample]) -> str:
    """The text that Prometheus scrapes."""
    return generate_latest(_Samples(samples)).decode()


def metrics_json(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Each metric with its kind, unit, meaning and samples."""
    return [
        {
            "name": name,
            "kind": METRICS[name].kind,
            "unit": METRICS[name].unit,
            "meaning": METRICS[name].meaning,
            "samples": [{"labels": dict(s.labels), "value": s.value} for s in found],
        }
        for name, found in _families(samples)
    ]


def parse_metrics(document: Iterable[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """The samples of such a document."""
    return tuple(
        Sample(name=metric["name"], labels=each["labels"], value=each["value"])
        for metric in document
        for each in metric["samples"]
    )
