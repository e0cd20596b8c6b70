"""Samples as Prometheus reads them, and as JSON."""

from prometheus_client.parser import text_string_to_metric_families as parse

from natgate.model.metric import METRICS, sample
from natgate.wire.exposition import metrics_json, parse_metrics, render_exposition

SAMPLES = (
    sample("natgate_generation", 3),
    sample("natgate_bytes_total", 7, side="inside", direction="in"),
    sample("natgate_build_info", 1, version='0"\n\\1'),
    sample("natgate_bytes_total", 8, side="outside", direction="out"),
)


def test_the_text_says_again_what_was_measured() -> None:
    """Prometheus's own parser finds every value with its labels, and the kind and meaning."""
    families = list(parse(render_exposition(SAMPLES)))
    found = {
        (s.name, tuple(sorted(s.labels.items())), s.value) for f in families for s in f.samples
    }
    assert found == {(s.name, tuple(sorted(s.labels.items())), s.value) for s in SAMPLES}
    kinds = {family.name.removesuffix("_total"): family.type for family in families}
    assert kinds["natgate_bytes"] == "counter"
    assert kinds["natgate_generation"] == "gauge"
    for family in families:
        name = family.samples[0].name
        assert family.documentation == f"{METRICS[name].meaning} ({METRICS[name].unit})"


def test_the_samples_of_a_metric_are_together() -> None:
    """In the order of the catalogue, in which also the document is."""
    document = metrics_json(SAMPLES)
    names = [metric["name"] for metric in document]
    assert names == ["natgate_build_info", "natgate_generation", "natgate_bytes_total"]
    assert [len(metric["samples"]) for metric in document] == [1, 1, 2]
    assert sorted(map(str, parse_metrics(document))) == sorted(map(str, SAMPLES))
    assert render_exposition(parse_metrics(document)) == render_exposition(SAMPLES)


def test_of_nothing_there_is_nothing() -> None:
    """No sample, no line."""
    assert render_exposition(()) == ""
    assert metrics_json(()) == []
