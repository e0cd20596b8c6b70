"""Kinds of translation, from addresses alone."""

import itertools

import pytest

from natgate.wire.nat_kind import SHOWN, Kind, View, kind_of


@pytest.mark.parametrize(
    ("ends", "kind"),
    [
        ("cssc", Kind.PLAIN),
        ("cssg", Kind.SNAT),
        ("cgsc", Kind.DNAT),
        ("cgsh", Kind.BOTH),
        ("cgsg", Kind.SAME_DOOR),
        ("cgcg", None),
        ("cgch", None),
    ],
)
def test_what_was_replaced_shows_in_the_answer(ends: str, kind: Kind | None) -> None:
    """Client, server, gateway: the answer comes from and goes to what stands in their place."""
    assert kind_of(*ends) is kind


def test_a_flow_is_of_one_kind_and_in_one_plain_or_translated_view() -> None:
    """Whatever the four addresses are, a flow is listed by NAT or as plain, never by both."""
    for ends in itertools.product("abcd", repeat=4):
        kind = kind_of(*ends)
        assert not (kind in SHOWN[View.NAT] and kind in SHOWN[View.LOCAL])
        assert kind not in SHOWN[View.NOTHING]
        if kind in SHOWN[View.SNAT] or kind in SHOWN[View.DNAT]:
            assert kind in SHOWN[View.NAT]


def test_only_views_of_translated_flows_have_a_gateway() -> None:
    """Local and routed flows keep their addresses."""
    assert [view.name for view in View if not view.translated] == ["LOCAL", "ROUTED"]
