"""Flows of this network namespace, over ctnetlink."""

import errno

from natgate.kernel.netlink import NETFILTER, NetlinkSocket
from natgate.model.address import Prefixes, covers
from natgate.wire import conntrack


def end_untranslated(inside: Prefixes, internal: Prefixes) -> int:
    """End the flows from `inside` to beyond `internal` whose source is untranslated; how many.

    Such flows met no rule at their first packet and would stay untranslated for life
    (research/peers-failover.md C1, finding 5).
    """
    with NetlinkSocket(NETFILTER) as flows:
        stale = [
            conntrack.delete_flow(message)
            for message in flows.dump(conntrack.get_untranslated())
            if (ends := conntrack.parse_endpoints(message)) is not None
            and covers(inside, ends[0])
            and not covers(internal, ends[1])
        ]
        codes = [code for message in stale for code in flows.ask([message])]
    return sum(1 for code in codes if code in {0, errno.ENOENT})
