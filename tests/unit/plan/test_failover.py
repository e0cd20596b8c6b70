"""Who carries a gateway: each test is the conversation that one node has."""

from dataclasses import replace

import pytest

from natgate.model.event import (
    HealthChanged,
    HeartbeatHeard,
    Probe,
    ProbeAnswered,
    ProbePeer,
    RoutesFailed,
    RoutesRead,
)
from natgate.model.view import GatewayView, NodeView, ShareView, SyncView
from natgate.plan.failover import COLD_START, own_view
from natgate.plan.judge import judge
from natgate.plan.state import Setup, ShareSetup, active, begin, speaks
from tests.unit.plan.setups import (
    EDGE,
    HOLD_DOWN,
    READ,
    TIMEOUT,
    Talk,
    follows,
    holders,
    moves,
    probed,
    setup,
    take_overs,
    view,
)

EVERY_PROBE = (Probe.KERNEL, Probe.FORWARDING, Probe.UPSTREAM)


def condition(talk: Talk, node: str) -> str:
    """What the node is held to be now."""
    return judge(talk.state, talk.setup.shares[0], node, talk.now).condition


def test_the_routes_are_read_before_anything_is_decided() -> None:
    """At its start a node reads who is active, once, and decides nothing until it knows."""
    talk = Talk(setup("a"))
    assert talk.tick() == (ProbePeer(peer="b"), READ)
    assert talk.healthy(at=0.01) == ()
    assert talk.tick(0.02) == ()


def test_the_first_node_carries_what_nobody_carries() -> None:
    """Where no route exists yet, the first healthy node of the spec takes them all."""
    talk = Talk(setup("a"))
    talk.healthy()
    assert talk.read(None) == (moves(None, "nobody carries it"),)


def test_a_later_node_waits_for_an_earlier_one_at_first_start() -> None:
    """While nobody carries the gateway the preferred node may still turn up, but not for ever."""
    talk = Talk(setup("b"))
    talk.healthy()
    assert talk.read(None) == ()
    assert take_overs(talk.tick(COLD_START - 0.01)) == []
    talk.read(None)
    assert take_overs(talk.tick(COLD_START + 0.01)) == [moves(None, "nobody carries it")]


def test_a_later_node_leaves_it_to_an_earlier_healthy_one() -> None:
    """Where an earlier node is healthy, it is the one to act."""
    talk = Talk(setup("b"))
    talk.healthy()
    talk.hear("a", at=0.1)
    assert talk.read(None) == ()
    assert talk.hear("a", "no", at=0.12) == (moves(None, "nobody carries it"),)


def test_a_node_that_is_being_filled_is_waited_for_while_nobody_carries() -> None:
    """Of two nodes that start together neither takes what the other is about to take."""
    talk = Talk(setup("b"))
    talk.healthy()
    filling = replace(
        view("being filled with flows from b"), sync=SyncView(session="1", empty=True)
    )
    talk.tell(HeartbeatHeard(peer="a", view=filling), at=0.1)
    assert talk.read(None) == ()
    talk.tell(HeartbeatHeard(peer="a", view=filling), at=COLD_START + 0.01)
    assert take_overs(talk.read(None)) == [moves(None, "nobody carries it")]


def test_a_node_that_has_not_checked_yet_is_waited_for() -> None:
    """An earlier node that speaks and has not finished its checks may still turn out healthy."""
    talk = Talk(setup("b"))
    talk.healthy()
    talk.tell(HeartbeatHeard(peer="a", view=view("not checked yet", checked=False)), at=0.1)
    assert talk.read(None) == ()
    assert condition(talk, "a") == "unknown"


def test_an_unhealthy_node_takes_nothing() -> None:
    """A node that is not fit, or does not know yet whether it is, never takes over."""
    talk = Talk(setup("a"))
    assert take_overs(talk.read(None)) == []
    talk.healthy("rules not in force")
    assert take_overs(talk.read(None, at=0.1)) == []
    talk.tell(HealthChanged(reasons={"g": ()}, unchecked=frozenset({"g"})))
    assert take_overs(talk.read(None, at=0.2)) == []
    assert own_view(talk.state, 3, "d").gateways["g"] == GatewayView(reasons=(), checked=False)


def test_the_standby_takes_over_when_the_active_node_says_it_is_unhealthy() -> None:
    """A node's own word is enough, and is acted upon at once."""
    talk = follows()
    assert talk.hear("a", "upstream dead", at=2.02) == (
        moves("a", "a is unhealthy: upstream dead"),
    )
    assert take_overs(talk.tick(2.03)) == [], "the order is under way"
    assert talk.read("b", at=2.04) == ()
    assert active(talk.state, "g") == "b"


def test_silence_with_answering_probes_is_no_failover() -> None:
    """A dead agent over a living data plane is reported, and nothing is moved."""
    talk = follows()
    assert probed(talk.tick(2.08)) == ["a"]
    for tick in range(40):
        talk.now = 2.08 + tick * 0.025
        talk.answer("a", *EVERY_PROBE)
        assert take_overs(talk.tick()) == []
        talk.read("a")
    assert condition(talk, "a") == "silent"
    assert not speaks(talk.state, "a", talk.now)


def test_silence_without_any_answer_is_death_at_the_timeout() -> None:
    """A node that answers neither heartbeats nor probes is dead within the timeout, not before."""
    talk = follows()
    assert probed(talk.tick(2.08)) == ["a"]
    assert probed(talk.tick(2.09)) == [], "the answer is still awaited"
    assert probed(talk.tick(2.11)) == ["a"]
    assert take_overs(talk.tick(2.0 + TIMEOUT)) == []
    assert take_overs(talk.tick(2.0 + TIMEOUT + 0.001)) == [
        moves("a", "a is dead: answers neither heartbeats nor probes")
    ]


def test_a_node_that_was_itself_held_up_asks_before_it_judges() -> None:
    """After a pause of its own everybody seems silent: probes must stay unanswered anew."""
    talk = follows()
    assert take_overs(talk.pause(2.5)) == []
    assert judge(talk.state, talk.setup.shares[0], "a", 2.5).condition == "unknown"
    assert take_overs(talk.tick(2.53)) == []
    assert take_overs(talk.tick(2.56)) == [
        moves("a", "a is dead: answers neither heartbeats nor probes")
    ]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (
            (Probe.KERNEL, Probe.FORWARDING),
            "a is unhealthy: agent silent and upstream unreachable through the node",
        ),
        (
            (Probe.KERNEL,),
            "a is unhealthy: agent silent and probes do not pass through the node",
        ),
    ],
)
def test_a_silent_node_that_does_not_forward_is_relieved(
    answers: tuple[Probe, ...], reason: str
) -> None:
    """Where the agent is silent, the probes tell how far packets come."""
    talk = follows()
    talk.tick(2.08)
    talk.answer("a", *answers, at=2.1)
    assert take_overs(talk.tick(2.16)) == [moves("a", reason)]


def test_without_an_echo_to_ask_forwarding_is_enough() -> None:
    """A gateway without ICMP check cannot be probed beyond the node; forwarding then speaks for it."""
    plain = setup("b")
    gateway = plain.shares[0]
    no_echo = ShareSetup(
        name="g",
        gateway="g",
        nodes=gateway.nodes,
        routes=gateway.routes,
        hold_down=1.0,
        has_echo=False,
    )
    talk = Talk(Setup(me="b", peers=("a",), shares=(no_echo,), interval=0.05, timeout=0.15))
    talk.hear("a")
    talk.answer("a", Probe.FORWARDING, at=0.3)
    assert condition(talk, "a") == "silent"


def test_a_healthy_active_node_is_never_relieved() -> None:
    """It is sticky: the preferred node does not take the gateway back when it recovers."""
    talk = follows(me="a", active="b")
    for beat in range(100):
        assert take_overs(talk.hear("b", at=2.0 + beat * 0.05)) == []
        talk.read("b")
    assert active(talk.state, "g") == "b"


def test_a_recovered_node_must_hold_out_before_it_may_take_over() -> None:
    """Against flapping: unless the other is dead, a node is healthy for a while before it acts."""
    talk = follows()
    talk.healthy("upstream dead", at=2.0)
    talk.healthy(at=2.05)
    talk.hear("a", "upstream dead", at=2.06)
    talk.hear("a", "upstream dead", at=2.05 + HOLD_DOWN - 0.01)
    talk.read("a")
    assert take_overs(talk.hear("a", "upstream dead")) == []
    assert take_overs(talk.hear("a", "upstream dead", at=2.05 + HOLD_DOWN)) == [
        moves("a", "a is unhealthy: upstream dead")
    ]


def test_a_dead_node_is_relieved_without_hold_down() -> None:
    """A node that has just become healthy takes over at once from one that is dead."""
    talk = follows()
    talk.healthy("upstream dead", at=2.0)
    talk.tick(2.08)
    talk.healthy(at=2.14)
    assert take_overs(talk.tick(2.16)) == [
        moves("a", "a is dead: answers neither heartbeats nor probes")
    ]


def test_a_node_never_heard_is_not_dead_during_the_grace() -> None:
    """A restarted agent gives the active node time to be heard."""
    talk = Talk(setup("b"))
    talk.healthy()
    talk.read("a")
    assert condition(talk, "a") == "unknown"
    assert take_overs(talk.tick(0.9)) == []
    talk.read("a")
    assert take_overs(talk.tick(1.1)) == [
        moves("a", "a is dead: answers neither heartbeats nor probes")
    ]


@pytest.mark.parametrize("foreign", ["blackhole", "10.9.9.9", "link 7"])
def test_a_foreign_route_is_never_taken(foreign: str) -> None:
    """Where the edge route leads to something that is no node, natgate leaves everything alone."""
    talk = Talk(setup("a"))
    talk.healthy()
    assert talk.read(foreign) == ()
    assert take_overs(talk.tick(5.0)) == []


def test_a_foreign_route_beside_ours_is_left_alone() -> None:
    """The active node does not complete what leads elsewhere."""
    talk = Talk(setup("a"))
    talk.healthy()
    assert talk.read("a", c="10.9.9.9") == ()


@pytest.mark.parametrize("holder", [None, "b"])
def test_partial_routes_are_completed_by_the_active_node(holder: str | None) -> None:
    """A take-over that was cut short is finished by whoever holds the edge route."""
    talk = Talk(setup("a"))
    talk.healthy()
    assert talk.read("a", c=holder) == (moves("a", "192.0.2.0/24 in c is not led here"),)
    other = follows()
    assert other.read("a", c=holder) == ()


def test_both_unhealthy_stays_as_it_is() -> None:
    """Where nobody is fit, the routes stay with whom they lead to."""
    talk = follows()
    talk.healthy("upstream dead", at=2.01)
    assert take_overs(talk.hear("a", "upstream dead", at=2.02)) == []
    assert take_overs(talk.tick(2.5)) == []
    talk.read("a")
    assert take_overs(talk.tick(2.9)) == []


@pytest.mark.parametrize(("me", "acts"), [("b", True), ("c", False)])
def test_of_three_nodes_only_the_first_eligible_acts(me: str, *, acts: bool) -> None:
    """The order of the spec decides who takes over, so that nobody races."""
    talk = follows(me=me, nodes="abc")
    assert bool(take_overs(talk.hear("a", "upstream dead", at=2.02))) is acts


def test_a_later_node_acts_when_the_earlier_one_is_unfit() -> None:
    """The third node takes over when the second says that it cannot."""
    talk = follows(me="c", nodes="abc")
    talk.hear("b", "upstream dead", at=2.01)
    assert take_overs(talk.hear("a", "upstream dead", at=2.02)) == [
        moves("a", "a is unhealthy: upstream dead")
    ]


@pytest.mark.parametrize("holder", ["a", None])
def test_a_node_whose_agent_is_silent_is_not_waited_for(holder: str | None) -> None:
    """A silent agent cannot take over, so the next node does, although the silent one forwards."""
    talk = follows(me="c", nodes="abc")
    for tick in range(1, 60):
        talk.now = 2.0 + tick * 0.025
        talk.answer("b", *EVERY_PROBE)
        talk.hear("a", "upstream dead")
        if take_overs(talk.read(holder)):
            return
    pytest.fail("nobody takes over")


def test_a_later_epoch_of_a_peer_makes_it_look_again() -> None:
    """A peer that knows of a later decision is a reason to read the routes, once."""
    talk = follows()
    assert talk.hear("a", at=2.01, epoch=7) == (READ,)
    assert talk.read("a", at=2.02) == ()
    assert talk.state.shares["g"].epoch == 7
    assert talk.hear("a", at=2.03, epoch=7) == ()


def test_whoever_becomes_active_starts_a_new_epoch() -> None:
    """A take-over is later than every decision that any peer knows; reading again is no new one."""
    talk = follows()
    talk.hear("a", "upstream dead", at=2.01, epoch=7)
    talk.read("a")
    talk.read("b", at=2.02)
    assert talk.state.shares["g"].epoch == 8
    talk.read("b", at=2.03)
    assert talk.state.shares["g"].epoch == 8
    assert own_view(talk.state, 4, "d") == NodeView(
        generation=4,
        digest="d",
        gateways={"g": GatewayView()},
        shares={"g": ShareView(active="b", epoch=8)},
    )


def test_failed_routes_are_tried_again_every_second() -> None:
    """What could not be read or moved is read again, and the take-over ordered again."""
    talk = follows()
    talk.hear("a", "upstream dead", at=2.01)
    assert talk.tell(RoutesFailed(share="g", error="refused"), at=2.02) == ()
    assert take_overs(talk.hear("a", "upstream dead", at=2.5)) == []
    assert talk.state.shares["g"].error == "refused"
    talk.hear("a", "upstream dead", at=3.0)
    assert talk.hear("a", "upstream dead", at=3.03) == (READ,)
    assert take_overs(talk.read("a", at=3.04)) == [moves("a", "a is unhealthy: upstream dead")]
    assert talk.state.shares["g"].error is None


def test_the_routes_are_read_again_every_second() -> None:
    """Somebody else may move a route, so they are looked at without a reason."""
    talk = follows()
    talk.hear("a", at=2.9)
    assert READ not in talk.tick(2.99)
    assert READ in talk.tick(3.01)


def test_where_calls_are_limited_routes_are_read_seldom_and_what_failed_is_tried_soon() -> None:
    """A reading that is due later than every second is not put off after a failure."""
    talk = follows()
    talk.state = replace(talk.state, setup=replace(talk.setup, reread=5.0))
    read_at = talk.now
    talk.hear("a", at=read_at + 4.9)
    assert READ not in talk.tick(read_at + 4.99)
    assert READ in talk.tick(read_at + 5.01)
    talk.tell(RoutesFailed(share="g", error="throttled"), at=read_at + 6.0)
    assert READ not in talk.tick(read_at + 6.9)
    assert READ in talk.tick(read_at + 7.01)


def test_a_gateway_without_routes_is_nobodys() -> None:
    """Without routes there is nothing to decide."""
    talk = Talk(setup("a", routes=()))
    talk.healthy()
    assert READ not in talk.tick(5.0)
    assert active(talk.state, "g") is None
    talk.tell(RoutesRead(share="g", holders={}))
    assert active(talk.state, "g") is None


def test_only_nodes_of_the_gateway_carry_it() -> None:
    """A node that the gateway does not name reads and reports, and takes nothing."""
    gateway = setup("a").shares[0]
    talk = Talk(Setup(me="x", peers=("a", "b"), shares=(gateway,), interval=0.05, timeout=0.15))
    talk.healthy()
    assert talk.read(None) == ()
    assert take_overs(talk.tick(5.0)) == []


def test_facts_about_strangers_change_nothing() -> None:
    """What concerns no peer and no gateway of the spec is left out."""
    talk = follows()
    before = talk.state
    for event in (
        HeartbeatHeard(peer="x", view=view()),
        ProbeAnswered(peer="x", probe=Probe.KERNEL),
        RoutesRead(share="x", holders=holders("a")),
        RoutesFailed(share="x", error="no"),
    ):
        assert talk.tell(event) == ()
    assert talk.state == before


def test_a_peer_with_another_spec_is_not_judged() -> None:
    """A node that speaks and does not know the gateway is neither healthy nor relieved."""
    talk = follows()
    assert talk.tell(HeartbeatHeard(peer="a", view=NodeView()), at=2.01) == ()
    assert condition(talk, "a") == "unknown"
    assert condition(talk, "nobody") == "unknown"


def test_every_node_reads_its_own_state_at_the_start() -> None:
    """A state that begins knows its peers and gateways, and judges nobody healthy."""
    state = begin(setup("a"), 5.0)
    assert (list(state.peers), list(state.shares)) == (["b"], ["g"])
    assert not any(judge(state, state.setup.shares[0], n, 5.0).fit for n in "ab")
    assert active(state, "g") is None
    assert state.setup.shares[0].routes[0] == EDGE


def test_probes_are_sent_in_time_for_the_timeout() -> None:
    """A peer is probed before the timeout, so that its silence is explained when it ends."""
    made = setup("a")
    assert made.late == pytest.approx(0.075)
    assert made.grace == 1.0
    slow = Setup(me="a", peers=(), shares=(), interval=0.5, timeout=1.0)
    assert (slow.late, slow.grace) == (0.5, 4.0)


def test_routes_split_by_an_agent_that_died_are_brought_together() -> None:
    """A take-over cut short by its agent's end is finished by another node, after the hold-down."""
    talk = follows()
    for tick in range(1, 60):
        talk.now = 2.0 + tick * 0.025
        talk.answer("a", *EVERY_PROBE)
        orders = take_overs(talk.read("a", c="b"))
        if orders:
            break
    reason = "192.0.2.0/24 in c is not led there and its agent cannot move it"
    assert orders == [moves("a", f"a is silent: {reason}")]
