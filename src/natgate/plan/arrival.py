"""What may arrive at a node itself where VRRP puts a gateway's addresses on its link.

A reply to a translated flow never arrives: it is translated back before it is routed. So whatever
is for a fixed address was sent unasked, and no program of the node may answer it.
"""

from collections.abc import Iterator

from natgate.model.spec import Spec
from natgate.model.steering import VrrpSteering
from natgate.model.table import Rule, any_of

VRRP = 112
"""The protocol number of adverts (RFC 5798, section 5.1.1.4)."""


def arrival(spec: Spec, node: str) -> Iterator[Rule]:
    """The rules for what arrives at a node; none where the node holds no address of a gateway."""
    if not isinstance(spec.steering, VrrpSteering):
        return
    peers = [n.address for n in spec.nodes if n.name != node]
    fixed = [a.address for gateway in spec.gateways for a in gateway.addresses]
    strangers = f"meta l4proto {VRRP} ip saddr != {any_of(peers)} drop"
    yield Rule(text=strangers, comment="adverts of strangers")
    yield Rule(text=f"ip daddr {any_of(fixed)} drop", comment="unasked")
