"""What the referee of a lab is told, and where a lab has none, as a deployment would have none."""

import json
from collections import defaultdict

import pytest

from natgate.lab import catalogue
from natgate.lab.ec2.referee import Referee, setup_of
from natgate.lab.ec2.settings import CloudTimes
from natgate.model.referee import RefereeSetup
from natgate.wire.config import parse_spec
from natgate.wire.referee_setup import parse_referee
from tests.deployments import ELASTIC
from tests.specs import replaced

FIXED = catalogue.text_of("fixed-source")
CROWDED = replaced(
    FIXED,
    (
        "sync_address: 10.10.0.101}",
        "sync_address: 10.10.0.101}\n    - {name: b, zone: a, address: 10.10.0.71}",
    ),
)


def told(text: str) -> RefereeSetup | None:
    """The setup as the referee reads it."""
    tables = defaultdict(
        lambda: "rtb-0", {"edge": "rtb-1", "clients-a": "rtb-2", "clients-c": "rtb-3"}
    )
    found = setup_of(catalogue.read_scene(text, "scene"), tables, CloudTimes())
    return None if found is None else parse_referee(found, "the lab")


def test_the_shares_of_the_scene_are_told() -> None:
    """By zones in order of preference, each with its node's address."""
    setup = told(FIXED)
    assert setup is not None
    (share,) = setup.shares
    assert share.zones == ("ap-northeast-1a", "ap-northeast-1c")
    assert share.addresses == {share.zones[0]: "10.10.0.68", share.zones[1]: "10.10.0.100"}


def test_an_address_on_a_nodes_own_link_is_left_to_the_agents() -> None:
    """No route table leads it, so the referee would fail at it each time."""
    scene = catalogue.read_scene(FIXED, "scene")
    spec = parse_spec(ELASTIC)
    tables: defaultdict[str, str] = defaultdict(lambda: "rtb-1")
    text = setup_of(scene.model_copy(update={"spec": spec}), tables, CloudTimes())
    assert text is not None
    named = [share["name"] for share in json.loads(text)["shares"]]
    assert [gateway.name for gateway in spec.gateways] == [*named, "outside"]


def test_two_nodes_in_a_zone_are_left_to_the_agents(capfd: pytest.CaptureFixture[str]) -> None:
    """A referee knows one in each, and would fight over the other; events are told to nobody."""
    assert told(CROWDED) is None
    referee = Referee(None)
    referee.tell({"source": "natgate"})
    referee.end()
    assert capfd.readouterr() == ("", "")
