"""The nodes' part of a template: instances, their group, who reaches them, and what they reach."""

from natgate.model.aws_names import GROUP_TAG, HOOK
from natgate.model.referee import READY_WITHIN
from natgate.wire.cloudformation_referee import COOLDOWN
from natgate.wire.cloudformation_setup import Deployment, Resource

ENDPOINTS = {
    "Ec2": "ec2",
    "Monitoring": "monitoring",
    "Events": "events",
    "AutoScaling": "autoscaling",
    "Ssm": "ssm",
}
"""What a node calls beside S3, each by an interface endpoint of the VPC."""


def node_resources(plan: Deployment, user_data: Resource) -> Resource:
    """Everything in the VPC; none of it is a route that a failover moves."""
    return {
        "NodeProfile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Properties": {"Roles": [{"Ref": "NodeRole"}]},
        },
        "NodeGroup": _security_group(plan),
        **_between_nodes(plan),
        "NodeTemplate": _launch_template(plan, user_data),
        "Reachable": _reachable(),
        "Nodes": _scaling_group(plan),
        **_fixed_subnets(plan),
        **_endpoints(plan),
    }


def _tags(plan: Deployment, name: str | None = None) -> list[Resource]:
    tags = [{"Key": GROUP_TAG, "Value": plan.group}]
    return [{"Key": "Name", "Value": name or plan.name}, *tags]


def _security_group(plan: Deployment) -> Resource:
    """All of both ends of forwarded packets: nftables filters them, and EC2 need not track them.

    The far end is let in as well: after a failover the new node's security group has never seen
    the flow that a return belongs to.
    """
    ends = {"ClientCidr": len(plan.clients), "RemoteCidr": len(plan.remotes)}
    return {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {
            "GroupDescription": f"Nodes of natgate group {plan.group}",
            "VpcId": {"Ref": "VpcId"},
            "SecurityGroupIngress": [
                {
                    "IpProtocol": "-1",
                    "CidrIp": {"Ref": f"{end}{index + 1}"},
                    "Description": "forwarded from inside"
                    if end == "ClientCidr"
                    else "returns from outside",
                }
                for end, count in ends.items()
                for index in range(count)
            ],
            "SecurityGroupEgress": [
                {
                    "IpProtocol": "-1",
                    "CidrIp": "0.0.0.0/0",
                    "Description": "forwarded either way, and the APIs",
                }
            ],
            "Tags": _tags(plan),
        },
    }


def _between_nodes(plan: Deployment) -> Resource:
    """Heartbeats with their probes, replication, and pings of a silent node."""
    spec = plan.spec
    ports = {"Heartbeats": (spec.heartbeat.port, spec.heartbeat.reflection_port)}
    if spec.replication.kind == "conntrackd":
        ports["Replication"] = (spec.replication.port, spec.replication.port)
    rules = {
        name: {"IpProtocol": "udp", "FromPort": first, "ToPort": last}
        for name, (first, last) in ports.items()
    }
    rules["Pings"] = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1}
    group = {"Fn::GetAtt": ["NodeGroup", "GroupId"]}
    return {
        f"NodeGroup{name}": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": group,
                "SourceSecurityGroupId": group,
                "Description": f"{name} between nodes",
                **rule,
            },
        }
        for name, rule in rules.items()
    }


def _launch_template(plan: Deployment, user_data: Resource) -> Resource:
    tagged = ("instance", "network-interface", "volume")
    disk = {"Encrypted": True, "VolumeType": "gp3", "DeleteOnTermination": True}
    return {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {
            "LaunchTemplateName": plan.name,
            "LaunchTemplateData": {
                "ImageId": {"Fn::If": ["HasImage", {"Ref": "ImageId"}, {"Ref": "ImageParameter"}]},
                "InstanceType": {"Ref": "InstanceType"},
                "IamInstanceProfile": {"Arn": {"Fn::GetAtt": ["NodeProfile", "Arn"]}},
                "MetadataOptions": {
                    "HttpEndpoint": "enabled",
                    "HttpTokens": "required",
                    "HttpPutResponseHopLimit": 1,
                },
                "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": disk}],
                "NetworkInterfaces": [
                    {
                        "DeviceIndex": 0,
                        "Groups": [{"Fn::GetAtt": ["NodeGroup", "GroupId"]}],
                        "DeleteOnTermination": True,
                    }
                ],
                "TagSpecifications": [
                    {"ResourceType": kind, "Tags": _tags(plan)} for kind in tagged
                ],
                "UserData": {"Fn::Base64": user_data},
            },
        },
    }


def _scaling_group(plan: Deployment) -> Resource:
    """One instance in each zone; an update replaces one at a time, and waits until it is ready."""
    size = len(plan.zones)
    return {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        # An instance that comes up before these finds nothing to fetch, or nobody hears of it.
        "DependsOn": [
            "OnLaunchPermission",
            "Reachable",
            *(f"Alarm{zone.suffix}" for zone in plan.zones),
        ],
        "UpdatePolicy": {
            "AutoScalingRollingUpdate": {
                "MaxBatchSize": 1,
                "MinInstancesInService": size - 1,
                "PauseTime": "PT5M",
                "SuspendProcesses": [
                    "AZRebalance",
                    "AlarmNotification",
                    "HealthCheck",
                    "ReplaceUnhealthy",
                    "ScheduledActions",
                ],
            }
        },
        "Properties": {
            "AutoScalingGroupName": plan.name,
            "MinSize": str(size),
            "MaxSize": str(size),
            "DesiredCapacity": str(size),
            "VPCZoneIdentifier": [{"Ref": zone.subnet} for zone in plan.zones],
            # A node's address belongs to its zone: a second instance in another zone has none.
            "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-only"},
            "HealthCheckType": "EC2",
            "HealthCheckGracePeriod": COOLDOWN,
            "LaunchTemplate": {
                "LaunchTemplateId": {"Ref": "NodeTemplate"},
                "Version": {"Fn::GetAtt": ["NodeTemplate", "LatestVersionNumber"]},
            },
            "LifecycleHookSpecificationList": [
                {
                    "LifecycleHookName": HOOK,
                    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
                    "DefaultResult": "ABANDON",
                    "HeartbeatTimeout": READY_WITHIN,
                }
            ],
            "Tags": [{**tag, "PropagateAtLaunch": False} for tag in _tags(plan)],
        },
    }


def _reachable() -> Resource:
    """Made after whatever of its metadata is made at all: nothing can depend on that by name."""
    optional = {"KeyPolicy": "OwnEncryption"}
    optional |= dict.fromkeys((f"Endpoint{name}" for name in ("S3", *ENDPOINTS)), "WithEndpoints")
    return {
        "Type": "AWS::CloudFormation::WaitConditionHandle",
        "Metadata": {
            name: {"Fn::If": [condition, {"Ref": name}, "not made"]}
            for name, condition in optional.items()
        },
    }


def _fixed_subnets(plan: Deployment) -> Resource:
    """Subnets without hosts, so that EC2 takes a route for their fixed addresses."""
    return {
        f"FixedSubnet{index}": {
            "Type": "AWS::EC2::Subnet",
            "Condition": "WithFixedSubnets",
            "Properties": {
                "VpcId": {"Ref": "VpcId"},
                "CidrBlock": str(cidr),
                "Tags": _tags(plan, f"{plan.name} fixed addresses, no hosts"),
            },
        }
        for index, cidr in enumerate(plan.fixed, 1)
    }


def _endpoints(plan: Deployment) -> Resource:
    """The APIs without a way out of the VPC: a broken node could not report through itself."""
    found: Resource = {
        "EndpointGroup": {
            "Type": "AWS::EC2::SecurityGroup",
            "Condition": "WithEndpoints",
            "Properties": {
                "GroupDescription": f"Endpoints of APIs for natgate group {plan.group}",
                "VpcId": {"Ref": "VpcId"},
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 443,
                        "ToPort": 443,
                        "SourceSecurityGroupId": {"Fn::GetAtt": ["NodeGroup", "GroupId"]},
                        "Description": "nodes",
                    }
                ],
                "Tags": _tags(plan),
            },
        },
        "EndpointS3": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Condition": "WithEndpoints",
            "Properties": {
                "VpcId": {"Ref": "VpcId"},
                "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"},
                "VpcEndpointType": "Gateway",
                "RouteTableIds": {"Ref": "NodeRouteTables"},
            },
        },
    }
    for name, service in ENDPOINTS.items():
        found[f"Endpoint{name}"] = {
            "Type": "AWS::EC2::VPCEndpoint",
            "Condition": "WithEndpoints",
            "Properties": {
                "VpcId": {"Ref": "VpcId"},
                "ServiceName": {"Fn::Sub": f"com.amazonaws.${{AWS::Region}}.{service}"},
                "VpcEndpointType": "Interface",
                "PrivateDnsEnabled": True,
                "SubnetIds": [{"Ref": zone.subnet} for zone in plan.zones],
                "SecurityGroupIds": [{"Fn::GetAtt": ["EndpointGroup", "GroupId"]}],
            },
        }
    return found
