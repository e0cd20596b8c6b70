"""The catalogue of metrics."""

import pytest

from natgate.model.metric import METRICS, Sample, sample


def test_names_follow_the_rules_of_prometheus() -> None:
    """A counter ends in _total, a gauge does not; every one is natgate's and says what it means."""
    for name, metric in METRICS.items():
        assert name.startswith("natgate_")
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert metric.meaning, name
        assert metric.unit, name


def test_a_sample_has_the_labels_of_its_metric() -> None:
    """In the order of the catalogue; another name or label is a mistake."""
    made = sample("natgate_bytes_total", 7, direction="in", side="inside")
    assert made == Sample(
        name="natgate_bytes_total", labels={"side": "inside", "direction": "in"}, value=7
    )
    assert list(made.labels) == ["side", "direction"]
    with pytest.raises(KeyError, match="has the labels"):
        sample("natgate_bytes_total", 7, side="inside")
    with pytest.raises(KeyError):
        sample("natgate_invented", 7)
