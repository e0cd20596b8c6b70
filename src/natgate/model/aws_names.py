"""What natgate's things are called in AWS: the same for nodes, referee, deployment and lab.

The referee runs where only the standard library and boto3 are installed, so this needs no other.
"""

GROUP_TAG, TABLE_TAG = "natgate:group", "natgate:table"
"""Tags: the name of the network that a thing belongs to, and that of a route table in its spec."""

SCALING_GROUP_TAG = "aws:autoscaling:groupName"
"""The tag by which AWS itself names the auto scaling group of an instance."""

HOOK = "natgate-ready"
"""The lifecycle hook that a new instance waits in."""

NAMESPACE, METRIC = "natgate", "PathHealthy"
"""The metric: 1 or an explicit 0 each time, by group and zone; a gap is slower to be noticed."""

SOURCE, PATH_HEALTH = "natgate", "natgate Path Health"
"""The event by which a node tells that its health has changed."""


def scaling_group(group: str) -> str:
    """The name of a group's auto scaling group, and the beginning of all other names."""
    return f"natgate-{group}"


def alarm(group: str, zone: str) -> str:
    """The name of the alarm of an availability zone."""
    return f"{scaling_group(group)}-{zone}"


def dimensions(group: str, zone: str) -> list[dict[str, str]]:
    """The metric's dimensions."""
    return [{"Name": "Group", "Value": group}, {"Name": "Zone", "Value": zone}]
