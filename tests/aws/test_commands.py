"""The commands `natgate aws join` and `natgate aws check`, as they are typed on an instance."""

import json
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from natgate.cli import aws as command
from natgate.cli.main import main
from natgate.cloud import aws_calls
from natgate.cloud.imds import ENDPOINT
from tests.aws.account import SPEC, Account, Scene
from tests.aws.metadata import Service, serving, values

Run = Callable[..., Result]


@pytest.fixture
def scene(account: Account) -> Scene:
    """All that a node needs, in a VPC that has the subnet of the fixed address."""
    made = account.build()
    account.ec2.associate_vpc_cidr_block(VpcId=made.vpc, CidrBlock="10.10.0.0/16")
    account.subnet(made.vpc, "10.10.0.80/28")
    return made


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The metadata of the machine that the commands run on."""
    with serving() as made:
        monkeypatch.setenv(ENDPOINT, made.endpoint)
        yield made


@pytest.fixture
def run(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a sub-command with the spec, in the account as AWS would be."""
    monkeypatch.setattr(aws_calls, "_new_session", lambda _: account.strict)
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace("OPTIONS", ""))

    def made(name: str, *words: str) -> Result:
        return CliRunner().invoke(main, ["aws", name, "--spec", str(path), *words])

    return made


def test_a_node_that_has_everything_is_complete(scene: Scene, run: Run) -> None:
    """Each table, destination and right is named with what was found."""
    result = run("check", "--node", "node-a")
    assert result.exit_code == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == "WHAT FOUND MISSING"
    assert f"route table edge {scene.tables['edge']} in {scene.vpc}" in lines
    assert f"interface of node-a {scene.nodes['node-a']} has 10.0.0.1" in lines
    assert "source/destination check off" in lines
    assert "destination 10.10.0.80/28 in edge accepted" in lines
    assert "moving 0.0.0.0/0 in a allowed" in lines


def test_what_is_missing_is_told_with_the_way_out(account: Account, scene: Scene, run: Run) -> None:
    """A table, a subnet, an interface that forwards, a right; the exit code is 1."""
    account.fail("CreateRoute", "UnauthorizedOperation", RouteTableId=scene.tables["a"])
    account.fail("ModifyNetworkInterfaceAttribute", "UnauthorizedOperation")
    account.check(scene.nodes["node-c"], on=True)
    account.ec2.delete_route_table(RouteTableId=scene.tables["c"])
    found = account.ec2.describe_subnets(
        Filters=[{"Name": "cidr-block", "Values": ["10.10.0.80/28"]}]
    )
    account.ec2.delete_subnet(SubnetId=found["Subnets"][0]["SubnetId"])
    result = run("check", "--node", "node-c", "--json")
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert (shown["node"], shown["complete"]) == ("node-c", False)
    missing = {f["what"]: f["missing"] for f in shown["findings"] if f["missing"]}
    assert "natgate:table=c; tag it" in missing["route table c"]
    assert "the VPC has no subnet 10.10.0.80/28" in missing["destination 10.10.0.80/28 in edge"]
    assert "ec2:ModifyNetworkInterfaceAttribute" in missing["source/destination check"]
    assert "ec2:CreateRoute" in missing["moving 0.0.0.0/0 in a"]
    assert "missing for node-c: route table c, source/destination check" in result.stderr


def test_what_cannot_be_looked_at_is_missing_too(account: Account, scene: Scene, run: Run) -> None:
    """Nothing counts as good that could not be asked."""
    account.ec2.delete_network_interface(NetworkInterfaceId=scene.nodes["node-a"])
    account.fail("DescribeSubnets", "UnauthorizedOperation")
    result = run("check", "--node", "node-a")
    assert result.exit_code == 1
    assert "no interface has 10.0.0.1; run natgate aws join" in result.stdout
    assert "not authorised: ec2:DescribeSubnets" in result.stdout


def test_a_check_that_would_be_switched_off_is_no_obstacle(
    account: Account, scene: Scene, service: Service, run: Run
) -> None:
    """It is said, and stays on: checking changes nothing. The node is that of the instance's zone."""
    account.check(scene.nodes["node-a"], on=True)
    service.values = values("i-1", "ap-northeast-1a", scene.nodes["node-a"])
    result = run("check")
    assert result.exit_code == 0, result.stderr
    assert "on; the agent switches it off" in result.stdout
    assert account.checked(scene.nodes["node-a"])


def test_an_instance_joins(
    account: Account,
    scene: Scene,
    service: Service,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says what it did; the second time there is nothing to do."""
    there: set[IPv4Address] = set()

    def set_address(_: IPv4Address, address: IPv4Address) -> bool:
        new = address not in there
        there.add(address)
        return new

    monkeypatch.setattr(command, "set_address", set_address)
    me = scene.nodes["node-a"]
    account.check(me, on=True)
    service.values = values(account.instance(me, Name="me"), "ap-northeast-1a", me)
    first = run("join", "--deadline", "1s")
    assert first.exit_code == 0, first.stderr
    assert f"switched off the source/destination check of {me}" in first.stdout
    assert "stands for node-a (10.0.0.1)" in first.stdout
    assert json.loads(run("join", "--json").stdout)["done"] == []
    assert run("join", "--deadline", "soon").exit_code == 2


def test_a_machine_that_is_no_instance_does_not_join(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so at once."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    result = run("join")
    assert result.exit_code == 3
    assert "this is no EC2 instance" in result.stderr


def test_a_node_that_the_spec_has_not_is_told_without_asking_anybody(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that was mistyped has nothing to do with metadata."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    result = run("check", "--node", "node-x")
    assert result.exit_code == 1
    assert "the spec has no node node-x" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_PROFILE", "none"), ("AWS_CONFIG_FILE", "FILE"), ("AWS_ENDPOINT_URL", "no-url")],
)
def test_settings_that_boto3_cannot_use_are_one_sentence(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that is not there, a file that is none, an endpoint that is no URL."""
    file = tmp_path / "config"
    file.write_text("[default\nbroken")
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("OPTIONS", ""))
    monkeypatch.setenv(variable, value.replace("FILE", str(file)))
    argv = ["aws", "check", "--spec", str(spec), "--node", "node-a"]
    result = CliRunner().invoke(main, argv)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "boto3 cannot use its settings: " in result.stderr
    assert "see the variables AWS_*" in result.stderr
