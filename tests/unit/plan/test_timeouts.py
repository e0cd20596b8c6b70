"""Idle time-outs as rules."""

from ipaddress import IPv4Address

from natgate.model.gateway import DnatEntry, Gateway, OwnAddress
from natgate.model.timeouts import Timeouts
from natgate.plan import timeouts
from natgate.plan.compile import NodeFacts, compile_node
from tests.gateways import every_entry

QUICK = Timeouts.model_validate({"tcp": "20s", "udp": "2s"})
SET = 'ct timeout set "tcp-20" ct timeout set "udp-2"'


def gateways(*each: Timeouts) -> tuple[Gateway, ...]:
    """As many gateways with these time-outs, one of whose addresses serves a host."""
    (gateway,) = every_entry().gateways
    host = IPv4Address("10.10.0.8")
    return tuple(
        gateway.model_copy(
            update={
                "timeouts": held,
                "dnat": (),
                "own": (OwnAddress(name="one", address=IPv4Address(f"192.0.2.{n}"), host=host),),
            }
        )
        for n, held in enumerate(each)
    )


def test_equal_timeouts_are_one_object_for_each_protocol() -> None:
    """Named by their seconds, of which nft's own are said as well."""
    held = list(timeouts.objects(gateways(QUICK, Timeouts(), QUICK)))
    assert [str(timeout) for timeout in held] == [
        "{ protocol tcp; l3proto ip; policy = { established : 20 }; }",
        "{ protocol udp; l3proto ip; policy = { unreplied : 2, replied : 2 }; }",
        "{ protocol tcp; l3proto ip; policy = { established : 900 }; }",
        "{ protocol udp; l3proto ip; policy = { unreplied : 30, replied : 60 }; }",
    ]
    assert [timeout.name for timeout in held] == ["tcp-20", "udp-2", "tcp-900", "udp-60"]


def test_a_flow_from_outside_is_told_by_the_address_that_it_asked_for() -> None:
    """One rule for all gateways with equal time-outs; none for those that nobody reaches."""
    (first, other, last) = gateways(QUICK, Timeouts(), QUICK)
    silent = other.model_copy(update={"own": ()})
    asked = "ct status dnat ct original ip daddr"
    assert [rule.text for rule in timeouts.reached((first, silent, last))] == [
        f"{asked} {{ 192.0.2.0, 192.0.2.2 }} {SET}"
    ]
    served = DnatEntry.model_validate(
        {
            "name": "web",
            "address": "192.0.2.9",
            "protocol": "tcp",
            "port": 80,
            "target": "10.10.0.6",
        }
    )
    (rule,) = timeouts.reached((silent.model_copy(update={"dnat": (served,)}),))
    assert rule.text == f'{asked} 192.0.2.9 ct timeout set "tcp-900" ct timeout set "udp-60"'


def test_who_leaves_has_those_of_the_first_gateway_unless_the_entry_says_otherwise() -> None:
    """So that gateways with equal time-outs need one rule."""
    first, other = gateways(QUICK, Timeouts())
    assert [rule.text for rule in timeouts.leaving((first, other))] == [f"ip saddr @inside {SET}"]
    assert list(timeouts.leaving(())) == []
    assert timeouts.otherwise((first, other), first) == ""
    assert timeouts.otherwise((other, first), first) == f"{SET} "


def test_every_translation_of_a_gateway_with_others_says_so() -> None:
    """SNAT entries and hosts with an address for themselves."""
    spec = every_entry()
    (web,) = spec.gateways
    first = web.model_copy(update={"name": "first", "snat": (), "dnat": (), "own": ()})
    both = spec.model_copy(update={"gateways": (first, web.model_copy(update={"timeouts": QUICK}))})
    chains = compile_node(both, NodeFacts(name="node-a", links=("eth0",))).table.chains
    said = {
        name: [SET in rule.text for rule in chain.rules]
        for name, chain in chains.items()
        if name.startswith(("snat.", "leave."))
    }
    assert said["leave.web.one"] == said["leave.web.every"] == [True]
    assert said["snat.web.all"] == [True, False]  # the last one is for protocols without time-outs
