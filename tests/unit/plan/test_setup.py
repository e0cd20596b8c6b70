"""The spec as the decision needs it."""

from natgate.model.routes import wanted_routes
from natgate.plan.setup import setup_of
from natgate.plan.state import ShareSetup
from natgate.wire.config import parse_spec
from tests.specs import spec_with, two_zones


def test_a_setup_is_the_spec_seen_from_one_node() -> None:
    """Peers are all other nodes; the gateway's nodes, routes and times are those of the spec."""
    spec = two_zones()
    made = setup_of(spec, "node-c")
    assert (made.me, made.peers, made.interval, made.timeout) == ("node-c", ("node-a",), 0.05, 0.15)
    assert made.shares == (
        ShareSetup(
            name="partner",
            gateway="partner",
            nodes=("node-a", "node-c"),
            routes=wanted_routes(spec, spec.gateways[0]),
            hold_down=1.0,
            has_echo=True,
        ),
    )


def test_routes_are_read_seldom_where_calls_are_limited() -> None:
    """AWS counts them for a whole account; probes and second tries are as soon as elsewhere."""
    assert setup_of(two_zones(), "node-a").reread == 1.0
    steering = ("heartbeat:", "steering: {kind: aws, region: eu-west-1}\nheartbeat:")
    made = setup_of(parse_spec(spec_with(steering)), "node-a")
    assert (made.reread, made.again) == (5.0, 1.0)


def test_only_an_icmp_check_is_an_echo_to_ask() -> None:
    """A gateway that is checked by TCP alone cannot be probed beyond a silent node."""
    spec = parse_spec(spec_with(("kind: icmp, address", "kind: tcp, port: 80, address")))
    assert not setup_of(spec, "node-a").shares[0].has_echo
