"""Steering by an AWS VPC passes the contract of steerings, and survives what AWS does to it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from natgate.cloud import aws as module
from natgate.cloud.aws import AwsSteering
from natgate.model.error import HostError
from natgate.model.routes import Route
from natgate.model.steering import AwsSteering as Settings
from tests.aws.account import GROUP, Account, Scene, spec_of
from tests.steering_contract import NODES, ROUTES, Bench, TablesContract

EDGE, EVERY, SOME = ROUTES


@pytest.fixture
def scene(account: Account) -> Scene:
    """The VPC of the spec."""
    return account.build()


def make(
    account: Account, node: str = "node-a", options: str = "", deadline: float = 10.0
) -> AwsSteering:
    """A node's steering of this account."""
    spec = spec_of(options)
    assert isinstance(spec.steering, Settings)
    return AwsSteering(spec.steering, spec, node, account.client(deadline))


@pytest.fixture
def steering(account: Account, scene: Scene) -> Iterator[AwsSteering]:
    """That of the first node."""
    del scene
    with closing(make(account)) as made:
        yield made


@pytest.fixture
def bench(account: Account, scene: Scene, steering: AwsSteering) -> Bench:
    """The steering, and a foreign hand in its route tables."""
    gateway = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=scene.vpc)

    def lead_astray(route: Route) -> None:
        account.lead(scene.tables[route.table], str(route.destination), GatewayId=gateway)

    return Bench(steering=steering, lead_astray=lead_astray)


class TestAwsSteering(TablesContract):
    """Every test of the contract, by EC2."""


def read(steering: AwsSteering, *routes: Route) -> list[Any]:
    """What routes lead to."""
    found = asyncio.run(steering.read(routes))
    return [found[route] for route in routes]


def point(steering: AwsSteering, *routes: Route, node: IPv4Address = NODES[0]) -> dict[Route, str]:
    """Lead routes to a node; the errors."""
    return dict(asyncio.run(steering.point(routes, node)))


def test_all_tables_are_read_by_one_call(account: Account, steering: AwsSteering) -> None:
    """Once tables have been found by their tags; interfaces are known for a while, targets never."""
    point(steering, *ROUTES)
    read(steering, *ROUTES)
    account.calls.clear()
    assert read(steering, *ROUTES) == [NODES[0]] * 3
    assert account.calls == {"DescribeRouteTables": 1}


def test_tables_may_be_named_by_their_ids(account: Account) -> None:
    """Then no tags are looked for, and none are needed."""
    scene = account.build(by_tags=False)
    with closing(make(account, options=f", tables: {json.dumps(scene.tables)}")) as steering:
        assert point(steering, *ROUTES) == {}
        assert read(steering, *ROUTES) == [NODES[0]] * 3


def test_a_table_that_is_not_there_is_named(account: Account, scene: Scene) -> None:
    """Reading says so, and of several routes only its own are not moved."""
    account.ec2.delete_route_table(RouteTableId=scene.tables["c"])
    with closing(make(account)) as steering:
        with pytest.raises(HostError, match=r"natgate:group=net and natgate:table=c; tag it"):
            read(steering, *ROUTES)
        assert point(steering, *ROUTES).keys() == {SOME}
    gone = f", tables: {{c: {scene.tables['c']}}}"
    told = pytest.raises(HostError, match=rf"no route table {scene.tables['c']} \(c\)")
    with closing(make(account, options=gone)) as steering, told:
        read(steering, *ROUTES)


def test_a_route_to_an_interface_that_is_gone_may_be_taken(
    account: Account, scene: Scene, steering: AwsSteering
) -> None:
    """A black hole is nobody's, and neither is an interface of the group without a node's address."""
    subnet = account.subnet(scene.vpc, "10.0.9.0/24")
    dead, left_over, foreign = (
        account.interface(subnet, f"10.0.9.{n}", group=group)
        for n, group in ((7, None), (8, GROUP), (9, None))
    )
    for route, interface in zip(ROUTES, (dead, left_over, foreign), strict=True):
        account.lead(
            scene.tables[route.table], str(route.destination), NetworkInterfaceId=interface
        )
    account.ec2.delete_network_interface(NetworkInterfaceId=dead)
    assert read(steering, *ROUTES) == [None, None, f"{foreign} of somebody else"]
    assert point(steering, *ROUTES) == {
        SOME: f"it leads to {foreign} of somebody else, and natgate did not make it"
    }
    assert read(steering, EDGE, EVERY) == [NODES[0]] * 2


def test_what_others_made_is_adopted_only_if_asked_for(account: Account, scene: Scene) -> None:
    """Then it counts as nothing, so that the decision takes it."""
    gateway = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=scene.vpc)
    account.lead(scene.tables["a"], "0.0.0.0/0", GatewayId=gateway)
    with closing(make(account)) as steering:
        assert read(steering, EVERY) == [gateway]
    with closing(make(account, options=", adopt: true")) as steering:
        assert read(steering, EVERY) == [None]
        assert point(steering, EVERY) == {}
        assert read(steering, EVERY) == [NODES[0]]


def test_a_route_that_appears_or_goes_meanwhile_is_led_all_the_same(
    account: Account, scene: Scene, steering: AwsSteering
) -> None:
    """An answer may be old: a route that exists after all is replaced, and a missing one made."""

    def now() -> dict[str, Any]:
        tables = list(scene.tables.values())
        return dict(account.ec2.describe_route_tables(RouteTableIds=tables))

    old = now()
    assert point(steering, EDGE, node=NODES[1]) == {}
    account.lag("DescribeRouteTables", old, times=1)
    assert point(steering, EDGE) == {}
    account.lag("DescribeRouteTables", now(), times=1)
    account.ec2.delete_route(
        RouteTableId=scene.tables["edge"], DestinationCidrBlock=str(EDGE.destination)
    )
    assert point(steering, EDGE, node=NODES[1]) == {}
    assert read(steering, EDGE) == [NODES[1]]
    wanted = {"CreateRoute": 3, "ReplaceRoute": 2}
    assert {name: account.calls[name] for name in wanted} == wanted


def test_what_was_written_is_waited_for(
    account: Account, steering: AwsSteering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS may show what was true before for a while; what it never shows is told."""
    point(steering, *ROUTES)
    old = dict(account.ec2.describe_route_tables())
    account.lag("DescribeRouteTables", old, times=3)
    assert point(steering, *ROUTES, node=NODES[1]) == {}
    assert account.lags == 0
    monkeypatch.setattr(module, "SHOWN", 0.2)
    old = dict(account.ec2.describe_route_tables())
    account.lag("DescribeRouteTables", old)
    text = "AWS took it, and has not shown it after 0.2 s"
    assert point(steering, *ROUTES) == dict.fromkeys(ROUTES, text)


def test_what_cannot_be_asked_for_after_it_was_written_is_told(
    account: Account, steering: AwsSteering
) -> None:
    """A take-over that cannot be verified has not succeeded."""
    point(steering, *ROUTES)
    before = account.calls["DescribeRouteTables"] + 1

    def refuse(operation: str, _: object) -> tuple[str, str] | None:
        late = operation == "DescribeRouteTables" and account.calls[operation] > before
        return ("UnauthorizedOperation", "no") if late else None

    account.faults.append(refuse)
    assert (
        "AWS took it, and cannot be asked for it: not auth"
        in (point(steering, EDGE, node=NODES[1])[EDGE])
    )


def test_one_table_that_refuses_keeps_no_other_back(
    account: Account, scene: Scene, steering: AwsSteering
) -> None:
    """Every route is attempted; the error names the action and the table."""
    account.fail("CreateRoute", "UnauthorizedOperation", RouteTableId=scene.tables["a"])
    assert point(steering, *ROUTES) == {
        EVERY: f"not authorised: ec2:CreateRoute on {scene.tables['a']} (0.0.0.0/0); allow it in the "
        "policy of the node's role"
    }
    assert read(steering, *ROUTES) == [NODES[0], None, NODES[0]]


def test_throttling_is_waited_out(account: Account, steering: AwsSteering) -> None:
    """Within the deadline a call is made again, by and by."""
    account.fail("CreateRoute", "RequestLimitExceeded", times=4)
    assert point(steering, *ROUTES) == {}
    assert account.calls["CreateRoute"] == 7


def test_throttling_ends_with_the_deadline(account: Account, scene: Scene) -> None:
    """Then each route says why."""
    del scene
    account.fail("CreateRoute", "RequestLimitExceeded")
    with closing(make(account, deadline=1.0)) as steering:
        failed = point(steering, EDGE)
    assert "AWS throttled ec2:CreateRoute" in failed[EDGE]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "the AWS credentials have expired"),
        ("AuthFailure", "AWS does not know these credentials"),
        ("UnauthorizedOperation", "not authorised: ec2:DescribeRouteTables"),
    ],
)
def test_credentials_that_are_worth_nothing_are_told(
    account: Account, steering: AwsSteering, code: str, words: str
) -> None:
    """Reading and moving both say what is to be done."""
    account.fail("DescribeRouteTables", code)
    with pytest.raises(HostError, match=words):
        read(steering, EDGE)
    assert words in point(steering, EDGE)[EDGE]
    assert words in asyncio.run(steering.refused([EDGE]))[EDGE]


def test_a_node_without_an_interface_is_named(account: Account, steering: AwsSteering) -> None:
    """Its address is on no interface of the VPC."""
    nobody = IPv4Address("10.0.0.9")
    words = "no network interface of the VPC has 10.0.0.9; run natgate aws join on that node"
    assert point(steering, EDGE, node=nobody) == {EDGE: words}
    assert account.calls["CreateRoute"] == 0


def test_what_would_be_refused_is_asked_by_dry_runs(
    account: Account, scene: Scene, steering: AwsSteering
) -> None:
    """Nothing is changed, and a foreign target is among the answers."""
    point(steering, EDGE, node=NODES[1])
    assert asyncio.run(steering.refused(ROUTES)) == {}
    account.fail("CreateRoute", "UnauthorizedOperation", RouteTableId=scene.tables["c"])
    assert asyncio.run(steering.refused(ROUTES)).keys() == {SOME}
    assert read(steering, *ROUTES) == [NODES[1], None, None]


def test_a_source_destination_check_is_switched_off(account: Account, scene: Scene) -> None:
    """By the node itself, when it offers itself; where it may not, it cannot carry anything."""
    interface = scene.nodes["node-a"]
    account.check(interface, on=True)
    account.fail("ModifyNetworkInterfaceAttribute", "UnauthorizedOperation")
    with closing(make(account)) as steering:
        reason = asyncio.run(steering.offer(ROUTES, NODES[0], fit=True))
        assert reason is not None
        assert f"the source/destination check of {interface} is on" in reason
        assert "not authorised: ec2:ModifyNetworkInterfaceAttribute" in reason
        assert point(steering, EDGE).keys() == {EDGE}
    account.faults.clear()
    with closing(make(account)) as steering:
        assert asyncio.run(steering.offer(ROUTES, NODES[0], fit=True)) is None
    assert not account.checked(interface)


def test_what_stands_against_a_node_is_not_asked_at_every_turn(
    account: Account, steering: AwsSteering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls are counted by AWS; while it cannot be asked, what it said last holds."""
    for _ in range(5):
        assert asyncio.run(steering.offer(ROUTES, NODES[0], fit=True)) is None
    assert account.calls["DescribeNetworkInterfaces"] == 1
    assert asyncio.run(steering.offer(ROUTES, NODES[1], fit=True)) is None
    monkeypatch.setattr(module, "CHECKED", 0.0)
    account.fail("DescribeNetworkInterfaces", "UnauthorizedOperation")
    assert asyncio.run(steering.offer(ROUTES, NODES[0], fit=None)) is None


def test_a_node_whose_interface_is_not_there_cannot_carry(account: Account, scene: Scene) -> None:
    """It says which address is missing."""
    account.ec2.delete_network_interface(NetworkInterfaceId=scene.nodes["node-a"])
    with closing(make(account)) as steering:
        reason = asyncio.run(steering.offer(ROUTES, NODES[0], fit=True))
    assert reason is not None
    assert "no network interface of the VPC has 10.0.0.1" in reason


def test_withdrawing_takes_away_what_leads_here(
    account: Account, scene: Scene, steering: AwsSteering
) -> None:
    """Routes to the other node stay, and so do those that the spec does not name."""
    point(steering, EDGE, EVERY)
    point(steering, SOME, node=NODES[1])
    own = {"NetworkInterfaceId": scene.nodes["node-a"]}
    account.lead(scene.tables["c"], "198.51.100.0/24", **own)
    asyncio.run(steering.withdraw())
    assert read(steering, *ROUTES) == [None, None, NODES[1]]
    assert "198.51.100.0/24" in account.routes(scene.tables["c"])


def test_a_route_that_cannot_be_withdrawn_is_told(
    account: Account, scene: Scene, steering: AwsSteering
) -> None:
    """The others go all the same; one that is gone already is no error."""
    point(steering, *ROUTES)
    account.fail("DeleteRoute", "UnauthorizedOperation", RouteTableId=scene.tables["a"])
    account.fail("DeleteRoute", "InvalidRoute.NotFound", RouteTableId=scene.tables["c"])
    with pytest.raises(HostError, match="not authorised: ec2:DeleteRoute"):
        asyncio.run(steering.withdraw())
    assert read(steering, EDGE, EVERY) == [None, NODES[0]]


WHOLE = Route(table="edge", destination=IPv4Network("100.64.0.0/28"))


def test_the_route_that_a_table_is_made_with_is_led_here_and_back(
    account: Account, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a whole range of the VPC cannot be made or deleted, only replaced."""
    spec = spec_of(
        "",
        ("[10.10.0.0/16]", "[10.10.0.0/16, 100.64.0.0/28]"),
        ("10.10.0.80/28", "100.64.0.0/28"),
        ("10.10.0.85", "100.64.0.5"),
    )
    account.lead(scene.tables["edge"], "100.64.0.0/28", NetworkInterfaceId=scene.nodes["node-c"])
    found = account.ec2.describe_route_tables(RouteTableIds=list(scene.tables.values()))
    account.stale["DescribeRouteTables"] = found
    edge = next(t for t in found["RouteTables"] if t["RouteTableId"] == scene.tables["edge"])
    route = next(r for r in edge["Routes"] if r["DestinationCidrBlock"] == "100.64.0.0/28")
    route["Origin"] = "CreateRouteTable"
    del route["NetworkInterfaceId"]
    route["GatewayId"] = "local"
    seen: list[tuple[str, str]] = []

    def watch(operation: str, given: Any) -> None:  # noqa: ANN401 (the parameters)
        if operation in {"CreateRoute", "DeleteRoute", "ReplaceRoute"}:
            seen.append((operation, given.get("LocalTarget", "")))

    account.faults.append(watch)
    monkeypatch.setattr(module, "SHOWN", 0.0)
    assert isinstance(spec.steering, Settings)
    with closing(AwsSteering(spec.steering, spec, "node-a", account.client())) as steering:
        assert read(steering, WHOLE) == [None]
        assert point(steering, WHOLE).keys() == {WHOLE}  # the answer stays as it was above
        assert account.routes(scene.tables["edge"]) == {"100.64.0.0/28": scene.nodes["node-a"]}
        route["NetworkInterfaceId"] = scene.nodes["node-a"]
        del route["GatewayId"]
        asyncio.run(steering.withdraw())
    assert seen == [("ReplaceRoute", ""), ("ReplaceRoute", "true")]


HELD = Route(table="edge", destination=IPv4Network("10.0.0.100/32"))
PUBLIC = "203.0.113.7"


def lying(elastic: str = "", options: str = "") -> Any:  # noqa: ANN401 (a spec)
    """A spec whose fixed address lies in the subnet of the nodes."""
    stands = f", elastic: {{{elastic}: 10.0.0.100}}" if elastic else ""
    return spec_of(
        stands + options,
        ("[10.10.0.0/16]", "[10.10.0.0/16, 10.0.0.0/24]"),
        (
            "name: fixed, cidr: 10.10.0.80/28, kind: address",
            "name: n, zone: a, cidr: 10.0.0.0/24, kind: node",
        ),
        ("10.10.0.85", "10.0.0.100"),
        ("name: node-c, zone: c", "name: node-c, zone: a"),
    )


def bearing(
    account: Account, node: str = "node-a", *, elastic: str = "", options: str = ""
) -> AwsSteering:
    """A node's steering of such a spec."""
    spec = lying(elastic, options)
    return AwsSteering(spec.steering, spec, node, account.client())


def test_an_address_moves_from_interface_to_interface(account: Account, scene: Scene) -> None:
    """It is a secondary private address, whoever has it is active, and it is taken back at the end."""
    with closing(bearing(account)) as steering:
        assert read(steering, HELD) == [None]
        for name, node in zip(
            ("node-a", "node-c", "node-c", "node-a"), (*NODES, NODES[1], NODES[0]), strict=True
        ):
            assert point(steering, HELD, EVERY, node=node) == {}
            assert read(steering, HELD, EVERY) == [node, node]
            assert IPv4Address("10.0.0.100") in account.addresses(scene.nodes[name])
        assert account.calls["AssignPrivateIpAddresses"] == 3
        assert asyncio.run(steering.refused([HELD, EVERY])) == {}
        asyncio.run(steering.withdraw())
        assert read(steering, HELD, EVERY) == [None, None]
        assert account.addresses(scene.nodes["node-a"]) == [NODES[0]]


def test_an_address_of_somebody_else_stays(account: Account, scene: Scene) -> None:
    """Unless it is to be adopted; on an interface of the group it is nobody's."""
    found = account.ec2.describe_network_interfaces(NetworkInterfaceIds=[scene.nodes["node-a"]])
    subnet = found["NetworkInterfaces"][0]["SubnetId"]
    stranger = account.interface(subnet, "10.0.0.50")
    account.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=stranger, PrivateIpAddresses=["10.0.0.100"]
    )
    with closing(bearing(account)) as steering:
        assert read(steering, HELD) == [f"{stranger} of somebody else"]
        for errors in (point(steering, HELD), asyncio.run(steering.refused([HELD]))):
            assert f"10.0.0.100 lies on {stranger} of somebody else" in errors[HELD]
    with closing(bearing(account, options=", adopt: true")) as steering:
        assert read(steering, HELD) == [None]
        assert point(steering, HELD) == {}
        assert read(steering, HELD) == [NODES[0]]


def test_an_elastic_address_stands_for_its_private_one(account: Account, scene: Scene) -> None:
    """It comes along, and as long as it has not, the address counts as nobody's."""
    public = account.ec2.allocate_address(Domain="vpc")
    with closing(bearing(account, elastic=public["PublicIp"])) as steering:
        account.fail("AssociateAddress", "UnauthorizedOperation")
        words = f"not authorised: ec2:AssociateAddress on {public['PublicIp']}"
        assert words in asyncio.run(steering.refused([HELD]))[HELD]
        assert words in point(steering, HELD)[HELD]
        assert IPv4Address("10.0.0.100") in account.addresses(scene.nodes["node-a"])
        assert read(steering, HELD) == [None]
        account.faults.clear()
        assert asyncio.run(steering.refused([HELD])) == {}
        for node in (NODES[0], NODES[1], NODES[1]):
            assert point(steering, HELD, node=node) == {}
            assert read(steering, HELD) == [node]
    found = account.ec2.describe_addresses()["Addresses"][0]
    assert found["NetworkInterfaceId"] == scene.nodes["node-c"]


def test_an_elastic_address_that_the_account_has_not_is_told(
    account: Account, scene: Scene
) -> None:
    """It cannot be moved, and the address is not held to have arrived without it."""
    del scene
    with closing(bearing(account, elastic=PUBLIC)) as steering:
        words = f"this account has no elastic address {PUBLIC} in this region"
        assert point(steering, HELD) == {HELD: words}
        assert asyncio.run(steering.refused([HELD])) == {HELD: words}
        assert read(steering, HELD) == [None]


def test_an_address_that_cannot_be_read_is_not_moved(account: Account, scene: Scene) -> None:
    """The error is that of the reading, and also where it cannot be assigned."""
    del scene
    with closing(bearing(account)) as steering:
        account.fail("AssignPrivateIpAddresses", "InvalidParameterValue")
        assert "InvalidParameterValue" in point(steering, HELD)[HELD]
        account.fail("DescribeNetworkInterfaces", "UnauthorizedOperation")
        assert "not authorised" in point(steering, HELD)[HELD]
