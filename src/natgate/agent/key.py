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
    variable, file = heartbeat.key_env, heartbeat.key_file
    key = _read("heartbeat.key", variable, file, environment, "heartbeat key")
    return key or os.urandom(32)  # a single node has nobody to talk to


def read_token(exposition: Exposition, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """What scrapers must show; None if nothing, RefusedError as for the key."""
    variable, file = exposition.token_env, exposition.token_file
    return _read("metrics.token", variable, file, environment, "metrics token")


def _read(
    field: str, variable: str | None, file: str | None, environment: Mapping[str, str], what: str
) -> bytes | None:
    """What a variable or a file holds, the variable first; None if neither is named."""
    if variable:
        value = environment.get(variable)
        if not value:
            raise RefusedError(f"{field}_env: {variable} is not set")
        return _long_enough(value.encode(), variable, what)
    return _long_enough(read_secret(f"{field}_file", Path(file)), file, what) if file else None


def read_secret(field: str, path: Path) -> bytes:
    """The content of a file that only its owner can read, less the line end; else a RefusedError."""
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RefusedError(f"{field}: {path} is open to others: chmod 600 {path}")
        return path.read_bytes().strip()
    except OSError as error:
        raise RefusedError(f"{field}: cannot read {path}: {error.strerror}") from None


def _long_enough(key: bytes, name: str, what: str) -> bytes:
    if len(key) < MIN_KEY:
        raise RefusedError(f"the {what} in {name} is shorter than {MIN_KEY} characters")
    return key
