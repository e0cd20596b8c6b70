"""The spec as the decision needs it."""

from collections.abc import Iterable

from natgate.model.routes import wanted_routes
from natgate.model.spec import Spec
from natgate.plan.compile import upstream_echo
from natgate.plan.failover import GatewaySetup, Setup


def setup_of(spec: Spec, node: str, former: Iterable[str] = ()) -> Setup:
    """What `plan.failover` must know of a spec, seen from one node.

    `former`: nodes that an earlier spec had and this one has not.
    """
    return Setup(
        me=node,
        peers=tuple(n.name for n in spec.nodes if n.name != node),
        gateways=tuple(
            GatewaySetup(
                name=gateway.name,
                nodes=spec.nodes_of(gateway),
                routes=wanted_routes(spec, gateway),
                hold_down=gateway.health.hold_down,
                has_echo=upstream_echo(gateway) is not None,
                former=tuple(former),
            )
            for gateway in spec.gateways
        ),
        interval=spec.heartbeat.interval,
        timeout=spec.heartbeat.timeout,
    )
