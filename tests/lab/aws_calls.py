"""The API of a lab as somebody else calls it: boto3 in the namespace of the API's host."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from natgate.lab import namespace, vpc
from natgate.lab.carriers import carriers
from natgate.lab.scene import paths

from .conftest import Bench

SCRIPT = """
import json, sys
import boto3
service, act, arguments = json.load(sys.stdin)
json.dump(getattr(boto3.client(service), act)(**arguments), sys.stdout, default=str)
"""

EDGE, CLIENTS_A, CLIENTS_C = "edge", "clients-a", "clients-c"
FIXED, PARTNER = "10.10.0.80/28", "192.168.100.0/24"


def call(bench: Bench, service: str, act: str, **arguments: Any) -> Any:  # noqa: ANN401 (boto3's)
    """One call; the answer, and it must succeed."""
    argv = namespace.inside(bench.lab.namespace(vpc.HOST), [sys.executable, "-c", SCRIPT])
    done = subprocess.run(
        argv,
        input=json.dumps([service, act, arguments]),
        env={**os.environ, **vpc.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def instances(bench: Bench) -> dict[str, dict[str, Any]]:
    """The running instance of each node."""
    wanted = [
        {"Name": "tag:natgate:group", "Values": ["closed-network"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    answer = call(bench, "ec2", "describe_instances", Filters=wanted)
    found = (each for reservation in answer["Reservations"] for each in reservation["Instances"])
    return {
        next(tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"): each for each in found
    }


def interface(bench: Bench, node: str) -> str:
    """The interface of a node's instance."""
    return str(instances(bench)[node]["NetworkInterfaces"][0]["NetworkInterfaceId"])


def tables(bench: Bench) -> dict[str, dict[str, Any]]:
    """The route tables by their names in the spec."""
    wanted = [{"Name": "tag:natgate:group", "Values": ["closed-network"]}]
    found = call(bench, "ec2", "describe_route_tables", Filters=wanted)["RouteTables"]
    return {
        tag["Value"]: table
        for table in found
        for tag in table["Tags"]
        if tag["Key"] == "natgate:table"
    }


def leading(bench: Bench) -> dict[str, str]:
    """What the gateway's routes lead to in the API, by table."""
    wanted = {EDGE: FIXED, CLIENTS_A: PARTNER, CLIENTS_C: PARTNER}
    return {
        name: str(route.get("NetworkInterfaceId"))
        for name, table in tables(bench).items()
        for route in table["Routes"]
        if route["DestinationCidrBlock"] == wanted.get(name)
    }


def in_kernel(bench: Bench) -> dict[str, str | None]:
    """The node that the router's kernel leads each of the gateway's tables to."""
    return dict(carriers(bench.lab, list(paths(bench.lab.scene))))


def wait(holds: Callable[[], bool], what: str, seconds: float = 40) -> None:
    """Return when something holds; it must in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds} s not: {what}"
        time.sleep(0.2)
