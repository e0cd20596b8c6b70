"""The metadata service: version 2 only, and everybody sees themselves."""

import http.client
from urllib.parse import urlsplit

import pytest

from natgate.lab.ec2.taught import addresses_of

from .conftest import REGION, Town

TTL, TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"


def ask(town: Town, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Status and body of one request; underscores stand for hyphens."""
    where = urlsplit(town.metadata)
    connection = http.client.HTTPConnection(str(where.hostname), where.port)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def token(town: Town) -> str:
    """A token."""
    status, body = ask(town, "PUT", "/latest/api/token", **{TTL: "60"})
    assert status == 200
    return body


def as_node(town: Town, node: str) -> str:
    """Let the caller's own address be a node's, and say its instance's id."""
    member = town.cloud.fleet.of_node(node)
    assert member is not None
    here = {"Primary": False, "PrivateIpAddress": "127.0.0.1"}
    member.instance.nics[0].private_ip_addresses.append(here)
    assert "127.0.0.1" in addresses_of(member.instance.nics[0])
    return str(member.instance.id)


@pytest.mark.parametrize("headers", [{}, {TOKEN: "made-up"}])
def test_without_a_token_there_is_no_answer(town: Town, headers: dict[str, str]) -> None:
    """Version 1 of the service, and a token that was never given, are 401."""
    as_node(town, "node-a")
    assert ask(town, "GET", "/latest/meta-data/instance-id", **headers)[0] == 401


@pytest.mark.parametrize(
    ("method", "headers", "status"), [("GET", {TTL: "60"}, 403), ("PUT", {}, 400)]
)
def test_a_token_is_put_with_a_life(
    town: Town, method: str, headers: dict[str, str], status: int
) -> None:
    """A GET, or a PUT without its TTL, gives no token; nor does one through a proxy."""
    assert ask(town, method, "/latest/api/token", **headers)[0] == status
    proxied = {TTL: "60", "X-Forwarded-For": "10.0.0.1"}
    assert ask(town, "PUT", "/latest/api/token", **proxied)[0] == 403


def test_an_instance_sees_itself(town: Town) -> None:
    """Known by the source address: its id, zone, interface, role, and state to be."""
    instance, key = as_node(town, "node-c"), token(town)

    def read(path: str) -> str:
        status, body = ask(town, "GET", f"/latest/meta-data/{path}", **{TOKEN: key})
        assert status == 200, path
        return body

    assert read("instance-id") == instance
    assert read("placement/availability-zone") == f"{REGION}c"
    mac = read("mac")
    interface = town.cloud.fleet.members[instance].instance.nics[0].id
    assert read(f"network/interfaces/macs/{mac}/interface-id") == interface
    assert read("network/interfaces/macs/") == f"{mac}/"
    assert read("iam/security-credentials/") == "natgate-node"
    assert '"Code": "Success"' in read("iam/security-credentials/natgate-node")
    assert read("autoscaling/target-lifecycle-state") == "InService"


def test_nobody_sees_nothing(town: Town) -> None:
    """A caller that is no instance, and a path that is not there, are 404."""
    key = token(town)
    assert ask(town, "GET", "/latest/meta-data/instance-id", **{TOKEN: key})[0] == 404
    as_node(town, "node-a")
    assert ask(town, "GET", "/latest/meta-data/nothing", **{TOKEN: key})[0] == 404
