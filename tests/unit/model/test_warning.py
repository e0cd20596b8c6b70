"""The catalogue of warnings."""

import pytest

from natgate.model.warning import CATALOGUE, ActiveWarning, WarningKind, warning


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=CATALOGUE)
def test_every_warning_says_what_it_means_and_what_to_do(kind: WarningKind) -> None:
    """Each code has a severity, a meaning and a way out."""
    assert CATALOGUE[kind.code] is kind
    assert kind.severity in {"info", "warning", "critical"}
    assert len(kind.meaning) > 20
    assert len(kind.way_out) > 20


def test_a_warning_is_one_of_the_catalogue() -> None:
    """A warning carries a code of the catalogue; another code is a mistake in natgate."""
    made = warning("node-dead", "node-a", "node-a answers nothing")
    assert made == ActiveWarning(code="node-dead", subject="node-a", text="node-a answers nothing")
    with pytest.raises(KeyError):
        warning("no-such-code", "x", "y")
