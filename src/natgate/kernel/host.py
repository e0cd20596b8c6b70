"""The real kernel of this host (or of this network namespace)."""

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address

from natgate.kernel import flows, sysctl
from natgate.kernel.handover import HandOver
from natgate.kernel.links import Links
from natgate.kernel.nftables import Nftables
from natgate.model.address import Prefixes
from natgate.model.change import (
    AddBlackhole,
    AddDetour,
    Change,
    ChangeTable,
    RemoveBlackhole,
    RemoveDetour,
    RemoveGuard,
    RemoveTunnel,
    SetGuard,
    SetSysctl,
    SetTunnel,
)
from natgate.model.flow import Flow
from natgate.model.observed import Observed

CONF = "net/ipv4/conf"
LINK_SETTINGS = ("rp_filter", "send_redirects", "forwarding")
CONF6 = "net/ipv6/conf"
LINK_SETTINGS6 = ("forwarding", "force_forwarding")
SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/send_redirects",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_loose",
    "net/netfilter/nf_conntrack_events",
    "net/netfilter/nf_conntrack_acct",
    "net/netfilter/nf_conntrack_timestamp",
    "net/netfilter/nf_conntrack_max",
)


class HostKernel:
    """A `Kernel` over libnftables, netlink and /proc/sys."""

    def __init__(self) -> None:
        self._links = Links()
        self._handover = HandOver()
        self._nftables = Nftables()

    @property
    def port(self) -> int:
        """The netlink port id under which this kernel object changes rules."""
        return self._nftables.port

    def observe(self) -> Observed:
        """What is there now."""
        table, ownership = self._nftables.read()
        tunnel, detours = self._handover.read()
        links = self._links.all()
        per_link = (f"{CONF}/{name}/{key}" for name in links for key in LINK_SETTINGS)
        per_link6 = (f"{CONF6}/{name}/{key}" for name in links for key in LINK_SETTINGS6)
        keys = (*SETTINGS, *per_link, *per_link6)
        values = {key: sysctl.read(key) for key in keys}
        return Observed(
            table=table,
            ownership=ownership,
            owner_works=self._nftables.owner_works,
            guards=self._links.guards(links),
            sysctls={key: value for key, value in values.items() if value is not None},
            blackholes=self._links.blackholes(),
            tunnel=tunnel,
            detours=detours,
            hooks=self._links.hooks(links),
            links=tuple(sorted(links)),
            addresses=self._links.addresses(),
        )

    def apply(self, change: Change) -> None:
        """Make one change, wholly or not at all."""
        match change:
            case ChangeTable():
                self._nftables.change(change)
            case SetSysctl():
                sysctl.write(change.key, change.value)
            case SetTunnel():
                self._handover.set_tunnel(change.tunnel)
            case RemoveTunnel():
                self._handover.remove_tunnel()
            case AddDetour():
                self._handover.add_detour(change.detour)
            case RemoveDetour():
                self._handover.remove_detour(change.detour)
            case _:
                self._apply_to_links(change)

    def _apply_to_links(
        self, change: SetGuard | RemoveGuard | AddBlackhole | RemoveBlackhole
    ) -> None:
        match change:
            case SetGuard():
                self._links.set_guard(change.link, change.guard)
            case RemoveGuard():
                self._links.remove_guard(change.link, hooks=change.hooks)
            case AddBlackhole():
                self._links.add_blackhole(change.prefix)
            case RemoveBlackhole():
                self._links.remove_blackhole(change.prefix)

    def end_untranslated(self, inside: Prefixes, internal: Prefixes) -> int:
        """End flows from inside that leave untranslated."""
        return flows.end_untranslated(inside, internal)

    def end_withdrawn(
        self, inside: Prefixes, internal: Prefixes, allowed: Collection[IPv4Address]
    ) -> int:
        """End the flows from inside that the far end sees as none of `allowed`."""
        return flows.end_withdrawn(inside, internal, allowed)

    def flows(self) -> list[Flow]:
        """Every flow."""
        return flows.every()

    def end(self, chosen: Collection[Flow]) -> int:
        """End these flows."""
        return flows.end(chosen)

    def counters(self) -> Mapping[str, int]:
        """Packets per named counter and per entry, and those the guard dropped."""
        dropped = self._links.dropped(self._links.all())
        return {**self._nftables.counters(), "guard": dropped}

    def close(self) -> None:
        """Give back sockets; what was applied stays."""
        self._nftables.close()
        self._links.close()
        self._handover.close()
