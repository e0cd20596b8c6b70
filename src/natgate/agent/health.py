"""Why this node may not carry each gateway, from everything that it watches."""

from collections.abc import Collection

from natgate.agent.watch import Watch
from natgate.model.event import HealthChanged
from natgate.model.spec import Spec
from natgate.model.view import Reasons


def own_health(
    spec: Spec, watch: Watch, *, local: Reasons, filling: Reasons, unfilled: Collection[str]
) -> HealthChanged:
    """This node's word: no check counts as good that has not run.

    `local` speaks against every gateway, `filling` against those that are `unfilled`.
    """
    reasons: dict[str, Reasons] = {g.name: local for g in spec.gateways}
    known_bad = set(reasons) if local else set[str]()
    for (gateway, index), reason in watch.upstream.items():
        if reason is not None:
            reasons[gateway] = (*reasons[gateway], reason)
            if (gateway, index) not in watch.unchecked:
                known_bad.add(gateway)
    for gateway in unfilled if filling else ():
        reasons[gateway] = (*reasons[gateway], *filling)
        known_bad.add(gateway)
    for gateway, reason in watch.cannot_carry():
        reasons[gateway] = (*reasons[gateway], reason)
        known_bad.add(gateway)
    unchecked = {gateway for gateway, _ in watch.unchecked} - known_bad
    return HealthChanged(
        reasons=reasons,
        unchecked=frozenset(unchecked),
        unanswered=watch.addresses.unanswered(),
    )
