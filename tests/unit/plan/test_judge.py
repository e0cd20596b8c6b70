"""Whether a node can carry a gateway; most of it is told in the conversations of test_failover."""

from natgate.model.event import Wished
from natgate.model.wish import OFF, ON, drain
from natgate.plan.judge import judge
from tests.unit.plan.setups import follows


def condition(node: str, *, drained: bool, ill: bool = False) -> str:
    """What a node is held to be."""
    talk = follows("b", "a")
    talk.tell(Wished(key=drain(node), value=ON if drained else OFF))
    talk.hear("a", *(("ill",) if ill else ()))
    return judge(talk.state, talk.setup.shares[0], node, talk.now).condition


def test_a_drained_node_is_not_fit_however_well_it_is() -> None:
    """An operator's word is enough; taking it back makes it fit again."""
    assert condition("a", drained=True) == "drained"
    assert condition("b", drained=True) == "drained"
    assert condition("a", drained=False) == "healthy"


def test_an_ill_node_is_ill_drained_or_not() -> None:
    """What is wrong with it is not hidden."""
    assert condition("a", drained=True, ill=True) == "unhealthy"
