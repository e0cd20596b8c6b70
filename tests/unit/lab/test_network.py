"""A scene as lines of ip."""

from natgate.lab import catalogue, network
from natgate.lab.scene import hosts
from natgate.model.steering import FrrSteering, LabSteering

SCENE = catalogue.prepared("fixed-source")


def test_each_route_table_has_one_number() -> None:
    """The edge table and the table of each subnet with hosts are numbered from 1001."""
    assert network.tables(SCENE.spec) == {
        "edge": 1001,
        "clients-a": 1002,
        "clients-c": 1003,
        "nodes-a": 1004,
        "nodes-c": 1005,
    }


def test_interface_names_fit() -> None:
    """Every port has a name of its own that the kernel takes, however long the host's name is."""
    names = list(network.ports(SCENE).values())
    assert len(set(names)) == len(names) == len(hosts(SCENE)) - 1
    assert all(len(name) <= 15 for name in names)


def test_a_client_cannot_reach_the_outside_by_itself() -> None:
    """Only the tables of nodes know what lies behind a router."""
    numbers = network.tables(SCENE.spec)
    outside = [line for line in network.setup(SCENE, "vpc") if "192.168.100.0/24" in line]
    assert [line.rpartition(" ")[2] for line in outside] == [
        str(numbers["nodes-a"]),
        str(numbers["nodes-c"]),
    ]


def test_every_port_looks_into_one_table_only() -> None:
    """A packet that the table of its subnet does not know is unreachable."""
    rules = [line for line in network.setup(SCENE, "vpc") if line.startswith("rule")]
    ports = [port for host, port in network.ports(SCENE).items() if host != "target"]
    assert [line for line in rules if "unreachable" in line] == [
        f"rule add pref 1101 iif {port} unreachable" for port in ports
    ]


def test_links_join_namespaces_only() -> None:
    """Both ends of every link are made inside namespaces of this lab."""
    wiring = network.wiring(SCENE, "x")
    assert set(wiring) == {"ng.x.vpc", "ng.x.vpn"}
    assert wiring["ng.x.vpn"] == ["link add p6 type veth peer name eth0 netns ng.x.target"]


def test_on_a_flat_segment_clients_leave_by_the_address_that_moves() -> None:
    """A client knows one way out; the nodes reach each prefix through its router."""
    scene = catalogue.prepared("vrrp")
    assert "route replace default via 10.30.0.1 dev eth0 onlink" in network.setup(scene, "client-a")
    assert not any("default" in line for line in network.setup(scene, "node-1"))
    outside = "route replace 192.168.100.0/24 via 192.168.100.5 dev eth0 onlink"
    reach = [h.name for h in hosts(scene) if outside in network.setup(scene, h.name)]
    assert reach == ["node-1", "node-2"]


def test_a_flat_segment_is_one_bridge_without_an_address() -> None:
    """All hosts but targets, which are behind a router, are in the bridge."""
    lines = network.setup(catalogue.prepared("vrrp"), "vpc")
    assert [line for line in lines if "master" in line] == [
        f"link set p{number} master segment up" for number in range(1, 6)
    ]
    assert not any("address" in line or "rule" in line for line in lines)


def test_agents_of_a_flat_fabric_get_the_scenes_own_steering() -> None:
    """The spec that agents get is the scene's, with the lab's key."""
    spec = catalogue.prepared("vrrp").spec
    made = network.with_steering(spec, "x", "KEY", "/vty")
    assert (made.steering, made.heartbeat.key_env) == (spec.steering, "KEY")


def test_a_resolver_is_known_to_all_tables_and_looks_into_that_of_its_endpoint() -> None:
    """Clients of every subnet reach it; what it asks beyond takes the table of its own subnet."""
    scene = catalogue.prepared("resolver")
    lines, port = network.setup(scene, "vpc"), network.ports(scene)["resolver"]
    numbers = network.tables(scene.spec)
    assert f"rule add pref 1001 iif {port} lookup {numbers['endpoint']}" in lines
    for address in ("172.31.0.2", "172.31.2.10"):
        assert [line for line in lines if f"add {address}/32" in line] == [
            f"route add {address}/32 dev {port} table {number}" for number in numbers.values()
        ]
        assert f"address replace {address}/32 dev eth0" in network.setup(scene, "resolver")


def test_agents_get_the_labs_own_router() -> None:
    """The spec that agents get names the lab's router, its tables and the key's variable."""
    spec = network.with_steering(SCENE.spec, "x", "KEY", "/vty")
    assert spec.steering == LabSteering(
        kind="lab", router="ng.x.vpc", tables=network.tables(SCENE.spec)
    )
    assert spec.heartbeat.key_env == "KEY"


def test_a_lab_with_bgp_forwards_by_what_its_router_learns() -> None:
    """Every port but those of nodes looks into the main table last, so that no packet goes round."""
    scene = catalogue.prepared("fixed-source-bgp")
    lines = network.setup(scene, "vpc")
    learned = [line.split()[5] for line in lines if line.endswith("lookup main")]
    port = network.ports(scene)
    assert learned == [port[host] for host in ("client-a", "client-c", "vpn")]
    assert f"route add 10.10.0.68/32 dev {port['node-a']} src {network.GATEWAY}" in lines
    spec = network.with_steering(scene.spec, "x", "KEY", "/vty/{node}")
    assert isinstance(spec.steering, FrrSteering)
    assert spec.steering.vty_dir == "/vty/{node}"
