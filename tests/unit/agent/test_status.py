"""What a node says of the network, as far as it can know."""

from natgate.agent.status import status
from natgate.model.event import Event, HeartbeatHeard, RoutesFailed, RoutesRead
from natgate.model.view import NodeView, ShareView
from natgate.plan import failover
from natgate.plan.setup import setup_of
from natgate.plan.state import begin
from tests.specs import two_zones

SPEC = two_zones()


def told(active: str | None, epoch: int) -> HeartbeatHeard:
    """What the other node says of who is active."""
    view = ShareView(active=active, epoch=epoch)
    return HeartbeatHeard(
        peer="node-c", view=NodeView(generation=1, digest="d", shares={"partner": view})
    )


def test_a_node_that_cannot_read_the_routes_believes_a_later_decision() -> None:
    """Its own last reading is older than what a peer has done since; else it stands."""
    setup = setup_of(SPEC, "node-a")
    state = begin(setup, 0.0)

    def tell(event: Event) -> str | None:
        nonlocal state
        state, _ = failover.step(state, event, 0.0)
        shown = status(spec=SPEC, state=state, node="node-a", generation=1, warnings=(), now=0.0)
        return str(shown["gateways"][0]["active"])

    holders = dict.fromkeys(setup.shares[0].routes, "node-a")
    assert tell(RoutesRead(share="partner", holders=holders)) == "node-a"
    assert tell(told("node-a", 1)) == "node-a"
    assert tell(RoutesFailed(share="partner", error="down")) == "node-a"
    assert tell(told(None, 2)) == "node-a"
    assert tell(told("node-c", 3)) == "node-c"
    assert tell(RoutesRead(share="partner", holders=holders)) == "node-a"
