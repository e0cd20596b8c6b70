"""The Terraform module makes the stack, by Terraform's own program against moto.

moto's CloudFormation makes no alarm, EventInvokeConfig or WaitConditionHandle, and asks for a few values that AWS
does not need (`_for_moto`); all else of the template is made by it.
"""

import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from inspect import getsource
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from natgate.cloud import aws_fetch
from natgate.wire.cloudformation import template
from tests.aws_signature import REGION
from tests.deployments import specs

from .files import ROOT

MODULE = ROOT / "deploy" / "terraform"
MIRROR = Path("/opt/tf-plugins")
"""Where this machine has hashicorp/aws; a test fetches none."""

pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None or not MIRROR.is_dir(),
        reason="no terraform with a provider on this machine",
    ),
    pytest.mark.filterwarnings("ignore:Tried to parse AWS.*not supported by moto:UserWarning"),
]

IMAGE = "/natgate/image"
BUNDLE = "0" * 64
PROVIDER = """
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
}
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, str]]:
    """The environment of programs that shall speak to moto."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
    finally:
        server.stop()


def client(cloud: Mapping[str, str], service: str) -> Any:  # noqa: ANN401 (as boto3 makes them)
    """A client of moto."""
    return boto3.client(
        service,
        endpoint_url=cloud["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=cloud["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud["AWS_SECRET_ACCESS_KEY"],
    )


def _for_moto(text: str) -> str:
    """The template with what moto asks for beside: ports of every rule, the size of a disk."""
    document = json.loads(text)
    resources = {name: each.get("Properties", {}) for name, each in document["Resources"].items()}
    for properties in resources.values():
        for kind in ("SecurityGroupIngress", "SecurityGroupEgress"):
            for rule in properties.get(kind, ()):
                rule.update({"FromPort": -1, "ToPort": -1} if rule["IpProtocol"] == "-1" else {})
    (disk,) = resources["NodeTemplate"]["LaunchTemplateData"]["BlockDeviceMappings"]
    disk["Ebs"]["VolumeSize"] = 8
    document["Parameters"]["ImageParameter"]["Default"] = IMAGE
    return json.dumps(document)


@pytest.fixture
def network(cloud: dict[str, str]) -> dict[str, Any]:
    """A VPC with what the module is told, and a bundle."""
    ec2, s3 = client(cloud, "ec2"), client(cloud, "s3")
    vpc = ec2.create_vpc(CidrBlock="10.10.0.0/24")["Vpc"]["VpcId"]
    subnets = {
        zone.upper(): ec2.create_subnet(
            VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for zone, cidr in (("a", "10.10.0.16/28"), ("c", "10.10.0.48/28"))
    }
    tables = {
        name: ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        for name in ("Edge", "ClientsA", "ClientsC")
    }
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("natgate/__init__.py", "")
    s3.put_object(Bucket="bucket", Key=f"natgate/{BUNDLE}/referee.zip", Body=archive.getvalue())
    client(cloud, "ssm").put_parameter(Name=IMAGE, Value="ami-12345678", Type="String")
    return {
        "source": str(MODULE),
        "name": "natgate-main",
        "vpc_id": vpc,
        "node_subnets": subnets,
        "route_tables": tables,
        "node_route_tables": [tables["Edge"]],
        "bucket": "bucket",
        "bundle": BUNDLE,
    }


def terraform(folder: Path, cloud: Mapping[str, str], *words: str) -> tuple[int, str]:
    """Exit code and words of Terraform."""
    config = folder / "config.tfrc"
    mirror = f'filesystem_mirror {{\n path = "{MIRROR}"\n }}\n'
    config.write_text(f"disable_checkpoint = true\nprovider_installation {{\n {mirror}}}\n")
    environment = {**cloud, "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1"}
    argv = ["terraform", f"-chdir={folder}", *words, "-no-color"]
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def test_it_makes_the_stack_and_leaves_it_alone(
    cloud: dict[str, str], network: dict[str, Any], tmp_path: Path
) -> None:
    """Validated; refused while a table is missing; made; nothing to change afterwards; gone."""
    text = template(specs()["two-zones"], "debian-12", getsource(aws_fetch))
    file = tmp_path / "template.json"
    file.write_text(_for_moto(text))
    (tmp_path / "provider.tf").write_text(PROVIDER)
    arguments = {**network, "template_file": str(file), "parameters": {"InstanceType": "t3.small"}}

    def write(arguments: Mapping[str, Any]) -> None:
        (tmp_path / "main.tf.json").write_text(json.dumps({"module": {"natgate": arguments}}))

    tables = {name: table for name, table in network["route_tables"].items() if name != "ClientsC"}
    write({**arguments, "route_tables": tables})
    for words in (["init"], ["validate"]):
        code, said = terraform(tmp_path, cloud, *words)
        assert code == 0, said
    code, said = terraform(tmp_path, cloud, "plan")
    assert (code, "The template needs as well: TableClientsC." in said) == (1, True), said

    write(arguments)
    code, said = terraform(tmp_path, cloud, "apply", "-auto-approve")
    assert code == 0, said
    # moto gives the one list back in Python's own spelling.
    _, said = terraform(tmp_path, cloud, "plan")
    assert re.findall(r'~ "(\w+)"', said) == ["NodeRouteTables"], said

    (group,) = client(cloud, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert (group["AutoScalingGroupName"], group["DesiredCapacity"]) == ("natgate-main", 2)
    function = client(cloud, "lambda").get_function(FunctionName="natgate-main-referee")
    setup = json.loads(function["Configuration"]["Environment"]["Variables"]["NATGATE_REFEREE"])
    routes = [route["table"] for route in setup["shares"][0]["routes"]]
    assert routes == [network["route_tables"][name] for name in ("Edge", "ClientsA", "ClientsC")]
    rules = client(cloud, "events").list_rules()["Rules"]
    assert len([rule for rule in rules if rule["Name"].startswith("natgate-main-")]) == 5
    own = list(network["route_tables"].values())
    for table in client(cloud, "ec2").describe_route_tables(RouteTableIds=own)["RouteTables"]:
        owned = [route for route in table["Routes"] if route.get("GatewayId") != "local"]
        assert [route for route in owned if "DestinationCidrBlock" in route] == []

    code, said = terraform(tmp_path, cloud, "destroy", "-auto-approve")
    assert code == 0, said
