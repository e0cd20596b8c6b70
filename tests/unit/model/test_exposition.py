"""Where the operator wants metrics."""

import pytest

from natgate.model.exposition import Exposition, exposition_problem


def test_nothing_listens_unless_asked_for() -> None:
    """Without a place there is no endpoint, and nothing to object to."""
    assert Exposition().place is None
    assert exposition_problem(Exposition()) is None


@pytest.mark.parametrize("listen", ["127.0.0.1:9646", "127.9.9.9:1"])
def test_loopback_needs_no_token(listen: str) -> None:
    """Only this machine reaches it."""
    assert exposition_problem(Exposition(listen=listen)) is None


@pytest.mark.parametrize("listen", ["0.0.0.0:9646", "node:9646", "10.0.0.1:9646"])
def test_beyond_loopback_a_token_is_needed(listen: str) -> None:
    """Whichever way it is given."""
    assert "token" in (exposition_problem(Exposition(listen=listen)) or "")
    for given in ({"token_file": "/t"}, {"token_env": "TOKEN"}):
        exposition = Exposition.model_validate({"listen": listen, **given})
        assert exposition_problem(exposition) is None


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.1:65536", "300.0.0.1:9646"])
def test_what_is_no_place_is_refused(listen: str) -> None:
    """A port and an address that cannot be."""
    assert " is no " in (exposition_problem(Exposition(listen=listen)) or "")
