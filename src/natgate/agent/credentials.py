"""What a fence needs to be let in: certificates and keys from files, the password from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from natgate.agent.key import read_secret
from natgate.model.error import RefusedError
from natgate.model.spec import EtcdFence
from natgate.store.etcd import Credentials


def read_credentials(fence: EtcdFence, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Everything that the spec names; RefusedError if it is missing, or a secret open to others."""
    password = environment.get(fence.password_env) if fence.password_env else None
    if fence.password_env and not password:
        raise RefusedError(f"fence.password_env: {fence.password_env} is not set")
    key = read_secret("fence.key_file", Path(fence.key_file)) if fence.key_file else None
    return Credentials(
        authority=_read("fence.ca_file", fence.ca_file),
        certificate=_read("fence.cert_file", fence.cert_file),
        key=key,
        password=password,
    )


def _read(field: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise RefusedError(f"{field}: cannot read {name}: {error.strerror}") from None
