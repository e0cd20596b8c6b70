"""The spec as the decision needs it."""

from collections.abc import Iterable

from natgate.model.share import shares_of
from natgate.model.spec import Spec
from natgate.plan.compile import upstream_echo
from natgate.plan.state import Setup, ShareSetup

REREAD = {"aws": 5.0}
"""Seconds between two readings of the routes where calls are limited (100 and 20 a second for a whole
account); a take-over reads them all the same. Elsewhere every second."""


def setup_of(spec: Spec, node: str, former: Iterable[str] = (), *, digest: str = "") -> Setup:
    """What `plan.failover` must know of a spec, seen from one node.

    `former`: nodes that an earlier spec had and this one has not. `digest` names the spec to others.
    """
    return Setup(
        me=node,
        peers=tuple(n.name for n in spec.nodes if n.name != node),
        shares=tuple(
            ShareSetup(
                name=share.name,
                gateway=share.gateway,
                nodes=share.nodes,
                routes=share.routes,
                hold_down=gateway.health.hold_down,
                has_echo=upstream_echo(gateway) is not None,
                divided=gateway.mode == "active-active",
                failback=gateway.failback.delay if gateway.failback.policy == "preferred" else None,
                former=tuple(former),
            )
            for gateway in spec.gateways
            for share in shares_of(spec, gateway)
        ),
        interval=spec.heartbeat.interval,
        timeout=spec.heartbeat.timeout,
        reread=REREAD.get(spec.steering.kind, 1.0),
        fenced=spec.fence.kind != "none",
        digest=digest,
    )
