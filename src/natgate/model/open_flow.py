"""A flow as the kernel holds it now: both its directions, what was translated, and how it stands."""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Literal

IPV4, IPV6 = 2, 10
"""Address families as the kernel counts them."""

SOURCE_TRANSLATED, DESTINATION_TRANSLATED = 0x10, 0x20
TRANSLATED = SOURCE_TRANSLATED | DESTINATION_TRANSLATED
SEEN_REPLY, ASSURED = 0x2, 0x4
"""Bits of a flow's status (enum ip_conntrack_status): what the kernel did, not what addresses suggest."""

Raw = bytes
"""A name of its own, since a flow also has a number of bytes."""

Kind = Literal["snat", "dnat", "both", "none"]
KINDS: tuple[Kind, ...] = ("none", "snat", "dnat", "both")
"""By the two translation bits, in their order."""

INWARD: frozenset[Kind] = frozenset({"dnat", "both"})
"""The kinds whose client is reached, and whose address is asked for."""

ICMP, TCP, UDP, GRE, ICMPV6, SCTP = 1, 6, 17, 47, 58, 132
PROTOCOLS = {
    ICMP: "icmp", 2: "igmp", TCP: "tcp", UDP: "udp", 33: "dccp", GRE: "gre", 50: "esp", 51: "ah",
    ICMPV6: "icmpv6", SCTP: "sctp", 136: "udplite",
}  # fmt: skip
WITH_PORTS = frozenset({TCP, UDP, SCTP})
NUMBERS = {name: number for number, name in PROTOCOLS.items()}

_TCP = (
    "none", "syn-sent", "syn-recv", "established", "fin-wait", "close-wait", "last-ack",
    "time-wait", "close", "syn-sent2",
)  # fmt: skip
_SCTP = (
    "none", "closed", "cookie-wait", "cookie-echoed", "established", "shutdown-sent",
    "shutdown-recd", "shutdown-ack-sent", "heartbeat-sent", "heartbeat-acked",
)  # fmt: skip
STATES = {TCP: _TCP, SCTP: _SCTP}
"""Names of the states of protocols that have them (enum tcp_conntrack, enum sctp_conntrack)."""

UNREPLIED, REPLIED, LASTING = "unreplied", "replied", "assured"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFlow:
    """One flow; addresses as numbers, of an echo its id as the source port.

    `timeout`: seconds that it still has. Packets and bytes of each direction are 0 where the kernel
    does not count them, and `start_ns` (nanoseconds since 1970) where it notes no times. `tuple`
    names the flow to the kernel, and is empty for one that was read as columns.
    """

    family: int
    protocol: int
    status: int
    id: int
    source: int
    source_port: int
    destination: int
    destination_port: int
    reply_source: int
    reply_source_port: int
    reply_destination: int
    reply_destination_port: int
    state: int = 0
    timeout: int = 0
    mark: int = 0
    zone: int = 0
    packets: int = 0
    bytes: int = 0
    reply_packets: int = 0
    reply_bytes: int = 0
    start_ns: int = 0
    tuple: Raw = b""

    @property
    def kind(self) -> Kind:
        """What the kernel translated: the source, the destination, both or nothing."""
        return KINDS[(self.status & TRANSLATED) >> 4]

    @property
    def client(self) -> int:
        """The host behind the gateway: who began a flow to outside, or is reached from there."""
        return self.reply_source if self.kind in INWARD else self.source

    @property
    def address(self) -> int:
        """The gateway's address: which the far end sees, or asked for."""
        return self.destination if self.kind in INWARD else self.reply_destination

    @property
    def address_port(self) -> int:
        """Its port, or an echo's id."""
        if self.kind in INWARD:
            return self.source_port if self.is_echo else self.destination_port
        return self.reply_source_port if self.is_echo else self.reply_destination_port

    @property
    def is_echo(self) -> bool:
        """Whether its ports are ids of echoes."""
        return self.protocol in {ICMP, ICMPV6}


def state_of(flow: OpenFlow) -> str:
    """The state of its protocol; of one without states whether it was answered."""
    return state_text(flow.protocol, flow.state, flow.status)


def state_text(protocol: int, state: int, status: int) -> str:
    """The same of the three numbers."""
    names = STATES.get(protocol)
    if names is not None:
        return names[state] if state < len(names) else str(state)
    if not status & SEEN_REPLY:
        return UNREPLIED
    return LASTING if status & ASSURED else REPLIED


def protocol_text(number: int) -> str:
    """The name of a protocol, or its number."""
    return PROTOCOLS.get(number, str(number))


def address_text(family: int, address: int) -> str:
    """An address as people write it."""
    if family == IPV4:
        return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
    return str(IPv6Address(address))
