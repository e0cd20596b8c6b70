"""Flows of this network namespace, over ctnetlink."""

import errno
from collections.abc import Callable, Collection, Iterable, Sequence
from ipaddress import IPv4Address

from natgate.kernel.netlink import NETFILTER, NetlinkSocket
from natgate.model.address import Prefixes, covers
from natgate.model.flow import Flow
from natgate.wire import conntrack
from natgate.wire.conntrack import LiveFlow
from natgate.wire.netlink import Message

Chosen = tuple[frozenset[bytes], int, int]
"""Addresses of a gateway as bytes, with the first and the last port."""

BATCH = 200
"""Messages in one send."""


def end_untranslated(inside: Prefixes, internal: Prefixes) -> int:
    """End the flows from `inside` to beyond `internal` whose source is untranslated; how many.

    Such flows met no rule at their first packet and would stay untranslated for life
    (research/peers-failover.md C1, finding 5).
    """

    def stale(message: Message) -> bool:
        if conntrack.parse_translated(message) is not None:
            return False
        ends = conntrack.parse_endpoints(message)
        return ends is not None and covers(inside, ends[0]) and not covers(internal, ends[1])

    return _end(conntrack.get_untranslated(), stale)


def end_withdrawn(inside: Prefixes, internal: Prefixes, allowed: Collection[IPv4Address]) -> int:
    """End the flows from `inside` that the far end sees as none of `allowed`; how many."""

    def stale(message: Message) -> bool:
        seen = conntrack.parse_translated(message)
        ends = conntrack.parse_endpoints(message)
        if seen is None or seen in allowed or ends is None:
            return False
        return covers(inside, ends[0]) and not covers(internal, ends[1])

    return _end(conntrack.get_flows(), stale)


def every() -> list[Flow]:
    """Every IPv4 flow."""
    with NetlinkSocket(NETFILTER) as netlink:
        messages = netlink.each(conntrack.get_flows())
        return [found for each in messages if (found := conntrack.parse_flow(each)) is not None]


def end(chosen: Iterable[Flow]) -> int:
    """End these flows; how many of them are gone, those that ended by themselves included."""
    with NetlinkSocket(NETFILTER) as netlink:
        return netlink.done(map(conntrack.end_flow, chosen), allow=(errno.ENOENT,))


def translated(
    chosen: Sequence[Chosen], protocols: Iterable[int | None] = (None,)
) -> list[LiveFlow]:
    """The flows (of some protocols) whose address and port outside are among `chosen`."""
    with NetlinkSocket(NETFILTER) as netlink:
        return [
            found
            for protocol in protocols
            for ask in (conntrack.get_translated, conntrack.get_reached)
            for message in netlink.each(ask(protocol))
            if (found := conntrack.parse_live(message)) is not None
            and any(_is_of(found, each) for each in chosen)
        ]


def has_any(chosen: Sequence[Chosen]) -> bool:
    """Whether there is such a flow; looks no further than to the first one."""
    with NetlinkSocket(NETFILTER) as netlink:
        return any(
            (found := conntrack.parse_live(message)) is not None
            and any(_is_of(found, each) for each in chosen)
            for ask in (conntrack.get_translated, conntrack.get_reached)
            for message in netlink.each(ask())
        )


def touch(originals: Sequence[bytes]) -> None:
    """Have the kernel say once more how these flows stand; one that is gone is left out."""
    for start in range(0, len(originals), BATCH):
        with NetlinkSocket(NETFILTER) as netlink:
            messages = map(conntrack.touch_flow, originals[start : start + BATCH])
            netlink.tell(list(messages))


def _is_of(flow: LiveFlow, chosen: Chosen) -> bool:
    addresses, first, last = chosen
    return flow.source in addresses and (not flow.port or first <= flow.port <= last)


def _end(question: Message, chosen: Callable[[Message], bool]) -> int:
    with NetlinkSocket(NETFILTER) as flows:
        found = [message for message in flows.dump(question) if chosen(message)]
        return flows.done(map(conntrack.delete_flow, found), allow=(errno.ENOENT,))
