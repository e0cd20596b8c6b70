"""An endpoint on loopback, without namespaces, and boto3 clients for it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from werkzeug.serving import make_server

from natgate.lab import catalogue
from natgate.lab.ec2.address_rules import AddressRules
from natgate.lab.ec2.cloud import Cloud as LabCloud
from natgate.lab.ec2.endpoint import Endpoint, moto_application
from natgate.lab.ec2.faults import ApiFaults
from natgate.lab.ec2.mirror import Standing
from natgate.lab.ec2.route_rules import RouteRules
from natgate.lab.ec2.settings import CloudTimes
from natgate.lab.ec2.taught import backends, teach

REGION = "ap-northeast-1"

Client = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """An endpoint with its faults; `url` is where it listens."""

    url: str
    faults: ApiFaults

    def client(self, service: str) -> Client:
        """A boto3 client that tries once."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="dummy",
            aws_secret_access_key="dummy",  # noqa: S106 (not a password of anything)
            config=Config(retries={"total_max_attempts": 1}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc:
    """A VPC with two node subnets, one for addresses, an edge table and an instance in each zone."""

    ec2: Client
    id: str
    subnets: dict[str, str]
    edge: str
    table: str
    gateway: str
    instances: tuple[str, str]
    interfaces: tuple[str, str]

    def routes(self, table: str) -> dict[str, dict[str, Any]]:
        """The routes of a table by destination."""
        found = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return {route["DestinationCidrBlock"]: route for route in found}


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """One endpoint for all tests; each makes a VPC of its own."""
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    ec2, _ = backends(REGION)
    teach()
    faults = ApiFaults(table_names=dict)
    endpoint = Endpoint(
        moto_application(),
        (RouteRules(ec2), AddressRules(ec2)),
        faults,
        lambda _: None,
        threading.RLock(),
    )
    with served(endpoint) as url:
        yield Cloud(url=url, faults=faults)


@contextmanager
def served(application: Any) -> Iterator[str]:  # noqa: ANN401 (a WSGI application)
    """The address of a server on loopback, which ends with the block."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Powered:
    """Machines that only remember what was done to them."""

    done: list[tuple[str, ...]] = field(default_factory=list)

    def kill(self, node: str) -> None:
        """A machine is off."""
        self.done.append(("kill", node))

    def boot(self, node: str, address: str, *, fresh: bool) -> None:
        """A machine is on."""
        del fresh
        self.done.append(("boot", node, address))


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The built-in scene as a whole cloud on loopback, with short times and without a kernel."""

    cloud: LabCloud
    machines: Powered
    events: list[dict[str, Any]]
    standing: list[list[Standing]]
    url: str
    metadata: str

    def client(self, service: str) -> Client:
        """A boto3 client that tries once."""
        return Cloud(url=self.url, faults=self.cloud.faults).client(service)

    def kinds(self) -> list[str]:
        """The events so far: their type, or the state of an instance."""
        return [str(e["detail"].get("state", e["detail-type"])) for e in self.events]

    def wait(self, holds: Callable[[], bool]) -> None:
        """Return when something holds; it must within 10 s."""
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, self.events
            time.sleep(0.02)


@pytest.fixture
def town() -> Iterator[Town]:
    """A cloud with its instances, whose hook waits for whoever completes it."""
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    scene = catalogue.prepared("fixed-source")
    times = CloudTimes(
        stopping=0.2, replaced_after=0.2, booting=0.1, hook=60, alarm_period=1, tick=60, cooldown=0
    )
    machines = Powered()
    events: list[dict[str, Any]] = []
    standing: list[list[Standing]] = []
    cloud = LabCloud(scene, machines, times)
    cloud.begin(standing.append, events.append)
    ended = threading.Event()
    running = threading.Thread(target=cloud.run, args=(ended,))
    running.start()
    with served(cloud.api) as url, served(cloud.metadata) as metadata:
        yield Town(
            cloud=cloud,
            machines=machines,
            events=events,
            standing=standing,
            url=url,
            metadata=metadata,
        )
    ended.set()
    running.join()


@pytest.fixture
def vpc(cloud: Cloud) -> Iterator[Vpc]:
    """A VPC 10.10.0.0/24 with all that a gateway needs; faults are gone afterwards."""
    ec2 = cloud.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.10.0.0/24")["Vpc"]["VpcId"]
    subnets = {
        cidr: ec2.create_subnet(VpcId=made, CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for cidr, zone in (("10.10.0.64/28", "a"), ("10.10.0.96/28", "c"), ("10.10.0.80/28", "a"))
    }
    tables = [ec2.create_route_table(VpcId=made)["RouteTable"]["RouteTableId"] for _ in range(2)]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=made, VpnGatewayId=gateway)
    ec2.associate_route_table(RouteTableId=tables[0], GatewayId=gateway)
    started = [
        ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnets[cidr],
            PrivateIpAddress=address,
        )["Instances"][0]
        for cidr, address in (("10.10.0.64/28", "10.10.0.68"), ("10.10.0.96/28", "10.10.0.100"))
    ]
    yield Vpc(
        ec2=ec2,
        id=made,
        subnets=subnets,
        edge=tables[0],
        table=tables[1],
        gateway=gateway,
        instances=(started[0]["InstanceId"], started[1]["InstanceId"]),
        interfaces=(
            started[0]["NetworkInterfaces"][0]["NetworkInterfaceId"],
            started[1]["NetworkInterfaces"][0]["NetworkInterfaceId"],
        ),
    )
    cloud.faults.heal()
