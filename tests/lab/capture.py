"""Packets as they cross a link of a lab, taken by the kernel itself from the moment of entering."""

import ctypes
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from natgate.lab import namespace

from . import divided
from .conftest import Bench

_ALL_IP, _OUTGOING = 0x0003, 4
_IPV4 = 0x0800
_SO_ATTACH_FILTER = 26
_RCVBUF = 1 << 24
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}


@dataclass(frozen=True, slots=True)
class Capture:
    """What has been seen: packets that come to a host, or those that leave it."""

    opened: socket.socket
    outgoing: bool

    def packets(self, wanted: int) -> list[bytes]:
        """The packets from the IP header on, once so many have come or the deadline has passed.

        With `wanted` 0: those that have come already.
        """
        found: list[bytes] = []
        deadline = time.monotonic() + (divided.SECONDS if wanted else 0)
        while True:
            left = max(0.0, deadline - time.monotonic()) if len(found) < wanted else 0.0
            if not select.select([self.opened], [], [], left)[0]:
                return found
            data, address = self.opened.recvfrom(65536)
            if (address[2] == _OUTGOING) == self.outgoing and address[1] == _IPV4:
                found.append(data)


@contextmanager
def capture(
    bench: Bench, host: str, link: str, expression: str, *, outgoing: bool = False
) -> Iterator[Capture]:
    """What arrives at a host by a link (or leaves by it) and matches an expression of tcpdump."""
    with divided.inside(bench, host):
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    with opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RCVBUF)
        count, program = _compiled(expression)
        buffer = ctypes.create_string_buffer(program)
        packed = struct.pack("HP", count, ctypes.addressof(buffer))
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, packed)
        opened.bind(("" if link == "any" else link, _ALL_IP))
        yield Capture(opened, outgoing)


def _compiled(expression: str) -> tuple[int, bytes]:
    """The filter as the kernel takes it, for packets that begin with their IP header."""
    argv = ["tcpdump", "-y", "RAW", "-ddd", f"ip and ({expression})"]
    count, *lines = namespace.run(argv).split("\n")
    steps = [tuple(map(int, line.split())) for line in lines if line]
    return int(count), b"".join(struct.pack("HBBI", *step) for step in steps)


def of_protocol(packet: bytes) -> str:
    """The name of the protocol that a packet carries."""
    return PROTOCOLS[packet[9]]
