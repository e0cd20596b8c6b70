"""Secrets: from a file or the environment, never from a command line."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from natgate.model.error import RefusedError
from natgate.model.exposition import Exposition
from natgate.model.spec import Heartbeat
from natgate.wire.heartbeat import MIN_KEY


def read_key(heartbeat: Heartbeat, environment: Mapping[str, str] = os.environ) -> bytes:
    """The shared key; RefusedError if it is missing, too short, or open to others."""
    if heartbeat.key_env:
        value = environment.get(heartbeat.key_env)
        if not value:
            raise RefusedError(f"heartbeat.key_env: {heartbeat.key_env} is not set")
        return _long_enough(value.encode(), f"{heartbeat.key_env}")
    if heartbeat.key_file:
        key = read_secret("heartbeat.key_file", Path(heartbeat.key_file))
        return _long_enough(key, heartbeat.key_file)
    return os.urandom(32)  # a single node has nobody to talk to


def read_token(exposition: Exposition, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """What scrapers must show; None if nothing, RefusedError as for the key."""
    if exposition.token_env:
        value = environment.get(exposition.token_env)
        if not value:
            raise RefusedError(f"metrics.token_env: {exposition.token_env} is not set")
        return _long_enough(value.encode(), exposition.token_env, "metrics token")
    if exposition.token_file:
        token = read_secret("metrics.token_file", Path(exposition.token_file))
        return _long_enough(token, exposition.token_file, "metrics token")
    return None


def read_secret(field: str, path: Path) -> bytes:
    """The content of a file that only its owner can read, less the line end; else a RefusedError."""
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RefusedError(f"{field}: {path} is open to others: chmod 600 {path}")
        return path.read_bytes().strip()
    except OSError as error:
        raise RefusedError(f"{field}: cannot read {path}: {error.strerror}") from None


def _long_enough(key: bytes, name: str, what: str = "heartbeat key") -> bytes:
    if len(key) < MIN_KEY:
        raise RefusedError(f"the {what} in {name} is shorter than {MIN_KEY} characters")
    return key
