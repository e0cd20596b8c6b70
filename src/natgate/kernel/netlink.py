"""A netlink socket that asks and waits for the whole answer."""

import contextlib
import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from natgate.kernel.netns import open_socket
from natgate.model.error import HostError
from natgate.wire import netlink
from natgate.wire.netlink import Message, parse_messages
from natgate.wire.rtnetlink import sequence

ROUTE, NETFILTER = 0, 12
SOL_NETLINK = 270
ADD_MEMBERSHIP = 1
RECEIVE_BUFFER_FORCE = 33
"""SO_RCVBUFFORCE, which socket(7) has and Python has no name for."""
_BUFFER = 1 << 16
_BLOCK = 1 << 22
_DONE = 20
"""Bytes of the message that ends a dump; an error has 16 more."""

_SMALL = 36
_SECONDS = 5.0
"""The kernel answers within microseconds; a socket that stays silent so long is broken."""


def listener(
    family: int, groups: Sequence[int], *, buffer: int, namespace: Path | None = None
) -> socket.socket:
    """A socket that gets what the kernel says to these groups; it never blocks.

    `buffer`: bytes that may wait, less without CAP_NET_ADMIN. PermissionError for a group that is
    not for everybody.
    """
    made = open_socket(socket.AF_NETLINK, socket.SOCK_RAW, family, namespace)
    try:
        made.setblocking(False)
        with contextlib.suppress(PermissionError):
            made.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER_FORCE, buffer)
        made.bind((0, 0))
        for group in groups:
            made.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    except BaseException:
        made.close()
        raise
    return made


class NetlinkError(HostError):
    """The kernel refused a message; `code` is its errno."""

    def __init__(self, code: int, what: str) -> None:
        self.code = code
        super().__init__(f"{what}: {os.strerror(code)}")


class NetlinkSocket:
    """Requests to one netlink family, in this network namespace or in another."""

    def __init__(self, family: int, namespace: Path | None = None) -> None:
        self._socket = open_socket(socket.AF_NETLINK, socket.SOCK_RAW, family, namespace)
        self._socket.bind((0, 0))
        self._socket.settimeout(_SECONDS)
        self._next = secrets.randbits(30)  # a number that is nothing else in an answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def dump(self, question: Message) -> list[Message]:
        """Every message of the answer to a dump; NetlinkError if it is refused."""
        return list(self.each(question))

    def each(self, question: Message) -> Iterator[Message]:
        """The same one by one: whoever has seen enough of a long dump closes the socket."""
        (numbered,) = self._send([question])
        while True:
            for message in parse_messages(self._receive()):
                if message.sequence != numbered.sequence:
                    continue
                if message.type == netlink.DONE:
                    return
                if message.type == netlink.ERROR:
                    raise NetlinkError(netlink.error_of(message), "netlink dump")
                yield message

    def blocks(self, question: Message) -> Iterator[tuple[memoryview, int]]:
        """A dump in large blocks of whole messages, with the sequence number that each bears.

        A block is good until the next one is asked for: it is the same memory.
        """
        (numbered,) = self._send([question])
        buffer = memoryview(bytearray(_BLOCK))
        done = False
        while not done:
            used = 0
            while not done and used + _BUFFER <= _BLOCK:
                size = self._receive_into(buffer[used : used + _BUFFER])
                rest, done = _last(buffer[used : used + size], numbered.sequence)
                used += rest
            yield buffer[:used], numbered.sequence

    def collect(self, question: Message) -> list[Message]:
        """The messages that answer a question asked with ACK; NetlinkError if it is refused."""
        (numbered,) = self._send([question])
        found: list[Message] = []
        while True:
            for message in parse_messages(self._receive()):
                if message.sequence != numbered.sequence:
                    continue
                if message.type != netlink.ERROR:
                    found.append(message)
                elif netlink.error_of(message):
                    raise NetlinkError(netlink.error_of(message), "netlink question")
                else:
                    return found

    def ask(self, messages: Sequence[Message]) -> list[int]:
        """Send all messages at once; the errno of each, 0 where it was done."""
        if not messages:
            return []
        numbered = self._send(messages)
        codes: dict[int, int] = {}
        while len(codes) < len(numbered):
            for message in parse_messages(self._receive()):
                if message.type == netlink.ERROR:
                    codes[message.sequence] = netlink.error_of(message)
        return [codes.get(message.sequence, 0) for message in numbered]

    def tell(self, messages: Sequence[Message]) -> None:
        """Send messages at once and wait for nothing; what is refused is not told."""
        self._send(messages)

    def done(self, messages: Iterable[Message], *, allow: tuple[int, ...] = ()) -> int:
        """Send messages one by one; how many were done, or failed with an allowed errno."""
        codes = [self.ask([message])[0] for message in messages]
        return sum(1 for code in codes if not code or code in allow)

    def do(self, message: Message, what: str, *, allow: tuple[int, ...] = ()) -> None:
        """Send one message; NetlinkError unless it was done or failed with an allowed errno."""
        (code,) = self.ask([message])
        if code and code not in allow:
            raise NetlinkError(code, what)

    def _send(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        numbered = sequence(messages, self._next)
        self._next += len(numbered)
        self._socket.send(b"".join(message.render() for message in numbered))
        return numbered

    def _receive_into(self, buffer: memoryview) -> int:
        try:
            return self._socket.recv_into(buffer)
        except TimeoutError:
            raise HostError("the kernel did not answer over netlink") from None

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_BUFFER)
        except TimeoutError:
            raise HostError("the kernel did not answer over netlink") from None


def _last(datagram: memoryview, number: int) -> tuple[int, bool]:
    """How many bytes of a dump's datagram are its flows, and whether it is the last one."""
    first = next(parse_messages(bytes(datagram[:_SMALL])), None)
    if first is not None and first.sequence == number and first.type == netlink.ERROR:
        raise NetlinkError(netlink.error_of(first), "netlink dump")
    tail = next(parse_messages(bytes(datagram[-_DONE:])), None)
    if tail is not None and tail.sequence == number and tail.type == netlink.DONE:
        if netlink.error_of(tail):
            raise NetlinkError(netlink.error_of(tail), "netlink dump")
        return len(datagram) - _DONE, True
    return len(datagram), False
