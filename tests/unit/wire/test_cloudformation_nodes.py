"""The nodes' part of a template: one in each zone, reached by those that must reach it."""

from typing import Any

from natgate.wire.cloudformation_nodes import ENDPOINTS, node_resources
from tests.deployments import THREE_ZONES, TWO_ZONES, planned

SCRIPT = {"Fn::Join": ["", ["#!/bin/bash"]]}


def resources(text: str = TWO_ZONES) -> dict[str, Any]:
    """Properties by name."""
    found = node_resources(planned(text), SCRIPT)
    return {name: resource.get("Properties", {}) for name, resource in found.items()}


def test_there_is_one_instance_for_each_zone() -> None:
    """Never fewer and never more: a zone's address is for one instance."""
    group = resources(THREE_ZONES)["Nodes"]
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == ("3", "3", "3")
    assert group["VPCZoneIdentifier"] == [
        {"Ref": name} for name in ("NodeSubnetA", "NodeSubnetC", "NodeSubnetD")
    ]
    assert group["HealthCheckGracePeriod"] == 300


def test_an_update_replaces_one_node_at_a_time() -> None:
    """The others carry the gateway meanwhile."""
    update = node_resources(planned(THREE_ZONES), SCRIPT)["Nodes"]["UpdatePolicy"]
    rolling = update["AutoScalingRollingUpdate"]
    assert (rolling["MaxBatchSize"], rolling["MinInstancesInService"]) == (1, 2)


def test_no_instance_starts_before_what_it_needs() -> None:
    """Endpoints to fetch through, alarms, and a referee that is woken by its launch."""
    found = node_resources(planned(), SCRIPT)
    assert {"AlarmA", "AlarmC", "OnLaunchPermission", "Reachable"} == set(
        found["Nodes"]["DependsOn"]
    )
    endpoints = {f"Endpoint{name}" for name in ("S3", *ENDPOINTS)}
    assert found["Reachable"]["Metadata"].keys() == {"KeyPolicy", *endpoints}


def test_an_instance_that_is_never_ready_is_given_up() -> None:
    """The hook ends with ABANDON unless the agent ends it with CONTINUE."""
    (hook,) = resources()["Nodes"]["LifecycleHookSpecificationList"]
    assert (hook["LifecycleHookName"], hook["DefaultResult"]) == ("natgate-ready", "ABANDON")


def test_metadata_takes_tokens_only_and_answers_the_instance_only() -> None:
    """A forwarded packet gets no credentials from it."""
    data = resources()["NodeTemplate"]["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    tagged = {each["ResourceType"]: each["Tags"] for each in data["TagSpecifications"]}
    for kind in ("instance", "network-interface"):
        assert {"Key": "natgate:group", "Value": "main"} in tagged[kind]


def test_only_nodes_reach_what_nodes_say_to_each_other() -> None:
    """Heartbeats, replication and pings, from the same security group."""
    found = resources()
    group = {"Fn::GetAtt": ["NodeGroup", "GroupId"]}
    ports = {
        name: (rule["FromPort"], rule["ToPort"])
        for name, rule in found.items()
        if rule.get("SourceSecurityGroupId") == group and "GroupId" in rule
    }
    assert ports == {
        "NodeGroupHeartbeats": (4646, 4648),
        "NodeGroupReplication": (3780, 3780),
        "NodeGroupPings": (-1, -1),
    }


def test_a_port_that_nobody_uses_is_not_open() -> None:
    """Without replication there is nothing to let in for it."""
    assert "NodeGroupReplication" not in resources(THREE_ZONES)


def test_clients_and_returns_are_let_in() -> None:
    """Returns too: a new node's security group has never seen their flow."""
    rules = resources()["NodeGroup"]["SecurityGroupIngress"]
    assert [rule["CidrIp"]["Ref"] for rule in rules] == [
        "ClientCidr1",
        "ClientCidr2",
        "RemoteCidr1",
    ]


def test_fixed_addresses_have_subnets_of_their_own() -> None:
    """Without them EC2 takes no route for them."""
    assert resources()["FixedSubnet1"]["CidrBlock"] == "10.10.0.80/28"


def test_each_api_has_an_endpoint() -> None:
    """In the subnet of every node, S3 in their route tables."""
    found = resources()
    for name in ENDPOINTS:
        assert len(found[f"Endpoint{name}"]["SubnetIds"]) == 2
    assert found["EndpointS3"]["RouteTableIds"] == {"Ref": "NodeRouteTables"}
