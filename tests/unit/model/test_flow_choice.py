"""Which flows somebody asks for."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from natgate.model.flow_choice import EVERY, Choice, families, single, takes
from natgate.model.open_flow import IPV4, IPV6, OpenFlow
from tests.unit.open_flows import flow

SNAT, DNAT = flow(), flow(status=0x2E, reply_destination=0xC6336407, reply_source=0x0A000005)


@pytest.mark.parametrize(
    ("choice", "known", "strange"),
    [
        (Choice(), SNAT, flow(status=0xE)),
        (Choice(kinds=("dnat",)), DNAT, SNAT),
        (EVERY, flow(status=0xE), None),
        (Choice(family=IPV4), SNAT, replace(SNAT, family=IPV6)),
        (Choice(protocol=6), SNAT, flow(protocol=17)),
        (Choice(source=ip_network("10.0.0.0/24")), SNAT, flow(source=0x0A000105)),
        (Choice(destination=ip_network("198.51.100.7")), SNAT, flow(reply_source=1)),
        (Choice(client=ip_network("10.0.0.5")), DNAT, flow(source=0x0A000006)),
        (Choice(client=ip_network("10.0.0.5")), SNAT, flow(source=0x0A000006)),
        (Choice(address=ip_network("203.0.113.1")), SNAT, flow(reply_destination=9)),
        (Choice(address=ip_network("198.51.100.7")), DNAT, SNAT),
        (Choice(port=2048), SNAT, flow(reply_destination_port=2049)),
        (Choice(state="established"), SNAT, flow(state=7)),
        (Choice(mark=(0x11, 0x0F)), flow(mark=0x21), flow(mark=0x12)),
        (Choice(zone=3), flow(zone=3), SNAT),
        (Choice(without=(1,)), SNAT, flow(source=1)),
    ],
)
def test_a_choice_takes_what_is_like_it(
    choice: Choice, known: OpenFlow, strange: OpenFlow | None
) -> None:
    """And leaves out what differs in just that."""
    assert takes(choice, known)
    assert strange is None or not takes(choice, strange)


def test_prefixes_have_a_family() -> None:
    """One of each family leaves nothing to choose."""
    four, six = ip_network("10.0.0.0/8"), ip_network("2001:db8::1")
    assert families(Choice()) == (IPV4, IPV6)
    assert families(Choice(source=four)) == (IPV4,)
    assert families(Choice(source=six)) == (IPV6,)
    assert families(Choice(source=six, address=four)) == ()
    assert families(Choice(source=six, family=IPV4)) == ()
    assert [single(four), single(six), single(None)] == [False, True, False]
