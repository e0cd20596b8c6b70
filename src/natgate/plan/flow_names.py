"""The names that people know flows by: the entry that translated them, and the node that carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from natgate.model.flow_class import PROBE, Bounds, Class, Told
from natgate.model.open_flow import IPV4, TCP, UDP, OpenFlow, state_of

ESTABLISHED = {(TCP, "established"): "tcp", (UDP, "assured"): "udp", (UDP, "replied"): "udp"}
"""The states of which the time-out is known, by the name that a gateway's time-outs have for it."""

Limits = Mapping[str, int]
"""Seconds that a flow may be idle, by protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One share of a gateway at one of its addresses."""

    address: int
    gateway: str
    first: int
    last: int
    carrier: str


@dataclass(slots=True, kw_only=True)
class Names:
    """What an agent told of its spec; without an agent nothing has a name.

    `told` is by class, and grows with the answers of the agent. `probing`: the addresses of nodes,
    which send probes and checks.
    """

    bounds: Bounds | None = None
    shares: tuple[Share, ...] = ()
    limits: Mapping[int, Limits] = field(default_factory=dict)
    probing: tuple[int, ...] = ()
    told: dict[Class, Told] = field(default_factory=dict)

    def entry(self, flow: OpenFlow) -> str:
        """The entry that translated a flow; nothing if it is not known."""
        if self.bounds is None or flow.family != IPV4:
            return ""
        if flow.source in self.probing and flow.kind != "none":
            return PROBE
        told = self.told.get(self.bounds.class_of(flow))
        return told.label(flow) if told is not None else ""

    def node(self, flow: OpenFlow) -> str:
        """The node that carries the ports of a flow; nothing if its address is no gateway's."""
        if flow.family != IPV4:
            return ""
        mine = [share for share in self.shares if share.address == flow.address]
        port = flow.address_port
        inside = (share.carrier for share in mine if share.first <= port <= share.last)
        return next(inside, mine[0].carrier if mine else "")

    def unknown(self, flows: list[OpenFlow]) -> dict[Class, tuple[int, int, int, int]]:
        """One flow of each class that nothing was told of yet."""
        if self.bounds is None:
            return {}
        found: dict[Class, tuple[int, int, int, int]] = {}
        for flow in flows:
            if flow.family == IPV4 and flow.kind != "none":
                known = self.bounds.class_of(flow)
                if known not in self.told:
                    ends = (flow.protocol, flow.source, flow.destination, flow.destination_port)
                    found[known] = ends
        return found

    def idle(self, flow: OpenFlow, kernel: Limits) -> int | None:
        """Seconds since the last packet: what its time-out was, less what is left of it.

        `kernel`: the time-outs of flows that are no gateway's, or that another node began. None for
        a state whose time-out nobody knows.
        """
        name = ESTABLISHED.get((flow.protocol, state_of(flow)))
        if name is None:
            return None
        own = self.limits.get(flow.address, {})
        limits = sorted(s for s in (own.get(name, -1), kernel.get(name, -1)) if s >= flow.timeout)
        return limits[0] - flow.timeout if limits else None


def names_of(told: Mapping[str, Any]) -> Names:
    """What an agent tells of bounds and gateways (GET /v1/flows/bounds)."""
    shares: list[Share] = []
    limits: dict[int, Limits] = {}
    for gateway in told["gateways"]:
        for address in (int(IPv4Address(text)) for text in gateway["addresses"]):
            limits[address] = {name: int(s) for name, s in gateway["timeouts"].items()}
            for share in gateway["shares"]:
                first, _, last = share["ports"].partition("-")
                shares.append(
                    Share(
                        address=address,
                        gateway=gateway["name"],
                        first=int(first),
                        last=int(last),
                        carrier=share["carrier"] or "",
                    )
                )
    bounds = Bounds(
        sources=tuple(told["sources"]),
        destinations=tuple(told["destinations"]),
        ports=tuple(told["ports"]),
    )
    probing = tuple(int(IPv4Address(text)) for text in told["nodes"])
    return Names(bounds=bounds, shares=tuple(shares), limits=limits, probing=probing)
