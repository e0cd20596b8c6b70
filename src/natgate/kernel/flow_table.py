"""The flows of this network namespace that somebody asks for; the kernel filters what it can.

A dump is of a table that goes on changing: a flow that ends or begins meanwhile may be in it or not.
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from natgate.kernel import sysctl
from natgate.kernel.netlink import NETFILTER, NetlinkError, NetlinkSocket
from natgate.model.error import RefusedError
from natgate.model.flow_choice import EVERY, Choice, matching
from natgate.model.open_flow import ICMP, IPV4, OpenFlow
from natgate.wire.flow_query import ANY, Side, end_one, get_chosen, get_one
from natgate.wire.netlink import Message
from natgate.wire.open_flow import parse_open

if TYPE_CHECKING:
    from natgate.model.flow_columns import Columns

COUNT = "net/netfilter/nf_conntrack_count"
ACCOUNTING = "net/netfilter/nf_conntrack_acct"


def count() -> int:
    """How many flows there are; 0 where the kernel has no table."""
    return int(sysctl.read(COUNT) or 0)


def accounted() -> bool:
    """Whether the kernel counts packets and bytes of new flows."""
    return sysctl.read(ACCOUNTING) == "1"


def chosen(choice: Choice) -> list[OpenFlow]:
    """The flows of a choice, one by one: for tables of some ten thousand."""
    matches = matching(choice)
    with _asked() as netlink:
        return [
            flow
            for question in get_chosen(choice)
            for message in netlink.each(question)
            if (flow := parse_open(message)) is not None and matches(flow)
        ]


def columns(choice: Choice, wanted: Iterable[str]) -> Iterator["Columns"]:
    """The flows that the kernel's filter leaves, many at once, with the columns that are wanted.

    They still are to be looked through for the choice.
    """
    return columns_of(get_chosen(choice), wanted)


def columns_of(questions: Iterable[Message], wanted: Iterable[str]) -> Iterator["Columns"]:
    """The flows of some dumps, many at once."""
    import numpy as np  # noqa: PLC0415 (slow, and for large tables only)

    from natgate.wire.flow_columns import Decoder, message_starts  # noqa: PLC0415 (the same)

    decoder = Decoder(wanted)
    with _asked() as netlink:
        for question in questions:
            for block, number in netlink.blocks(question):
                words = np.frombuffer(block, np.uint32)
                yield from decoder.decode(words, message_starts(words, number))


def one(family: int, *, original: Side = ANY, reply: Side = ANY) -> OpenFlow | None:
    """The flow that has one direction wholly, by a single look; None if there is none."""
    with _asked() as netlink:
        try:
            answers = netlink.collect(get_one(family, original=original, reply=reply))
        except NetlinkError as error:
            if error.code == errno.ENOENT:
                return None
            raise
    return next(filter(None, map(parse_open, answers)), None)


def end(flows: Iterable[OpenFlow]) -> int:
    """End these flows; how many of them are gone, those that ended by themselves included."""
    with _asked() as netlink:
        return netlink.done(map(end_one, flows), allow=(errno.ENOENT,))


def end_echoes(source: IPv4Address, ids: range) -> None:
    """End the flows of a host's ICMP echoes with these ids."""
    echoes = replace(EVERY, family=IPV4, protocol=ICMP, source=IPv4Network(source))
    end(flow for flow in chosen(echoes) if flow.source_port in ids)


def limits() -> dict[str, int]:
    """Seconds that established TCP connections and UDP streams may be idle, by the kernel's settings."""
    names = {"tcp": "tcp_timeout_established", "udp": "udp_timeout_stream"}
    return {
        name: int(value)
        for name, key in names.items()
        if (value := sysctl.read(f"net/netfilter/nf_conntrack_{key}")) is not None
    }


@contextmanager
def _asked() -> Iterator[NetlinkSocket]:
    try:
        with NetlinkSocket(NETFILTER) as netlink:
            yield netlink
    except NetlinkError as error:
        if error.code == errno.EPERM:
            raise RefusedError(
                "the kernel shows its flows only with CAP_NET_ADMIN: run as root"
            ) from None
        raise
