"""The key that nodes share."""

from pathlib import Path

import pytest

from natgate.agent.key import read_key, read_token
from natgate.model.error import RefusedError
from natgate.model.exposition import Exposition
from natgate.model.spec import Heartbeat

KEY = "0123456789abcdef"


def test_the_environment_holds_the_key() -> None:
    """The variable that the spec names is read, and nothing else."""
    assert read_key(Heartbeat(key_env="K"), {"K": KEY, "L": "x"}) == KEY.encode()


def test_the_file_holds_the_key(tmp_path: Path) -> None:
    """A file that only its owner can read is read, less the line end."""
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    assert read_key(Heartbeat(key_file=str(path)), {}) == KEY.encode()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "heartbeat.key_env: K is not set"),
        ({"K": ""}, "heartbeat.key_env: K is not set"),
        ({"K": "short"}, "the heartbeat key in K is shorter than 16 characters"),
    ],
)
def test_a_missing_or_short_key_is_refused(environment: dict[str, str], message: str) -> None:
    """The sentence names the variable and never shows the key."""
    with pytest.raises(RefusedError) as caught:
        read_key(Heartbeat(key_env="K"), environment)
    assert str(caught.value) == message
    assert "short" not in message.replace("shorter", "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A file that is open to others is no secret; the sentence says how to close it."""
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(mode)
    with pytest.raises(RefusedError, match=f"is open to others: chmod 600 {path}") as caught:
        read_key(Heartbeat(key_file=str(path)), {})
    assert KEY not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder and a short key are refused by name."""
    missing = tmp_path / "missing"
    with pytest.raises(RefusedError, match=f"cannot read {missing}: No such file"):
        read_key(Heartbeat(key_file=str(missing)), {})
    tmp_path.chmod(0o700)
    with pytest.raises(RefusedError, match="cannot read"):
        read_key(Heartbeat(key_file=str(tmp_path)), {})
    short = tmp_path / "short"
    short.write_text("  0123456789 \n")
    short.chmod(0o600)
    with pytest.raises(RefusedError, match="shorter than 16"):
        read_key(Heartbeat(key_file=str(short)), {})


def test_a_single_node_needs_no_key() -> None:
    """Who has nobody to talk to draws a key of its own, another one each time."""
    keys = {read_key(Heartbeat(), {}) for _ in range(3)}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}


def test_a_token_is_kept_like_the_key(tmp_path: Path) -> None:
    """From the environment or a file of its owner's alone, and not short; or there is none."""
    path = tmp_path / "token"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    in_file = Exposition.model_validate({"token_file": str(path)})
    in_environment = Exposition.model_validate({"token_env": "T"})
    assert read_token(Exposition(), {}) is None
    assert read_token(in_file, {}) == read_token(in_environment, {"T": KEY}) == KEY.encode()
    with pytest.raises(RefusedError, match=r"metrics\.token_env: T is not set"):
        read_token(in_environment, {})
    with pytest.raises(RefusedError, match="the metrics token in T is shorter"):
        read_token(in_environment, {"T": "short"})
    path.chmod(0o644)
    with pytest.raises(RefusedError, match="is open to others"):
        read_token(in_file, {})
