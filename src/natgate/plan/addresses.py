"""Addresses that fail by themselves, as when a provider no longer leads one of them back.

The node that receives the returns of a gateway sends echoes with each of its addresses; the others
go by that node's word. An address that gets no answer takes no new flows while another one does.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from natgate.model.gateway import Gateway
from natgate.model.roles import Unanswered
from natgate.model.spec import Spec
from natgate.model.table import Rule
from natgate.model.warning import ActiveWarning, warning
from natgate.plan.state import State, active


def check_ids(gateways: tuple[Gateway, ...]) -> dict[IPv4Address, int]:
    """The ICMP id by which each address is checked: from 1, below the ids of translated echoes."""
    checked = (fixed.address for g in gateways if g.health.addresses for fixed in g.addresses)
    return {address: number for number, address in enumerate(checked, 1)}


def checks(spec: Spec, node: str) -> Iterator[Rule]:
    """The rules that send a node's own checks with the addresses of its gateways."""
    me, ids = spec.node(node).address, check_ids(spec.gateways)
    for gateway in spec.gateways:
        check = gateway.health.addresses
        if check is None or node not in spec.nodes_of(gateway):
            continue
        pairs = ", ".join(f"{ids[f.address]} : {f.address}" for f in gateway.addresses)
        match = f"ip saddr {me} ip daddr {check.address} icmp type echo-request"
        text = f"{match} snat to icmp id map {{ {pairs} }}"
        yield Rule(text=text, comment=f"check of {gateway.name}'s addresses")


def received(state: State) -> Mapping[str, str | None]:
    """Who receives the returns of each gateway: the carrier of its first share."""
    found: dict[str, str | None] = {}
    for share in state.setup.shares:
        found.setdefault(share.gateway, active(state, share.name))
    return found


def unanswered_of(state: State, last: Unanswered) -> dict[str, frozenset[IPv4Address]]:
    """The failing addresses of each gateway that has any, by the word of who checks them.

    A node that has not said anything of them yet has changed nothing: then as in `last`.
    """
    found = {
        gateway: _word(state, gateway, node, last.get(gateway, frozenset()))
        for gateway, node in received(state).items()
    }
    return {gateway: failed for gateway, failed in found.items() if failed}


def _word(
    state: State, gateway: str, node: str | None, last: frozenset[IPv4Address]
) -> frozenset[IPv4Address]:
    if node == state.setup.me:
        return state.own.unanswered.get(gateway, last)
    peer = state.peers.get(node) if node is not None else None
    view = peer.view.gateways.get(gateway) if peer is not None else None
    return last if view is None or view.unanswered is None else view.unanswered


def still_checked(spec: Spec, unanswered: Unanswered) -> dict[str, frozenset[IPv4Address]]:
    """Of what failed the addresses that a spec still has and has checked."""
    found = {
        gateway.name: unanswered.get(gateway.name, frozenset())
        & {fixed.address for fixed in gateway.addresses}
        for gateway in spec.gateways
        if gateway.health.addresses is not None
    }
    return {name: failed for name, failed in found.items() if failed}


def address_warnings(spec: Spec, unanswered: Unanswered) -> Iterator[ActiveWarning]:
    """One for each address that fails, or one for a gateway of which every address does."""
    for gateway in spec.gateways:
        check, failed = gateway.health.addresses, unanswered.get(gateway.name, frozenset())
        if check is None:
            continue
        if all(fixed.address in failed for fixed in gateway.addresses):
            text = (
                f"{gateway.name}: {check.address} answers none of its addresses; "
                "all of them stay in use"
            )
            yield warning("address-unanswered", gateway.name, text)
            continue
        for address in sorted(failed):
            text = (
                f"{check.address} does not answer {address} of {gateway.name}; "
                "new flows have the other addresses of their entry, if it has any"
            )
            yield warning("address-unanswered", str(address), text)
