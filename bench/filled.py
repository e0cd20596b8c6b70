"""A flow table with very many translated flows, made by ctnetlink without a packet.

Of ten flows seven are SNAT over TCP, two SNAT over UDP, and of the rest some are DNAT and some plain
(the mixture of research/conntrack.md). Messages are one template each with numbers put in by numpy.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from natgate.kernel.netlink import NETFILTER
from natgate.wire.netlink import CREATE, EXCLUSIVE, NESTED, REQUEST, Message, attribute

NEW_FLOW = 0x100
HOSTS = 65_536
"""Hosts inside, from 10.0.0.0 on, with about as many flows each."""

PUBLIC, FAR = 0xCB007101, 0xC6336401
"""203.0.113.1, and hosts from 198.51.100.1 on."""

_BATCH = 250
MIXTURE = ((6, "snat"),) * 70 + ((17, "snat"),) * 20 + ((6, "dnat"),) * 4 + ((6, "none"),) * 6


def fill(count: int) -> None:
    """Put so many flows into this namespace's table."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER) as netlink:
        netlink.setblocking(False)
        for numbers, (protocol, kind) in _parts(count):
            messages = _messages(numbers, protocol, kind)
            size = len(messages[0])
            whole = messages.tobytes()
            for first in range(0, len(whole), _BATCH * size):
                netlink.send(whole[first : first + _BATCH * size])
                with suppress(BlockingIOError):  # what the kernel refused
                    while True:
                        netlink.recv(1 << 16)


def _parts(count: int) -> Iterator[tuple[NDArray[np.int64], tuple[int, str]]]:
    numbers = np.arange(count)
    places = numbers % len(MIXTURE)
    for kind in dict.fromkeys(MIXTURE):
        mine = np.isin(places, [i for i, each in enumerate(MIXTURE) if each == kind])
        yield numbers[mine], kind


def _messages(numbers: NDArray[np.int64], protocol: int, kind: str) -> NDArray[np.uint8]:
    """One row of bytes for each flow."""
    template = _template(protocol, kind)
    rows = np.tile(np.frombuffer(template, np.uint8), (len(numbers), 1))
    host = 0x0A000000 + numbers % HOSTS
    port = 1025 + numbers // HOSTS * 7 % 60_000
    public = PUBLIC + (numbers >> 16 & 0xF)
    far = FAR + numbers % 200
    for marker, values, size in (
        (_HOST, host, 4),
        (_FAR, far, 4),
        (_PUBLIC, public, 4),
        (_PORT, port, 2),
        (_OUTSIDE, numbers % 64_000 + 1025, 2),
    ):
        data = values.astype(f">u{size}").view(np.uint8).reshape(-1, size)
        at = template.find(marker)
        while at >= 0:
            rows[:, at : at + size] = data
            at = template.find(marker, at + 1)
    return rows


_HOST, _FAR, _PUBLIC = b"\xa1\xa2\xa3\xa4", b"\xb1\xb2\xb3\xb4", b"\xc1\xc2\xc3\xc4"
_PORT, _OUTSIDE = b"\xd1\xd2", b"\xe1\xe2"
_HTTPS = struct.pack(">H", 443)


def _nested(kind: int, *parts: bytes) -> bytes:
    return attribute(kind | NESTED, b"".join(parts))


def _tuple(
    kind: int, protocol: int, ends: tuple[bytes, bytes], ports: tuple[bytes, bytes]
) -> bytes:
    pair = _nested(1, attribute(1, ends[0]), attribute(2, ends[1]))
    proto = [attribute(2, ports[0]), attribute(3, ports[1])]
    return _nested(kind, pair, _nested(2, attribute(1, bytes([protocol])), *proto))


def _template(protocol: int, kind: str) -> bytes:
    """A message with marks where the numbers of a flow go."""
    begins, ends = (_HOST, _PORT), (_FAR, _HTTPS)
    if kind == "dnat":
        begins, ends = (_FAR, _OUTSIDE), (_PUBLIC, _HTTPS)
    (source, sport), (destination, dport) = begins, ends
    body = struct.pack("=BBH", 2, 0, 0)
    body += _tuple(1, protocol, (source, destination), (sport, dport))
    body += _tuple(2, protocol, (destination, source), (dport, sport))
    body += attribute(3, struct.pack(">I", 0x0E)) + attribute(7, struct.pack(">I", 3600))
    if protocol == 6:  # noqa: PLR2004 (TCP)
        body += _nested(4, _nested(1, attribute(1, b"\x03")))
    nat, address, port = (6, _PUBLIC, _OUTSIDE) if kind == "snat" else (13, _HOST, _HTTPS)
    if kind != "none":
        ports = _nested(3, attribute(1, port), attribute(2, port))
        body += _nested(nat, attribute(1, address), attribute(2, address), ports)
    flags = REQUEST | CREATE | EXCLUSIVE
    return Message(type=NEW_FLOW, flags=flags, sequence=1, body=body).render()
