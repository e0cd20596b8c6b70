"""Reads what the kernel counts anyway; no packet passes a rule for it.

Has sockets of its own, so that it can work in a thread beside the loop: one call at a time.
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import closing
from ipaddress import IPv4Address

from natgate.kernel import sysctl
from natgate.kernel.flow_table import COUNT
from natgate.kernel.links import Links
from natgate.kernel.listing import Listing
from natgate.kernel.netlink import NETFILTER, ROUTE, NetlinkError, NetlinkSocket
from natgate.model.counts import FlowTable, LinkCounts, PortUse
from natgate.model.error import HostError
from natgate.wire import conntrack, conntrack_stats, link_counts, rtnetlink
from natgate.wire.redirect import process_of

LIMIT = "net/netfilter/nf_conntrack_max"
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.EACCES}


class Meter:
    """The counts of this network namespace."""

    def __init__(self) -> None:
        self._listing = Listing()
        self._links = Links()
        self._route = NetlinkSocket(ROUTE)
        self._flows = NetlinkSocket(NETFILTER)

    def counters(self) -> dict[str, int]:
        """Packets per named counter and per entry, and those the guard dropped."""
        return {**self._listing.counters(), "guard": self._links.dropped(self._links.all())}

    def links(self) -> tuple[LinkCounts, ...]:
        """What each link has counted, but the loopback and those of a dry run."""
        found = map(link_counts.parse_link_counts, self._route.dump(rtnetlink.get_links()))
        return tuple(link for link in found if link is not None and process_of(link.name) is None)

    def ways(self, addresses: Sequence[IPv4Address]) -> frozenset[int]:
        """The links by which this node would reach addresses; one that it cannot reach, or has, has none."""
        return frozenset(link for a in addresses if (link := self._way(a)) is not None)

    def flows(self) -> FlowTable:
        """The flow table; HostError if there is none."""
        count, limit = sysctl.read(COUNT), sysctl.read(LIMIT)
        if count is None or limit is None:
            raise HostError("this kernel has no flow table: load nf_conntrack")
        errors = conntrack_stats.parse_stats(self._flows.dump(conntrack_stats.get_stats()))
        return FlowTable(count=int(count), limit=int(limit), errors=errors)

    def _way(self, address: IPv4Address) -> int | None:
        try:
            answers = self._route.collect(link_counts.get_way(address))
        except NetlinkError as error:
            if error.code in _NO_WAY:
                return None
            raise
        routes = map(rtnetlink.parse_route, answers)
        return next((r.link for r in routes if r is not None and r.type == rtnetlink.UNICAST), None)

    def close(self) -> None:
        """Give handle and sockets back."""
        self._listing.close()
        self._links.close()
        self._route.close()
        self._flows.close()


def port_uses() -> Iterator[PortUse]:
    """The port of every translated flow, read from the kernel as they are taken."""
    with closing(NetlinkSocket(NETFILTER)) as netlink:
        for message in netlink.each(conntrack.get_translated()):
            use = conntrack_stats.parse_port_use(message)
            if use is not None:
                yield use


def insert_failed() -> int:
    """First packets that were dropped since their flow could not be inserted, since the start."""
    with closing(NetlinkSocket(NETFILTER)) as netlink:
        stats = conntrack_stats.parse_stats(netlink.dump(conntrack_stats.get_stats()))
    return stats.get("insert_failed", 0)
