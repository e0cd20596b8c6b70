"""Faults of the API, each as a client sees it."""

import time

import pytest
from botocore.exceptions import ClientError

from natgate.model.error import RefusedError

from .conftest import Cloud, Vpc

OUTSIDE = "192.168.100.0/24"


def lead(vpc: Vpc, number: int, *, create: bool = False) -> None:
    """Lead a route to one of the two interfaces."""
    act = vpc.ec2.create_route if create else vpc.ec2.replace_route
    act(
        RouteTableId=vpc.table,
        DestinationCidrBlock=OUTSIDE,
        NetworkInterfaceId=vpc.interfaces[number],
    )


@pytest.mark.parametrize(
    ("kind", "argument", "code"),
    [("throttle", "30", "RequestLimitExceeded"), ("no-credentials", "", "AuthFailure")],
)
def test_every_call_fails_until_healed(
    vpc: Vpc, cloud: Cloud, kind: str, argument: str, code: str
) -> None:
    """The code is EC2's, and healing ends it."""
    cloud.faults.set(kind, argument)
    with pytest.raises(ClientError) as error:
        vpc.ec2.describe_vpcs()
    assert error.value.response["Error"]["Code"] == code
    cloud.faults.heal()
    assert vpc.ec2.describe_vpcs()["Vpcs"]


@pytest.mark.parametrize("service", ["cloudwatch", "events", "autoscaling"])
def test_other_services_fail_in_their_own_protocol(cloud: Cloud, vpc: Vpc, service: str) -> None:
    """Botocore reads the error of each service."""
    del vpc
    cloud.faults.set("throttle", "30")
    client = cloud.client(service)
    act = {
        "cloudwatch": "describe_alarms",
        "events": "list_rules",
        "autoscaling": "describe_auto_scaling_groups",
    }[service]
    with pytest.raises(ClientError) as error:
        getattr(client, act)()
    assert error.value.response["Error"]["Code"] == "Throttling"


def test_a_refused_table_can_be_read_and_not_changed(vpc: Vpc, cloud: Cloud) -> None:
    """Only changes of that table are unauthorized."""
    lead(vpc, 0, create=True)
    cloud.faults.set("refuse", vpc.table)
    with pytest.raises(ClientError) as error:
        lead(vpc, 1)
    assert error.value.response["Error"]["Code"] == "UnauthorizedOperation"
    assert vpc.routes(vpc.table)[OUTSIDE]["NetworkInterfaceId"] == vpc.interfaces[0]


def test_a_slow_api_answers_late(vpc: Vpc, cloud: Cloud) -> None:
    """Each call takes as long as was said."""
    cloud.faults.set("slow", "300")
    began = time.monotonic()
    vpc.ec2.describe_vpcs()
    assert time.monotonic() - began >= 0.3


def test_a_stale_api_describes_the_past(vpc: Vpc, cloud: Cloud) -> None:
    """A change that was accepted is not seen until the time is over."""
    lead(vpc, 0, create=True)
    cloud.faults.set("stale", "1")
    assert vpc.routes(vpc.table)[OUTSIDE]["NetworkInterfaceId"] == vpc.interfaces[0]
    changed = time.monotonic()
    lead(vpc, 1)
    assert vpc.routes(vpc.table)[OUTSIDE]["NetworkInterfaceId"] == vpc.interfaces[0]
    while vpc.routes(vpc.table)[OUTSIDE]["NetworkInterfaceId"] != vpc.interfaces[1]:
        assert time.monotonic() < changed + 3
    assert time.monotonic() >= changed + 1


@pytest.mark.parametrize(
    ("kind", "argument", "words"),
    [("melt", "", "no fault of the API is called melt"), ("slow", "x", "needs a number")],
)
def test_a_fault_that_cannot_be_is_refused(
    cloud: Cloud, kind: str, argument: str, words: str
) -> None:
    """One sentence says what is wrong."""
    with pytest.raises(RefusedError, match=words):
        cloud.faults.set(kind, argument)
