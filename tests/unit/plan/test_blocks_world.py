"""Several nodes and one address: no port is given out twice, whatever happens."""

from hypothesis import example, given, note
from hypothesis import strategies as st

from natgate.model.wish import MAINTENANCE, OFF, ON, TO, drain, move
from natgate.plan.failover import FIRST_RELIEF
from tests.effort import FEW
from tests.unit.plan.divided_world import DividedWorld, Node

Trouble = tuple[float, str, int, int]
Lived = tuple[str, int, list[Trouble], float | None]

SETTLED = 8.0
"""Enough for the grace, the hold-down, the lease and a few readings of the routes."""

KINDS = (
    *("alive", "agent", "upstream", "restart"),
    *("loss", "lag", "refused", "fence", "cut", "heal"),
    *("drain", "move", "maintenance"),
)
TROUBLE = st.lists(
    st.tuples(st.floats(0.001, 4.0), st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, 3)),
    max_size=9,
)
WORLDS = st.tuples(
    st.sampled_from(["ab", "abc"]), st.integers(0, 2**16), TROUBLE, st.sampled_from([None, 2.0])
)


def make_trouble(world: DividedWorld, what: str, which: int, amount: int) -> None:
    """Something goes wrong, or gets better again, or an operator says a word."""
    nodes = list(world.nodes.values())
    node = nodes[which % len(nodes)]
    other = nodes[(which + 1 + amount) % len(nodes)]
    if what in {"drain", "move", "maintenance"}:
        _ask(world, what, node, other, amount)
    elif what in {"alive", "agent", "upstream", "restart"}:
        _strike(world, what, node)
    else:
        _disturb(world, what, frozenset((node.name, other.name)), amount)


def _ask(world: DividedWorld, what: str, node: Node, other: Node, amount: int) -> None:
    switch = ON if amount % 2 else OFF
    match what:
        case "drain":
            world.wish(node, drain(other.name), switch)
        case "move":
            share = world.shares[amount % len(world.shares)]
            world.wish(node, move(share.name), f"{TO}{other.name}")
        case _:
            world.wish(node, MAINTENANCE, switch)


def _strike(world: DividedWorld, what: str, node: Node) -> None:
    """A node that is down starts again, whatever befalls it; one that was dead without its rules."""
    if what == "restart" or (what != "upstream" and not node.runs):
        if not node.alive:
            node.rules = frozenset()
        world.restart(node)
    else:
        setattr(node, what, not getattr(node, what))


def _disturb(world: DividedWorld, what: str, pair: frozenset[str], amount: int) -> None:
    share = (0.0, 0.2, 0.5, 1.0)[amount]
    match what:
        case "loss":
            world.loss = share
        case "lag":
            world.lag = (0.002, 0.02, 0.1, 0.3)[amount]
        case "refused":
            world.refused = share
        case "fence":
            world.fence_away = share
        case "cut":
            world.cut.add(pair)
        case _:
            world.cut.clear()


def lived_through(
    names: str, seed: int, trouble: list[Trouble], failback: float | None
) -> DividedWorld:
    """A world after so much trouble."""
    world = DividedWorld(names, seed, failback)
    world.run(2.0)
    for delay, what, which, amount in trouble:
        make_trouble(world, what, which, amount)
        world.run(world.now + delay)
    return world


@FEW
@given(WORLDS)
@example(("ab", 2, [(3.342, "loss", 2, 1), (0.182, "refused", 2, 3)], 2.0))
@example(("ab", 43, [(3.925, "cut", 1, 2), (1.984, "heal", 2, 2)], None))
@example(("ab", 86, [(3.487, "loss", 0, 3), (1.158, "restart", 2, 0)], None))
@example(("abc", 38, [(2.66, "lag", 1, 2)], 2.0))
def test_no_port_is_given_out_by_two_nodes(lived: Lived) -> None:
    """Of the nodes that live and can read routes never two give out ports of the same share.

    Reading or moving routes takes less than half the lease; the examples are those that have failed.
    """
    world = lived_through(*lived)
    note(f"{world.moved}")
    assert world.clashes == []


def _quiet(world: DividedWorld) -> None:
    """All is well from now on; nodes that were down start anew."""
    world.loss, world.lag, world.refused, world.fence_away = 0.0, 0.005, 0.0, 0.0
    world.cut.clear()
    for node in world.nodes.values():
        node.upstream = True
        if not node.runs:
            _strike(world, "restart", node)
    some = next(iter(world.nodes.values()))
    for key in (MAINTENANCE, *(drain(name) for name in world.nodes)):
        world.wish(some, key, OFF)


def _in_order(world: DividedWorld) -> bool:
    """Whether every share is led to one node, and given out by that node alone."""
    return all(
        len({world.table[route] for route in share.routes}) == 1
        and world.givers(share.name) == [world.carrier(share)]
        for share in world.shares
    )


@FEW
@given(WORLDS)
def test_when_all_is_well_each_carrier_gives_out_its_ports(lived: Lived) -> None:
    """After any trouble every share is given out by exactly its carrier, and it stays so."""
    world = lived_through(*lived)
    _quiet(world)
    world.run(world.now + SETTLED)
    if not _in_order(world):
        world.run(world.now + FIRST_RELIEF + SETTLED)  # somebody waits for one out of reach
    note(f"{world.moved[-6:]} {world.table} {[(n.name, n.rules) for n in world.nodes.values()]}")
    for _ in range(20):
        assert _in_order(world)
        world.run(world.now + 0.1)
