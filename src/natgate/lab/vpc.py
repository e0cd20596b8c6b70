"""What the lab's own cloud adds to a lab: one host, which is the API that routes are moved by.

Its parts that need moto are in `natgate.lab.ec2`, which runs as a process in that host's namespace.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from natgate.lab.scene import Host, Scene, hosts
from natgate.model import rules
from natgate.model.error import RefusedError, SpecError
from natgate.model.spec import Spec
from natgate.model.steering import AwsSteering, LabSteering

Cloud = Literal["lab", "aws"]
"""Whose routes a lab has: those of its router's kernel alone, or those of an API before it."""

REGION = "ap-northeast-1"
HOST = "aws"
PORT = "aws"
"""Its port at the VPC router."""

API, METADATA = "169.254.169.253", "169.254.169.254"
KEY_ID, SECRET = "AKIANATGATELAB", "natgate-lab"

MODULE = "natgate.lab.ec2"


def steering() -> AwsSteering:
    """The steering of the agents: tables are found by their tags."""
    return AwsSteering.model_validate({"kind": "aws", "region": REGION, "publish_interval": "1s"})


def environment() -> dict[str, str]:
    """What boto3 reads: where the API is, and credentials that are worth nothing elsewhere."""
    return {
        "AWS_ENDPOINT_URL": f"http://{API}",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{METADATA}",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def host() -> Host:
    """The API as a machine of the lab."""
    return Host(name=HOST, role="server", zone=None, addresses=(API, METADATA))


def command(lab: str) -> list[str]:
    """The program that is the API."""
    return [sys.executable, "-m", MODULE, lab]


def control_path(directory: Path) -> Path:
    """Where the API is told of faults."""
    return directory / "control"


def check(scene: Scene, spec: Spec) -> None:
    """Refuse what the cloud cannot be brought up with: no moto, or a scene that AWS would not take.

    `spec` is what the agents would get.
    """
    if find_spec("moto") is None or find_spec("boto3") is None:
        raise RefusedError("natgate lab up --cloud aws needs moto: pip install 'natgate[aws-lab]'")
    if scene.fabric != "cloud" or not isinstance(scene.spec.steering, LabSteering):
        raise RefusedError(
            f"scene {scene.name} has steering {scene.spec.steering.kind}; --cloud aws takes its "
            "place, so it needs fabric: cloud and steering: {kind: lab}"
        )
    if HOST in {each.name for each in hosts(scene)}:
        raise RefusedError(f"a host of scene {scene.name} is called {HOST}, as the API would be")
    problems = tuple(rules.problems(spec))
    if problems:
        raise SpecError(problems, source=f"scene {scene.name} on AWS")


def wiring(api: str) -> str:
    """The API's link, made in the VPC router; `api` is its namespace."""
    return f"link add {PORT} type veth peer name eth0 netns {api}"


def host_setup(gateway: str) -> list[str]:
    """The API's addresses, and the way to whoever asks."""
    return [
        "link set lo up",
        *(f"address replace {each}/32 dev eth0" for each in (API, METADATA)),
        "link set eth0 up",
        f"route replace default via {gateway} dev eth0 onlink",
    ]


def router_setup(gateway: str, table: int, node_tables: tuple[int, ...]) -> Iterator[str]:
    """The router's side: nodes reach the API, which reaches them by a table of its own."""
    yield f"address add {gateway}/32 dev {PORT}"
    yield f"link set {PORT} up"
    yield f"rule add pref {table} iif {PORT} lookup {table}"
    yield f"rule add pref {table + 1} iif {PORT} unreachable"
    for number in node_tables:
        for address in (API, METADATA):
            yield f"route add {address}/32 dev {PORT} table {number}"
