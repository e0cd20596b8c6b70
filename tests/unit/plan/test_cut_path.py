"""What nodes do that cannot hear each other, and nodes that the spec no longer has."""

from dataclasses import replace

from natgate.model.event import Probe
from natgate.plan.failover import FIRST_RELIEF
from natgate.plan.warnings import warnings
from tests.unit.plan.setups import Talk, follows, holders, moves, setup, take_overs

DEAD = "a is dead: answers neither heartbeats nor probes"
DEAD_B = "b is dead: answers neither heartbeats nor probes"


def relieved() -> Talk:
    """A was active and could not hear B, when the routes were suddenly led to B."""
    talk = follows(me="a", active="a")
    talk.tick(2.08)
    talk.tick(2.2)
    talk.read("b", at=3.1)
    return talk


def test_a_cut_path_costs_one_take_over() -> None:
    """Who was relieved by a node that it cannot hear does not take the gateway back."""
    standby = follows(me="b", active="a")
    standby.tick(2.08)
    assert take_overs(standby.tick(2.2)) == [moves("a", DEAD)]
    talk = relieved()
    for tenths in range(32, 60):
        assert take_overs(talk.tick(tenths / 10)) == []
        talk.read("b", at=tenths / 10)
    assert "path-cut" in {found.code for found in warnings(talk.state, "", talk.now)}


def test_patience_with_a_peer_out_of_reach_doubles() -> None:
    """It may have died all the same, so it is relieved after 10 s, then after 20 s, and so on."""
    talk = relieved()
    assert take_overs(talk.tick(3.1 + FIRST_RELIEF - 0.1)) == []
    assert take_overs(talk.read("b", at=3.1 + FIRST_RELIEF)) == [
        moves("b", "b is dead: answers neither heartbeats nor probes")
    ]
    talk.read("a", at=13.2)
    talk.read("b", at=13.4)
    assert take_overs(talk.read("b", at=13.4 + 2 * FIRST_RELIEF - 0.1)) == []
    assert take_overs(talk.read("b", at=13.4 + 2 * FIRST_RELIEF)) != []


def test_a_peer_that_is_heard_again_is_judged_like_any_other() -> None:
    """Once the path is whole, the node that took over may be relieved for a reason."""
    talk = relieved()
    talk.hear("b", at=3.2)
    talk.read("b", at=3.2)
    assert talk.state.shares["g"].relieved_by is None
    assert take_overs(talk.hear("b", "upstream dead", at=3.3)) == [
        moves("b", "b is unhealthy: upstream dead")
    ]


def test_an_answering_kernel_alone_does_not_mend_the_path() -> None:
    """Two nodes that apply other ports reach each other's kernels and nothing more."""
    talk = relieved()
    talk.answer("b", Probe.KERNEL, at=3.2)
    assert talk.state.shares["g"].relieved_by == "b"
    talk.answer("b", Probe.FORWARDING, at=3.2)
    assert talk.state.shares["g"].relieved_by is None


def test_a_path_that_is_whole_again_answers_one_probe_first() -> None:
    """A peer that forwards and has not shown yet that it reaches the upstream is asked anew."""
    talk = relieved()
    talk.answer("b", Probe.FORWARDING, at=3.2)
    assert take_overs(talk.read("b", at=3.21)) == []
    talk.answer("b", Probe.UPSTREAM, at=3.22)
    assert take_overs(talk.read("b", at=3.23)) == []
    patience = talk.setup.patience
    talk.tick(at=3.4)
    assert take_overs(talk.tick(at=3.41 + patience)) == [moves("b", DEAD_B)]


def test_a_node_that_the_spec_no_longer_has_is_relieved() -> None:
    """Its routes are led to a present node at once; those of strangers are not."""
    made = setup("a")
    (share,) = made.shares
    talk = Talk(replace(made, shares=(replace(share, former=("z",)),)))
    talk.healthy()
    assert take_overs(talk.read("z")) == [moves("z", "z is no longer a node")]
    stranger = Talk(made)
    stranger.healthy()
    assert take_overs(stranger.read("z")) == []
    assert holders("z") == stranger.state.shares["g"].holders


def test_where_nobody_is_fit_nobody_takes_a_gateway_that_nobody_carries() -> None:
    """After the time that is given to preferred nodes, a node that is ill still does not act."""
    talk = Talk(setup("b"))
    talk.healthy()
    talk.hear("a", "upstream dead", at=0.1)
    talk.read(None, at=0.1)
    talk.healthy("upstream dead", at=5.0)
    assert take_overs(talk.read(None, at=5.0)) == []


def test_a_node_whose_probes_stop_passing_is_unhealthy_whatever_it_says() -> None:
    """Something drops what it forwards, and its own checks do not see it."""
    talk = follows()
    talk.answer("a", Probe.KERNEL, Probe.FORWARDING, at=2.0)
    for second in (3.0, 4.0, 4.4):
        talk.hear("a", at=second)
        talk.answer("a", Probe.KERNEL, at=second)
        assert take_overs(talk.read("a", at=second)) == []
    talk.hear("a", at=4.6)
    talk.answer("a", Probe.KERNEL, at=4.6)
    reason = "probes no longer pass through the node: something drops them"
    assert take_overs(talk.read("a", at=4.6)) == [moves("a", f"a is unhealthy: {reason}")]


def test_a_node_that_never_let_a_probe_pass_is_believed() -> None:
    """A firewall that closes the way back to the asker is no reason for a failover."""
    talk = follows()
    for second in range(3, 12):
        talk.hear("a", at=float(second))
        talk.answer("a", Probe.KERNEL, at=float(second))
        assert take_overs(talk.read("a", at=float(second))) == []
