"""The roles that this node's rules are to play, from the decision and from what was remembered."""

from collections.abc import Mapping

from natgate.model.roles import Roles
from natgate.model.share import all_shares
from natgate.model.spec import Spec
from natgate.model.wish import Wishes
from natgate.plan.addresses import still_checked, unanswered_of
from natgate.plan.state import State, active
from natgate.store.interface import Store
from natgate.wire.journal import parse_roles, parse_wishes


def roles_of(state: State, taking: Mapping[str, bool], last: Roles) -> Roles:
    """What the decision wants of the rules; of a share whose routes were not read yet, the last.

    `taking`: shares that are being taken over now, and whether their ports may be given out already.
    """
    carriers: dict[str, str] = {}
    handing: set[str] = set()
    for share in state.setup.shares:
        if not share.divided:
            continue
        name, held = share.name, state.shares[share.name]
        known = active(state, name) if held.holders is not None else last.carriers.get(name)
        carrier = state.setup.me if name in taking else known
        if carrier is not None:
            carriers[name] = carrier
        if held.hands_out or taking.get(name):
            handing.add(name)
    unanswered = unanswered_of(state, last.unanswered)
    return Roles(carriers=carriers, handing_out=frozenset(handing), unanswered=unanswered)


def still_valid(roles: Roles, before: Spec | None, spec: Spec) -> Roles:
    """The roles as far as a new spec divides the ports as the one before it did."""
    old = {share.name: share.block for share in all_shares(before)} if before else {}
    same = {s.name for s in all_shares(spec) if not before or old.get(s.name) == s.block}
    return Roles(
        carriers={name: node for name, node in roles.carriers.items() if name in same},
        handing_out=roles.handing_out & same,
        unanswered=still_checked(spec, roles.unanswered),
    )


def remembered_roles(store: Store) -> Roles:
    """The roles that the last agent's rules played; none if nothing readable is there."""
    try:
        return parse_roles(store.kept("roles") or "")
    except (ValueError, KeyError, TypeError):
        return Roles()


def remembered_wishes(store: Store) -> Wishes:
    """What operators had asked for; nothing if nothing readable is there."""
    try:
        return parse_wishes(store.kept("wishes") or "")
    except (ValueError, KeyError, TypeError):
        return {}
