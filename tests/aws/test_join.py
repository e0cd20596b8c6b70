"""An instance takes the place of a node, and never that of an instance that runs."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest

from natgate.cloud import aws_join
from natgate.cloud.aws_join import Join, Joined, node_in, settings_of
from natgate.cloud.imds import Instance
from natgate.model.error import HostError, RefusedError
from natgate.model.spec import Node
from tests.aws.account import GROUP, Account, spec_of
from tests.specs import two_zones

ZONE = "ap-northeast-1a"
ADDRESS, PRIMARY = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.40")


@dataclass(slots=True)
class Host:
    """The addresses of a host, in place of its links."""

    addresses: set[IPv4Address] = field(default_factory=lambda: {PRIMARY})

    def add(self, beside: IPv4Address, address: IPv4Address) -> bool:
        """Put an address beside another one."""
        if beside not in self.addresses:
            raise HostError(f"no link of this host has {beside}")
        new = address not in self.addresses
        self.addresses.add(address)
        return new


@dataclass(slots=True)
class Place:
    """A subnet and the new instance in it."""

    subnet: str
    me: Instance


@pytest.fixture
def place(account: Account) -> Place:
    """An instance that was just launched: its check is on, it has no node's address."""
    vpc = account.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = account.subnet(vpc, "10.0.0.0/24")
    interface = account.interface(subnet, str(PRIMARY), group=GROUP)
    account.check(interface, on=True)
    number = account.instance(interface, Name="new")
    return Place(subnet=subnet, me=Instance(id=number, zone=ZONE, interface=interface))


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends by itself here, so there is little to wait for."""
    monkeypatch.setattr(aws_join, "POLL", 0.05)


def join(account: Account, me: Instance, host: Host, deadline: float = 0.2) -> Joined:
    """Let an instance join."""
    spec = spec_of()
    run = Join(spec, account.client(), deadline).run(me, node_in(spec, me.zone, None), host.add)
    return asyncio.run(run)


def test_a_new_instance_takes_the_address_of_its_node(account: Account, place: Place) -> None:
    """As a secondary address, on its link as well, and its interface forwards; again it is nothing."""
    host = Host()
    me = place.me
    assert join(account, me, host) == Joined(
        node="node-a",
        address=ADDRESS,
        instance=me.id,
        interface=me.interface,
        done=(
            f"assigned 10.0.0.1 to {me.interface}",
            f"switched off the source/destination check of {me.interface}",
            "added 10.0.0.1/32 to the link of 10.0.0.40",
        ),
    )
    assert account.addresses(me.interface) == [PRIMARY, ADDRESS]
    assert host.addresses == {PRIMARY, ADDRESS}
    assert not account.checked(me.interface)
    assert join(account, me, host).done == ()


def test_an_instance_that_runs_keeps_its_address(account: Account, place: Place) -> None:
    """The new one waits, and in the end it says who has it; once that one is ended it takes it."""
    old = account.interface(place.subnet, "10.0.0.41", group=GROUP)
    account.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=old, PrivateIpAddresses=[str(ADDRESS)]
    )
    number = account.instance(old, Name="old")
    with pytest.raises(RefusedError, match=f"10.0.0.1 is held by {number}, which is running"):
        join(account, place.me, Host())
    account.ec2.stop_instances(InstanceIds=[number])
    done = join(account, place.me, Host()).done
    assert done[0] == f"assigned 10.0.0.1 to {place.me.interface}, taken from {number}"
    assert account.addresses(old) == [IPv4Address("10.0.0.41")]


def test_an_interface_that_was_left_over_gives_the_address_away(
    account: Account, place: Place
) -> None:
    """If it is of the group; another one keeps it, whatever it does."""
    left = account.interface(place.subnet, "10.0.0.41")
    account.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=left, PrivateIpAddresses=[str(ADDRESS)]
    )
    with pytest.raises(RefusedError, match=f"on {left}, which has no tag natgate:group=net"):
        join(account, place.me, Host())
    account.tag(left, **{"natgate:group": GROUP})
    assert f"taken from {left}" in join(account, place.me, Host()).done[0]


def test_what_aws_refuses_is_told(account: Account, place: Place) -> None:
    """An address that may not be assigned, or does not arrive, or an interface nobody knows."""
    account.fail("AssignPrivateIpAddresses", "UnauthorizedOperation", times=1)
    with pytest.raises(HostError, match="not authorised: ec2:AssignPrivateIpAddresses"):
        join(account, place.me, Host())
    account.stale["AssignPrivateIpAddresses"] = {}
    with pytest.raises(HostError, match=r"10\.0\.0\.1 did not arrive on"):
        join(account, place.me, Host())
    stranger = Instance(id="i-1", zone=ZONE, interface="eni-00000000000000000")
    with pytest.raises(HostError, match="AWS knows no network interface eni-0000"):
        join(account, stranger, Host())


def names(zone: str, named: str | None, *replacements: tuple[str, str]) -> Node:
    """The node that an instance of a zone stands for."""
    return node_in(spec_of("", *replacements), zone, named)


def test_an_instance_stands_for_the_node_of_its_zone() -> None:
    """Or for the one that is named, which is in its zone as well."""
    assert names("ap-northeast-1c", None).name == "node-c"
    assert names("ap-northeast-1c", "node-c").name == "node-c"
    for zone, named, words in (
        ("ap-northeast-1d", None, "the spec has no node in ap-northeast-1d"),
        ("ap-northeast-1a", "node-x", r"the spec has no node node-x \(node-a, node-c\)"),
        ("ap-northeast-1a", "node-c", "node-c is in zone c, and this instance in ap-northeast-1a"),
    ):
        with pytest.raises(RefusedError, match=words):
            names(zone, named)
    both = ("name: node-c, zone: c", "name: node-c, zone: a")
    with pytest.raises(RefusedError, match=r"several nodes in ap-northeast-1a \(node-a, node-c\)"):
        names(ZONE, None, both)
    with pytest.raises(RefusedError, match=r"steering\.kind is none"):
        settings_of(two_zones())
