"""`python -m natgate.lab.ec2.asked GROUP`: what the API of a lab tells of a group, as JSON.

It asks as anybody would who is beside the API: boto3, and no part of natgate that it is to check.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

Tagged = Mapping[str, Any]


def ask(group: str) -> dict[str, Any]:
    """The routes of each table, the running instance of each node, and the alarms that are not OK."""
    import boto3  # noqa: PLC0415 (an extra)

    ec2, cloudwatch = boto3.client("ec2"), boto3.client("cloudwatch")
    ours = {"Name": "tag:natgate:group", "Values": [group]}
    running = {"Name": "instance-state-name", "Values": ["running"]}
    reservations = ec2.describe_instances(Filters=[ours, running])["Reservations"]
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"natgate-{group}-")["MetricAlarms"]
    return {
        "tables": dict(_tables(ec2.describe_route_tables(Filters=[ours])["RouteTables"])),
        "instances": dict(_instances(reservations)),
        "alarms": [each["AlarmName"] for each in alarms if each["StateValue"] != "OK"],
    }


def _tables(found: list[Tagged]) -> Iterator[tuple[str, dict[str, str]]]:
    for table in found:
        routes = table["Routes"]
        yield (
            _tag(table, "natgate:table"),
            {
                route["DestinationCidrBlock"]: route["NetworkInterfaceId"]
                for route in routes
                if "NetworkInterfaceId" in route
            },
        )


def _instances(found: list[Tagged]) -> Iterator[tuple[str, dict[str, str]]]:
    for reservation in found:
        for instance in reservation["Instances"]:
            interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
            held = {"id": instance["InstanceId"], "interface": interface}
            yield _tag(instance, "Name"), held


def _tag(thing: Tagged, key: str) -> str:
    return next((str(tag["Value"]) for tag in thing["Tags"] if tag["Key"] == key), "")


if __name__ == "__main__":
    json.dump(ask(sys.argv[1]), sys.stdout)
