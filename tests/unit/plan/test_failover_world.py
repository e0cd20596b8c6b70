"""Several nodes decide at once: whatever happens, they agree in the end, and stay with it."""

from hypothesis import given, note
from hypothesis import strategies as st

from natgate.plan.failover import FIRST_RELIEF
from tests.effort import FEW, SOME
from tests.unit.plan.setups import HOLD_DOWN
from tests.unit.plan.world import World

TROUBLE = st.lists(
    st.tuples(
        st.floats(0.02, 1.0),
        st.sampled_from(["alive", "agent", "rules", "upstream", "restart", "loss", "lag"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=14,
)
SETTLED = 2.0 * HOLD_DOWN + 4.0
"""Enough for the grace, the hold-down and a few readings of the routes."""


def _trouble(world: World, what: str, which: int, amount: int) -> None:
    """Something goes wrong, or gets better again."""
    node = list(world.nodes.values())[which % len(world.nodes)]
    match what:
        case "loss":
            world.loss = (0.0, 0.1, 0.5, 1.0)[amount]
        case "lag":
            world.lag = (0.002, 0.02, 0.1, 0.4)[amount]
        case "restart":
            world.restart(node)
        case "alive" | "agent" if not getattr(node, what):
            setattr(node, what, True)
            world.restart(node)
        case _:
            setattr(node, what, not getattr(node, what))


def _carried(world: World) -> bool:
    """Whether all routes lead to one node that forwards."""
    holders = set(world.table.values())
    return len(holders) == 1 and all(h is not None and world.nodes[h].forwards for h in holders)


@SOME
@given(st.sampled_from(["ab", "abc"]), st.integers(0, 2**16), TROUBLE, st.integers(0, 2))
def test_nodes_never_fight_for_ever(
    names: str, seed: int, trouble: list[tuple[float, str, int, int]], spared: int
) -> None:
    """Once all is quiet and a node is healthy, the routes end at one node that forwards, and stay.

    Before that nodes die, fall ill and restart, and messages are lost and late in any way.
    """
    world = World(names, seed)
    world.run(0.5)
    for delay, what, which, amount in trouble:
        _trouble(world, what, which, amount)
        world.run(world.now + delay)
    world.loss, world.lag = 0.0, 0.005
    healthy = list(world.nodes.values())[spared % len(names)]
    if not healthy.can_act:
        healthy.alive = healthy.rules = healthy.upstream = True
        world.restart(healthy)
    world.run(world.now + SETTLED)
    if not _carried(world):
        world.run(world.now + 3 * FIRST_RELIEF)  # somebody waits for one who died out of reach
    note(f"{[vars(node) | {'state': None} for node in world.nodes.values()]}")
    (holder,) = set(world.table.values())
    assert holder is not None
    assert world.nodes[holder].forwards
    for _ in range(30):
        world.run(world.now + 0.1)
        assert set(world.table.values()) == {holder}


@FEW
@given(st.integers(0, 2**16))
def test_a_dead_node_is_relieved_soon(seed: int) -> None:
    """A node that dies is relieved at the timeout, which with slow routes is a quarter second."""
    world = World("abc", seed)
    world.run(2.0)
    assert set(world.table.values()) == {"a"}
    world.nodes["a"].alive = False
    world.run(2.25)
    assert set(world.table.values()) == {"b"}


@FEW
@given(st.integers(0, 2**16))
def test_lost_heartbeats_alone_move_nothing(seed: int) -> None:
    """An agent that stops while its node forwards causes no failover."""
    world = World("ab", seed)
    world.run(2.0)
    world.nodes["a"].agent = False
    world.run(6.0)
    assert set(world.table.values()) == {"a"}
