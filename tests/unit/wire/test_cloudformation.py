"""The template as a whole: the same for the same spec, small enough, and without moving routes."""

import json
from typing import Any

import pytest

from natgate.model.spec import Spec
from natgate.wire.cloudformation import LIMIT, template
from natgate.wire.config import parse_spec
from natgate.wire.user_data import GROUNDS
from tests.deployments import TWO_ZONES, specs
from tests.specs import replaced

FETCH = "a program\n"


def written(spec: Spec) -> dict[str, Any]:
    """A template as data."""
    document: dict[str, Any] = json.loads(template(spec, "debian-12", FETCH))
    return document


every_spec = pytest.mark.parametrize("spec", specs().values(), ids=specs())


@every_spec
def test_it_is_the_same_for_the_same_spec(spec: Spec) -> None:
    """A change of the template is a change of the spec, or of natgate."""
    texts = {template(spec, "debian-12", FETCH) for _ in range(2)}
    assert len(texts) == 1
    assert len(texts.pop()) < LIMIT


@every_spec
def test_no_resource_owns_a_route(spec: Spec) -> None:
    """The next update of the stack would lead it back to where a failover took it from."""
    kinds = {resource["Type"] for resource in written(spec)["Resources"].values()}
    assert kinds & {"AWS::EC2::Route", "AWS::EC2::SubnetRouteTableAssociation"} == set()


@every_spec
def test_every_reference_leads_somewhere(spec: Spec) -> None:
    """A parameter, a resource or what AWS itself knows."""
    document = written(spec)
    known = {*document["Parameters"], *document["Resources"]}
    names = set(referred(document))
    assert {name for name in names if not name.startswith("AWS::")} <= known
    assert document["Parameters"].keys() <= names | {"AWS::Region"}


def referred(part: object) -> list[str]:
    """Every name that a part of a template refers to."""
    if isinstance(part, list):
        return [name for each in part for name in referred(each)]
    if not isinstance(part, dict):
        return []
    found = [name for each in part.values() for name in referred(each)]
    if "Ref" in part:
        found.append(part["Ref"])
    if isinstance(part.get("Fn::GetAtt"), list):
        found.append(part["Fn::GetAtt"][0])
    if isinstance(part.get("Fn::Sub"), str):
        pieces = part["Fn::Sub"].split("${")[1:]
        found += [piece.partition("}")[0].partition(".")[0] for piece in pieces]
    return found


def test_ids_of_the_spec_are_defaults() -> None:
    """What the spec names is not asked for again, what it leaves open is."""
    given = written(parse_spec(TWO_ZONES))["Parameters"]
    assert given["TableEdge"]["Default"] == "rtb-0123456789abcdef0"
    assert "Default" not in given["TableClientsA"]
    assert (given["ClientCidr2"]["Default"], given["RemoteCidr1"]["Default"]) == (
        "10.10.0.32/28",
        "192.168.100.0/24",
    )


def test_it_is_for_one_region() -> None:
    """A stack elsewhere would not find the spec's zones."""
    (rule,) = written(parse_spec(TWO_ZONES))["Rules"]["RightRegion"]["Assertions"]
    assert rule["Assert"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, "ap-northeast-1"]}


def test_the_key_is_nowhere_in_it() -> None:
    """Only the name of the parameter that holds it."""
    text = replaced(TWO_ZONES, ("key_file: /etc/natgate/key", "key_file: /etc/natgate/other"))
    document = written(parse_spec(text))
    assert document["Parameters"]["KeyParameter"]["Default"] == "/natgate/main/heartbeat-key"


@pytest.mark.parametrize("system", GROUNDS)
def test_the_image_is_that_of_the_system(system: Any) -> None:  # noqa: ANN401 (a literal)
    """User data for one system would fail on another."""
    document = json.loads(template(parse_spec(TWO_ZONES), system, FETCH))
    assert document["Parameters"]["ImageParameter"]["Default"] == GROUNDS[system].image
