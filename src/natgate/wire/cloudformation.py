"""The CloudFormation template of a spec: everything around the routes, and none of the routes.

No resource owns a route that moves: the next update of a stack would undo a failover.
"""

import json

from natgate.model.spec import Spec
from natgate.wire.cloudformation_nodes import node_resources
from natgate.wire.cloudformation_referee import referee_resources
from natgate.wire.cloudformation_rights import key_policy, node_role, referee_role
from natgate.wire.cloudformation_setup import Deployment, Resource, deployment
from natgate.wire.user_data import (
    BUCKET,
    BUNDLE,
    GROUNDS,
    KEY_PARAMETER,
    PREFIX,
    System,
    user_data,
)

LIMIT = 51_200
"""Bytes of a template that CloudFormation takes without a bucket."""

_CIDR = r"(\d{1,3}\.){3}\d{1,3}/\d{1,2}"
_RETENTION = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653]


def template(spec: Spec, system: System, fetch: str) -> str:
    """The template as JSON, the same for the same spec; RefusedError if the spec has no deployment.

    `fetch` is the text of the program that gets an object from S3.
    """
    plan = deployment(spec)
    values = {
        "BUCKET": {"Ref": "Bucket"},
        "PREFIX": {"Ref": "KeyPrefix"},
        "BUNDLE": {"Ref": "Bundle"},
        "REGION": {"Ref": "AWS::Region"},
        "SUFFIX": {"Ref": "AWS::URLSuffix"},
        "KEY_PARAMETER": {"Ref": "KeyParameter"},
    }
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"natgate group {plan.group}: nodes, referee and alarms, but no route that "
        "a failover moves",
        "Parameters": _parameters(plan, system),
        "Rules": {
            "RightRegion": {
                "Assertions": [
                    {
                        "Assert": {"Fn::Equals": [{"Ref": "AWS::Region"}, plan.region]},
                        "AssertDescription": f"The spec's steering.region is {plan.region}",
                    }
                ]
            }
        },
        "Conditions": {
            "HasImage": _given("ImageId"),
            "HasTopic": _given("AlarmTopicArn"),
            "OwnEncryption": _given("KeyEncryptionArn"),
            "WithEndpoints": {"Fn::Equals": [{"Ref": "CreateEndpoints"}, "true"]},
            "WithFixedSubnets": {"Fn::Equals": [{"Ref": "CreateFixedSubnets"}, "true"]},
        },
        "Resources": {
            "NodeRole": node_role(plan),
            "KeyPolicy": key_policy(),
            "RefereeRole": referee_role(plan),
            **node_resources(plan, user_data(plan, system, fetch, values)),
            **referee_resources(plan),
        },
        "Outputs": {
            "AutoScalingGroup": _output("The group of the nodes", {"Ref": "Nodes"}),
            "NodeSecurityGroup": _output(
                "Let clients and targets in from it", {"Fn::GetAtt": ["NodeGroup", "GroupId"]}
            ),
            "RefereeLogGroup": _output("Every turn of the referee", {"Ref": "RefereeLog"}),
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _parameters(plan: Deployment, system: System) -> Resource:
    found: Resource = {"VpcId": _parameter("AWS::EC2::VPC::Id", "The VPC")}
    for zone in plan.zones:
        text = f"The subnet of {zone.node} in {zone.name}, which holds {zone.address}"
        found[zone.subnet] = _parameter("AWS::EC2::Subnet::Id", text)
    ids = plan.steering.tables
    for name, parameter in plan.tables.items():
        found[parameter] = _text(
            f"The route table {name}", r"rtb-[0-9a-f]{8,17}", default=ids.get(name)
        )
    for end, kind, cidrs in (
        ("ClientCidr", "Clients that nodes let in", plan.clients),
        ("RemoteCidr", "The far end, whose returns nodes let in", plan.remotes),
    ):
        for index, cidr in enumerate(cidrs, 1):
            found[f"{end}{index}"] = _text(kind, _CIDR, default=str(cidr))
    return {
        **found,
        "Bucket": _text("The bucket of the bundle", BUCKET),
        "KeyPrefix": _text(
            "Where in the bucket; no / at its end",
            PREFIX,
            default="natgate",
        ),
        "Bundle": _text("What natgate aws bundle printed", BUNDLE),
        "KeyParameter": _text(
            "The SSM parameter (SecureString) with the heartbeat key",
            KEY_PARAMETER,
            default=f"/natgate/{plan.group}/heartbeat-key",
        ),
        "KeyEncryptionArn": _text(
            "ARN of the KMS key of that parameter, if it is one of your own", r"|arn:.+", default=""
        ),
        "ImageId": _text(
            "An image of your own; ImageParameter if empty", r"|ami-[0-9a-f]{8,17}", default=""
        ),
        "ImageParameter": {
            **_parameter(
                "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", f"An image of {system}"
            ),
            "Default": GROUNDS[system].image,
        },
        "InstanceType": _text("Type of every node", r"[a-z0-9.-]+", default="c7i.large"),
        "NodeRouteTables": _parameter(
            "CommaDelimitedList", "Tables of the node subnets, for the endpoint of S3", default=""
        ),
        "CreateEndpoints": _choice("Whether to make endpoints of the APIs in the node subnets"),
        "CreateFixedSubnets": _choice("Whether to make the subnets of the fixed addresses"),
        "AlarmTopicArn": _text(
            "SNS topic that is told if the referee fails", r"|arn:.+", default=""
        ),
        "LogRetentionDays": {
            "Type": "Number",
            "Description": "How long the referee's log is kept",
            "Default": 30,
            "AllowedValues": _RETENTION,
        },
    }


def _parameter(kind: str, text: str, *, default: str | None = None) -> Resource:
    found: Resource = {"Type": kind, "Description": text}
    return found if default is None else {**found, "Default": default}


def _text(text: str, pattern: str, *, default: str | None = None) -> Resource:
    return {**_parameter("String", text, default=default), "AllowedPattern": pattern}


def _choice(text: str) -> Resource:
    found = _parameter("String", text, default="true")
    return {**found, "AllowedValues": ["true", "false"]}


def _given(name: str) -> Resource:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}


def _output(text: str, value: Resource) -> Resource:
    return {"Description": text, "Value": value}
