"""Which faults a demo shows, in which labs."""

import pytest

from natgate.lab import catalogue, faults
from natgate.lab.demo import SHARED, rounds
from natgate.model.error import RefusedError

SCENE = catalogue.prepared("fixed-source")
ALL = faults.OF_ONE_NODE


def test_every_mode_gets_a_lab_with_every_fault() -> None:
    """A scene with nodes in several zones is broken in every mode, in every way."""
    found = [each for each in rounds(SCENE, ALL, ()) if each.scene.spec.host.ownership == "auto"]
    assert tuple(each.mode for each in found) == catalogue.MODES
    for each in found:
        assert [b.fault.kind for b in each.breaks if b.returns] == list(ALL)
        assert [b.fault.kind for b in each.breaks if not b.returns] == ["node-dead"] * (
            each.mode == SHARED
        )
        assert {gateway.mode for gateway in each.scene.spec.gateways} == {each.mode}


def test_faults_that_ownership_prevents_come_once_more() -> None:
    """What an owned table prevents is shown without ownership too, in the first mode."""
    found = [each for each in rounds(SCENE, ALL, ()) if each.scene.spec.host.ownership == "off"]
    assert [each.mode for each in found] == [catalogue.MODES[0]]
    assert [b.fault.kind for b in found[0].breaks] == ["rules-deleted", "ruleset-flushed"]


def test_only_what_is_asked_for_is_shown() -> None:
    """A mode and a fault that were chosen are the only ones."""
    (only,) = rounds(SCENE, ["agent-killed"], ["active-standby"])
    assert (only.mode, [b.fault.kind for b in only.breaks]) == ("active-standby", ["agent-killed"])


def test_a_fault_that_does_not_exist_is_refused() -> None:
    """A kind that is not there is refused with those that are."""
    with pytest.raises(RefusedError, match="no fault is called flood; there are node-dead"):
        rounds(SCENE, ["flood"], ())


def test_one_zone_shows_the_mode_that_its_gateways_have() -> None:
    """Where all nodes stand in one zone there is nothing to share, and the scene stays as it is."""
    nodes = tuple(node.model_copy(update={"zone": "a"}) for node in SCENE.spec.nodes)
    spec = SCENE.spec.model_copy(update={"nodes": nodes})
    scene = SCENE.model_copy(update={"spec": spec})
    assert catalogue.modes_of(scene) == ("active-standby",)
