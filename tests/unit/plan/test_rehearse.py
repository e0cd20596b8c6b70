"""A failover told beforehand."""

from dataclasses import replace

from natgate.model.event import RoutesFailed
from natgate.model.journal import Failover, Step
from natgate.plan.rehearse import Flows, Rehearsal, history, rehearse, to_move
from tests.unit.plan.setups import Talk, follows, holders


def rehearsed(
    talk: Talk, after: str = "b", *, journal: tuple[Failover, ...] = (), refused: str = ""
) -> Rehearsal:
    """The rehearsal of moving the one share."""
    return rehearse(
        talk.state,
        talk.setup.shares[0],
        after,
        journal=journal,
        refused={"edge": refused} if refused else {},
        flows=Flows(flows=7, clients=2),
        now=talk.now,
    )


def record(share: str, *ms: float, outcome: str = "done") -> Failover:
    """A failover whose routes took so long."""
    return Failover(
        share=share,
        before="a",
        after="b",
        reason="r",
        started=1.0,
        outcome=outcome,  # type: ignore[arg-type]
        steps=tuple(Step(name="routes", what="w", ms=each) for each in ms),
    )


def test_each_route_is_a_step_of_its_own() -> None:
    """In the order in which it would be done, with what it leads to now."""
    found = rehearsed(follows("b", "a"))
    assert [name for name, _ in found.steps] == [*["routes"] * 3, "verify", "announce"]
    assert found.steps[0][1] == "10.10.0.80/28 in edge: a -> b"
    assert (found.before, found.after, found.obstacles) == ("a", "b", ())
    assert found.flows == Flows(flows=7, clients=2)


def test_a_divided_gateway_is_released_first_and_claimed_if_there_is_a_fence() -> None:
    """The old carrier stops giving out the ports before the new one begins."""
    talk = follows("b", "a")
    divided = replace(talk.setup.shares[0], divided=True)

    def steps(after: str) -> list[str]:
        state = replace(talk.state, setup=replace(talk.setup, shares=(divided,)))
        found = rehearse(state, divided, after, journal=(), refused={}, flows=None, now=talk.now)
        return [f"{name}: {what}" for name, what in found.steps]

    assert steps("b")[:2] == [
        "release: a gives out no more ports of g",
        "rules: b keeps the ports of g and hands none out, for there is no fence",
    ]
    talk.setup = replace(talk.setup, fenced=True)
    assert steps("b")[0] == "claim: the fence makes b the owner of g"
    assert steps("b")[2].endswith("and hands them out")
    talk.state = replace(
        talk.state,
        shares={"g": replace(talk.state.shares["g"], holders=holders(None))},
    )
    assert "release" not in " ".join(steps("b"))
    assert "nobody -> b" in " ".join(steps("b"))


def test_every_obstacle_is_named() -> None:
    """A node that is ill, silent or no node; routes that cannot be read, moved or are foreign."""
    talk = follows("b", "a")
    assert "no node of g" in rehearsed(talk, "x").obstacles[0]
    talk.healthy("upstream does not answer")
    assert rehearsed(talk).obstacles == ("b is unhealthy: upstream does not answer",)
    talk.healthy()
    talk.read("a", c="link 7")
    assert "link 7, which is no node" in rehearsed(talk).obstacles[0]
    assert rehearsed(talk, refused="not permitted").obstacles[1] == "edge: not permitted"
    talk.tell(RoutesFailed(share="g", error="no answer"))
    assert "no answer" in rehearsed(talk).obstacles[0]
    talk.tick(talk.now + 5)
    assert "the agent of a is silent" in rehearsed(talk, "a").obstacles[0]


def test_the_interruption_is_what_the_same_share_took_before() -> None:
    """Another's if it never moved, and nothing if none ever did."""
    mine, other = record("g", 2.0, 1.0), record("h", 9.0)
    assert history("g", ()) is None
    assert history("g", (record("g", 5.0, outcome="failed"),)) is None
    found = history("g", (mine, other, record("g", 5.0)))
    assert found is not None
    assert (found.samples, found.median_ms, found.worst_ms) == (2, 4.0, 5.0)
    found = history("g", (other,))
    assert found is not None
    assert found.worst_ms == 9.0


def test_what_is_there_already_is_not_moved() -> None:
    """To a node, or home where no node is named; of one gateway, or of all."""
    talk = follows("b", "a")
    assert list(to_move(talk.state, "a", None)) == []
    assert list(to_move(talk.state, None, None)) == []
    assert [after for _, after in to_move(talk.state, "b", None)] == ["b"]
    assert list(to_move(talk.state, "b", "another")) == []
