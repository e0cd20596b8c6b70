"""Nodes and a referee act on the same routes: they agree in the end, and then nobody writes."""

from hypothesis import given, note
from hypothesis import strategies as st

from natgate.plan.failover import FIRST_RELIEF
from tests.effort import FEW, SOME
from tests.unit.plan.referee_world import Refereed
from tests.unit.plan.setups import HOLD_DOWN
from tests.unit.plan.test_failover_world import SETTLED, TROUBLE, _carried, _trouble


@SOME
@given(
    st.sampled_from(["ab", "abc"]),
    st.integers(0, 2**16),
    TROUBLE,
    st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["tick", "peer"]), st.integers(0, 2))),
    st.integers(0, 2),
)
def test_nodes_and_the_referee_never_fight(
    names: str,
    seed: int,
    trouble: list[tuple[float, str, int, int]],
    words: list[tuple[int, str, int]],
    spared: int,
) -> None:
    """Whatever happened before, the routes end at one node that forwards, and nobody writes more."""
    world = Refereed(names, seed)
    world.run(0.5)
    for index, (delay, what, which, amount) in enumerate(trouble):
        _trouble(world, what, which, amount)
        for _, trigger, zone in (word for word in words if word[0] == index):
            node = list(world.nodes.values())[zone % len(names)]
            if trigger == "tick":
                world.judge("tick")
            else:
                world.judge("peer", node.name, ill=not node.forwards)
        world.run(world.now + delay)
    world.loss, world.lag = 0.0, 0.005
    healthy = list(world.nodes.values())[spared % len(names)]
    if not healthy.can_act:
        healthy.alive = healthy.rules = healthy.upstream = True
        world.restart(healthy)
    world.run(world.now + SETTLED)
    if not _carried(world):
        world.run(world.now + 3 * FIRST_RELIEF)
    note(f"{[vars(node) | {'state': None} for node in world.nodes.values()]} {world.written[-9:]}")
    assert _carried(world)
    (holder,) = set(world.table.values())
    before = len(world.written)
    world.run(world.now + 3 * HOLD_DOWN)
    assert set(world.table.values()) == {holder}
    assert len(world.written) == before


@FEW
@given(st.integers(0, 2**16), st.sampled_from(["tick", "alarm", "launch"]))
def test_a_referee_changes_nothing_that_is_right(seed: int, trigger: str) -> None:
    """Nodes that are well are left alone, however often the referee is asked."""
    world = Refereed("ab", seed)
    world.run(2.0)
    assert set(world.table.values()) == {"a"}
    before = len(world.written)
    for _ in range(20):
        world.judge(trigger)  # type: ignore[arg-type]
        world.run(world.now + 0.05)
    assert len(world.written) == before


@FEW
@given(st.integers(0, 2**16))
def test_a_referee_acts_where_no_node_can(seed: int) -> None:
    """The active node dies while the standby's agent does, whose kernel still forwards."""
    world = Refereed("ab", seed)
    world.run(2.0)
    world.nodes["b"].agent = False
    world.nodes["a"].alive = False
    world.run(4.0)
    assert set(world.table.values()) == {"b"}
    assert {who for at, who in world.written if at > 2.0} == {"referee"}
