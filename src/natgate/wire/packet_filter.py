"""Which packets of a link a packet socket gets, as classic BPF programs.

Loads are relative to the network header (SKF_NET_OFF in linux/filter.h), so that they fit every link.
"""

import struct
from typing import Literal

from natgate.model.trace import Protocol
from natgate.wire.guard import (
    IPV4,
    JUMP_IF_EQUAL,
    LOAD_HALF,
    LOAD_WORD,
    RETURN,
    SKF_AD_PROTOCOL,
    SKF_NET_OFF,
    Instruction,
)
from natgate.wire.probe import NUMBERS

Direction = Literal["in", "out"]

_LOAD_BYTE = 0x30
_PACKET_TYPE = 0xFFFFF004
_OUTGOING = 4
_PROTOCOL, _HEADER = 9, 20
_WHOLE = 0xFFFFFFFF
_FORMAT = struct.Struct("=HBBI")
_TOKEN = {"tcp": 4, "udp": 8, "icmp": 8}

Test = tuple[int, int, int, bool]
"""How a value is loaded, from where, what it must be, and whether it must."""


def ipv4_of(direction: Direction) -> bytes:
    """Every IPv4 packet of one direction."""
    return _all((LOAD_HALF, SKF_AD_PROTOCOL, IPV4, True), _way(direction))


def token_of(protocol: Protocol, token: int, direction: Direction | None = None) -> bytes:
    """The IPv4 packets with a token and without options, of one direction or of both."""
    at = SKF_NET_OFF + _HEADER + _TOKEN[protocol]
    return _all(
        (LOAD_HALF, SKF_AD_PROTOCOL, IPV4, True),
        (_LOAD_BYTE, SKF_NET_OFF + _PROTOCOL, NUMBERS[protocol], True),
        (LOAD_WORD, at, token, True),
        *((_way(direction),) if direction is not None else ()),
    )


def _way(direction: Direction) -> Test:
    return _LOAD_BYTE, _PACKET_TYPE, _OUTGOING, direction == "out"


def _all(*tests: Test) -> bytes:
    """Packets that pass every test."""
    program: list[Instruction] = []
    for index, (load, where, value, wanted) in enumerate(tests):
        fail = 2 * (len(tests) - index) - 1
        program.append((load, 0, 0, where))
        program.append(
            (JUMP_IF_EQUAL, 0, fail, value) if wanted else (JUMP_IF_EQUAL, fail, 0, value)
        )
    program += [(RETURN, 0, 0, _WHOLE), (RETURN, 0, 0, 0)]
    return b"".join(_FORMAT.pack(*each) for each in program)
