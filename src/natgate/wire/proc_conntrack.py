"""Lines of /proc/net/nf_conntrack, and of `conntrack -L` with and without `-o extended`."""

import re
from typing import NamedTuple

_HEAD = re.compile(r"\s*(?:ipv[46]\s+\d+\s+)?([^\s=]+)\s+(\d+)\s")
_ENDS = re.compile(r"(?<!\S)src=(\S*)\s+dst=(\S*)(?:\s+sport=(\S*)\s+dport=(\S*))?")
_STATE = re.compile(
    r"(?<!\S)[^\sACEFSTU]*"
    r"(ESTABLISHED|TIME_WAIT|FIN_WAIT|SYN_RECV|SYN_SENT|UNREPLIED|CLOSE|ASSURED)"
)
_BOTH_WAYS = 2


class Ends(NamedTuple):
    """One direction of a flow, as the kernel wrote it; without ports they are empty."""

    source: str
    destination: str
    source_port: str
    destination_port: str


class Entry(NamedTuple):
    """A line of the table."""

    protocol: str
    """The kernel's name of it; `unknown` for one that it does not track by name."""
    number: str
    """The number of the protocol."""
    original: Ends
    """The direction of the first packet."""
    reply: Ends
    """The direction in which answers are expected."""
    state: str
    """The first word that netstat-nat 2a takes for a state, or nothing."""


def parse_entry(line: str) -> Entry | None:
    """What a line says; None for one that has no protocol, or not both directions.

    The state is the first of netstat-nat's eight that starts a word, where capitals may precede
    it that start none: `CLOSE_WAIT` is `CLOSE`, `[ASSURED]` is `ASSURED`, `LAST_ACK` is none.
    """
    head = _HEAD.match(line)
    ways = _ENDS.findall(line)
    if head is None or len(ways) < _BOTH_WAYS:
        return None
    state = _STATE.search(line)
    return Entry(
        head[1], head[2], Ends(*ways[0]), Ends(*ways[1]), "" if state is None else state[1]
    )
