"""Connections that stay open, over real sockets on the loopback; the clock is ours."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from natgate.lab.lasting import Download, Lasting, Stream

Opened = tuple[Lasting, socket.socket]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Somebody who accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def opened(server: socket.socket) -> Iterator[Callable[[type[Lasting]], Opened]]:
    """Opens a connection of a kind; gives it and its far end."""
    ends: list[socket.socket] = []

    def make(kind: type[Lasting]) -> Opened:
        near = kind(server.getsockname())
        far, _ = server.accept()
        ends.extend((near.socket, far))
        near.begin(0.0)
        return near, far

    yield make
    for end in ends:
        end.close()


def arrive(near: Lasting, far: socket.socket, data: bytes, now: float) -> None:
    """Let data come, and be seen at a time."""
    far.send(data)
    deadline = time.monotonic() + 5
    while not near.receive(now):
        assert time.monotonic() < deadline, "nothing came"


@pytest.mark.parametrize("kind", [Stream, Download])
def test_the_longest_silence_is_the_stall(
    opened: Callable[[type[Lasting]], Opened], kind: type[Lasting]
) -> None:
    """A connection that answers after the watch has survived, whatever its stall."""
    near, far = opened(kind)
    for now in (0.01, 0.24, 0.25):
        arrive(near, far, b"x", now)
    assert near.doubtful(0.26)
    arrive(near, far, b"x", 0.27)
    assert not near.doubtful(0.26)
    found = near.report(0.26)
    assert (found["survived"], found["stall_ms"]) == (True, 230.0)


@pytest.mark.parametrize("kind", [Stream, Download])
def test_silence_until_the_end_is_a_loss(
    opened: Callable[[type[Lasting]], Opened], kind: type[Lasting]
) -> None:
    """A connection that hangs has not survived, and stood still since it last made progress."""
    near, far = opened(kind)
    arrive(near, far, b"x", 0.5)
    assert near.receive(2.0) == 0
    found = near.report(2.0)
    assert (found["survived"], found["stall_ms"]) == (False, 1500.0)


@pytest.mark.parametrize("kind", [Stream, Download])
def test_an_end_is_a_loss_at_once(
    opened: Callable[[type[Lasting]], Opened], kind: type[Lasting]
) -> None:
    """Nobody waits for a connection that was closed or reset."""
    near, far = opened(kind)
    far.close()
    deadline = time.monotonic() + 5
    while not near.broken:
        near.receive(0.1)
        assert time.monotonic() < deadline, "the end was not seen"
    assert not near.doubtful(1.0)
    assert near.report(1.0)["survived"] is False


def test_a_stream_whose_way_is_full_waits(opened: Callable[[type[Lasting]], Opened]) -> None:
    """A message that cannot leave breaks nothing: it is part of the stall."""
    near, _ = opened(Stream)
    assert isinstance(near, Stream)
    for _ in range(1000):
        near.send(bytes(65536))
    assert not near.broken


def test_a_download_counts_what_came_since_it_began(
    opened: Callable[[type[Lasting]], Opened],
) -> None:
    """The rate is that of the watch: what came before is not in it."""
    near, far = opened(Download)
    assert isinstance(near, Download)
    arrive(near, far, bytes(5000), 0.0)
    near.begin(1.0)
    far.send(bytes(25_000))
    deadline = time.monotonic() + 5
    while near.bytes < 25_000:
        near.look(1.5)
        assert time.monotonic() < deadline, "not all came"
    assert near.report(2.0)["mbit_s"] == 0.2
