"""Nobody may do more than is needed: no wildcard but those that are told with their reason."""

from collections.abc import Iterator
from typing import Any

from natgate.wire.cloudformation_rights import UNLIMITED, key_policy, node_role, referee_role
from natgate.wire.cloudformation_setup import Deployment
from tests.deployments import ELASTIC, planned
from tests.specs import replaced


def statements(plan: Deployment) -> Iterator[dict[str, Any]]:
    """Every statement of both roles."""
    for role in (node_role(plan), referee_role(plan)):
        (policy,) = role["Properties"]["Policies"]
        yield from policy["PolicyDocument"]["Statement"]
    yield from key_policy()["Properties"]["PolicyDocument"]["Statement"]


def listed(value: object) -> list[object]:
    """One or several, as a list."""
    return value if isinstance(value, list) else [value]


def test_no_action_is_a_wildcard() -> None:
    """Each call is named."""
    actions = [action for each in statements(planned()) for action in listed(each["Action"])]
    assert [action for action in actions if "*" in str(action)] == []


def test_every_unlimited_resource_is_told_with_its_reason() -> None:
    """Where AWS takes no resource there is a condition, and a denial reaches everything."""
    found = {each["Sid"]: each for each in statements(planned()) if each["Resource"] == "*"}
    assert found.keys() == UNLIMITED.keys()
    for each in found.values():
        assert each["Effect"] == "Deny" or each["Condition"]


def test_routes_are_limited_to_the_tables_of_the_spec() -> None:
    """By their ids, for nodes and referee alike."""
    for each in statements(planned()):
        if each["Sid"] == "LeadRoutes":
            tables = [arn["Fn::Sub"].rpartition("/")[2] for arn in each["Resource"]]
            assert tables == ["${TableEdge}", "${TableClientsA}", "${TableClientsC}"]


def test_nodes_lead_the_routes_of_gateways_that_the_referee_does_not_see() -> None:
    """Clients of an address on a node's own interface are led there by the agents alone."""
    text = replaced(
        ELASTIC,
        (
            "    - {name: fixed,",
            "    - {name: web, zone: a, cidr: 10.10.0.96/28}\n    - {name: fixed,",
        ),
        (
            "sources: [10.10.0.0/28], destinations: [203",
            "sources: [10.10.0.96/28], destinations: [203",
        ),
    )
    plan = planned(text)
    tables = [
        [arn["Fn::Sub"].rpartition("/")[2] for arn in each["Resource"]]
        for each in statements(plan)
        if each["Sid"] == "LeadRoutes"
    ]
    both = ["${TableEdge}", "${TableClientsA}", "${TableClientsC}"]
    assert tables == [[*both, "${TableWeb}"], both]


def test_what_is_limited_by_tag_cannot_be_tagged_by_a_node() -> None:
    """Else a node could widen its own rights."""
    found = {each["Sid"]: each for each in statements(planned())}
    tag = {"StringEquals": {"aws:ResourceTag/natgate:group": "main"}}
    assert found["HoldAddresses"]["Condition"] == tag
    denied = found["DenyTagEditsEverywhere"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["ec2:CreateTags", "ec2:DeleteTags"])


def test_elastic_addresses_are_moved_where_a_spec_has_some() -> None:
    """Only addresses and interfaces of the group, and nobody may otherwise."""
    (found,) = [each for each in statements(planned(ELASTIC)) if each["Sid"] == "LeadElastic"]
    assert found["Action"] == "ec2:AssociateAddress"
    assert found["Condition"]["StringEquals"] == {"aws:ResourceTag/natgate:group": "main"}
    assert [each for each in statements(planned()) if each["Sid"] == "LeadElastic"] == []
