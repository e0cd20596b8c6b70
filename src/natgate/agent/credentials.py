"""What a fence needs to be let in: certificates and keys from files, the password from the environment."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from natgate.agent.key import read_secret
from natgate.model.error import RefusedError
from natgate.model.steering import EtcdFence
from natgate.store.etcd import Credentials


def read_credentials(fence: EtcdFence, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Everything that the spec names; RefusedError if it is missing, or a secret open to others."""
    password = environment.get(fence.password_env) if fence.password_env else None
    if fence.password_env and not password:
        raise RefusedError(f"fence.password_env: {fence.password_env} is not set")
    key = read_secret("fence.key_file", Path(fence.key_file)) if fence.key_file else None
    found = Credentials(
        authority=_read("fence.ca_file", fence.ca_file),
        certificate=_read("fence.cert_file", fence.cert_file),
        key=key,
        password=password,
    )
    _check(fence)
    return found


def _check(fence: EtcdFence) -> None:
    """The files hold what they should: else the client library would only stay away."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if fence.ca_file:
            context.load_verify_locations(fence.ca_file)
    except OSError:
        raise RefusedError(f"fence.ca_file: {fence.ca_file} holds no certificate (PEM)") from None
    try:
        if fence.cert_file:
            context.load_cert_chain(fence.cert_file, fence.key_file, password="")
    except OSError:
        raise RefusedError(
            f"fence.cert_file: {fence.cert_file} and {fence.key_file} are no certificate and its "
            "key (PEM, the key without a password)"
        ) from None


def _read(field: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise RefusedError(f"{field}: cannot read {name}: {error.strerror}") from None
