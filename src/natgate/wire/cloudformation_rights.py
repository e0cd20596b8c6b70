"""What nodes and the referee may do in AWS: each statement with the least that it needs.

EC2 has no condition for a route's destination or target: whoever may replace one route of a table
may replace all of it (research/aws.md, section 5), so tables are named one by one.
"""

from collections.abc import Iterable

from natgate.model.aws_names import GROUP_TAG
from natgate.wire.cloudformation_setup import Deployment, Resource

UNLIMITED = {
    "ReadVpcNoResourceLevel": "EC2 takes no resource for Describe calls; limited to the region",
    "PublishMetricNoResourceLevel": "PutMetricData takes no resource; limited to the namespace "
    "natgate",
    "DenyTagEditsEverywhere": "a denial, which is to reach everything: rights above hang on tags",
}
"""The statements whose resource is `*`, by their Sid, each with the reason."""


def arn(service: str, rest: str, *, account: str = "${AWS::AccountId}") -> Resource:
    """An ARN in this partition, region and account."""
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:{account}:{rest}"}


def node_role(plan: Deployment) -> Resource:
    """The role of an instance."""
    policy = [
        _allow("FetchBundle", "s3:GetObject", _objects("SHA256SUMS", "bundle.tar")),
        _allow("FetchKey", "ssm:GetParameter", arn("ssm", "parameter${KeyParameter}")),
        _read(plan, "RouteTables", "NetworkInterfaces", "Instances", "Subnets", *_if_elastic(plan)),
        # A take-over that is rolled back takes away the route that it made.
        _lead_routes(plan.tables.values(), "ec2:DeleteRoute"),
        _allow(
            "HoldAddresses",
            [
                "ec2:AssignPrivateIpAddresses",
                "ec2:ModifyNetworkInterfaceAttribute",
                "ec2:UnassignPrivateIpAddresses",
            ],
            arn("ec2", "network-interface/*"),
            _tagged(plan),
        ),
        _allow(
            "PublishMetricNoResourceLevel",
            "cloudwatch:PutMetricData",
            "*",
            {"StringEquals": {"cloudwatch:namespace": "natgate"}},
        ),
        _allow(
            "SayHealth",
            "events:PutEvents",
            arn("events", "event-bus/default"),
            {"StringEquals": {"events:source": "natgate"}},
        ),
        _allow("SayReady", "autoscaling:CompleteLifecycleAction", group_arn(plan)),
        {
            "Sid": "DenyTagEditsEverywhere",
            "Effect": "Deny",
            "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
            "Resource": "*",
        },
    ]
    if plan.steering.elastic:
        policy.append(_associate(plan))
    return _role("ec2.amazonaws.com", _policy("node", policy))


def key_policy() -> Resource:
    """What a node may do beside, if its key is encrypted with a key of the operator's own."""
    via = {"Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}"}
    statement = _allow(
        "DecryptKey",
        "kms:Decrypt",
        {"Ref": "KeyEncryptionArn"},
        {"StringEquals": {"kms:ViaService": via}},
    )
    return {
        "Type": "AWS::IAM::Policy",
        "Condition": "OwnEncryption",
        "Properties": {**_policy("key", [statement]), "Roles": [{"Ref": "NodeRole"}]},
    }


def referee_role(plan: Deployment) -> Resource:
    """The role of the referee."""
    log = {"Fn::Sub": "${RefereeLog.Arn}"}
    policy = [
        _allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], log),
        _read(plan, "RouteTables", "NetworkInterfaces", "Instances"),
        _allow("ReadAlarms", "cloudwatch:DescribeAlarms", alarm_arns(plan)),
        _lead_routes(dict.fromkeys(plan.tables[r.table] for s in plan.shares for r in s.routes)),
        _allow("ReplaceInstances", "autoscaling:SetInstanceHealth", group_arn(plan)),
    ]
    return _role("lambda.amazonaws.com", _policy("referee", policy))


def group_arn(plan: Deployment) -> Resource:
    """The auto scaling group by its name, whatever id it has been given."""
    return arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{plan.name}")


def alarm_arns(plan: Deployment) -> list[Resource]:
    """The alarm of each zone."""
    return [arn("cloudwatch", f"alarm:{plan.alarm(zone)}") for zone in plan.zones]


def _objects(*names: str) -> list[Resource]:
    path = "arn:${AWS::Partition}:s3:::${Bucket}/${KeyPrefix}/${Bundle}"
    return [{"Fn::Sub": f"{path}/{name}"} for name in names]


def _if_elastic(plan: Deployment) -> tuple[str, ...]:
    return ("Addresses",) if plan.steering.elastic else ()


def _read(plan: Deployment, *kinds: str) -> Resource:
    actions = sorted(f"ec2:Describe{kind}" for kind in kinds)
    where = {"StringEquals": {"ec2:Region": plan.region}}
    return _allow("ReadVpcNoResourceLevel", actions, "*", where)


def _lead_routes(parameters: Iterable[str], *more: str) -> Resource:
    tables = [arn("ec2", f"route-table/${{{name}}}") for name in parameters]
    return _allow("LeadRoutes", ["ec2:CreateRoute", "ec2:ReplaceRoute", *more], tables)


def _associate(plan: Deployment) -> Resource:
    kinds = [arn("ec2", "elastic-ip/*"), arn("ec2", "network-interface/*")]
    return _allow("LeadElastic", "ec2:AssociateAddress", kinds, _tagged(plan))


def _tagged(plan: Deployment) -> Resource:
    return {"StringEquals": {f"aws:ResourceTag/{GROUP_TAG}": plan.group}}


def _allow(
    sid: str, actions: str | list[str], resource: object, condition: Resource | None = None
) -> Resource:
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return statement if condition is None else {**statement, "Condition": condition}


def _policy(name: str, statements: Iterable[Resource]) -> Resource:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"PolicyName": name, "PolicyDocument": document}


def _role(service: str, policy: Resource) -> Resource:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [policy],
        },
    }
