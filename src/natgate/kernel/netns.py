"""Sockets that live in another network namespace; the calling thread stays where it is."""

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from natgate.model.error import HostError

CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def inside(namespace: Path, make: Callable[[], T]) -> T:
    """Run `make` in the namespace, in a thread of its own; what it opens stays there."""

    def work() -> T:
        _enter(namespace)
        return make()

    return apart(work)


def apart(make: Callable[[], T]) -> T:
    """Run `make` in a thread of its own, which may go to another namespace; its result."""
    results: list[T] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            results.append(make())
        except BaseException as error:  # noqa: BLE001 (handed to the caller below)
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def open_socket(family: int, kind: int, protocol: int, namespace: Path | None) -> socket.socket:
    """A socket here, or in the namespace."""
    if namespace is None:
        return socket.socket(family, kind, protocol)
    return inside(namespace, lambda: socket.socket(family, kind, protocol))


def _enter(namespace: Path) -> None:
    try:
        fd = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"no network namespace at {namespace}: {error.strerror}") from None
    try:
        if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
            reason = os.strerror(ctypes.get_errno())
            raise HostError(f"cannot enter the network namespace {namespace}: {reason}")
    finally:
        os.close(fd)
