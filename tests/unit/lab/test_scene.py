"""Scenes: what is refused, and in which words."""

import pytest

from natgate.lab import catalogue
from natgate.lab.scene import hosts, paths
from natgate.model.error import RefusedError, SpecError

SCENE = catalogue.text_of("fixed-source")


def problems(text: str) -> dict[str, str]:
    """The problems of a scene by path."""
    with pytest.raises(SpecError) as caught:
        catalogue.read_scene(text, "scene.yaml")
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize("name", catalogue.built_in())
def test_every_built_in_scene_is_valid(name: str) -> None:
    """A scene that comes with natgate can be built."""
    assert catalogue.prepared(name).name == name


def test_a_scene_reads_back_as_the_same() -> None:
    """What a lab writes down about itself is what it was made from."""
    scene = catalogue.prepared("fixed-source", "off")
    assert scene.spec.host.ownership == "off"
    assert catalogue.read_scene(catalogue.as_yaml(scene), "again") == scene


def test_hosts_have_roles_zones_and_addresses() -> None:
    """Every machine of a scene is listed once, the VPC router first."""
    found = [
        (host.name, host.role, host.zone) for host in hosts(catalogue.prepared("fixed-source"))
    ]
    assert found == [
        ("vpc", "router", None),
        ("client-a", "client", "a"),
        ("client-c", "client", "c"),
        ("node-a", "node", "a"),
        ("node-c", "node", "c"),
        ("vpn", "router", None),
        ("target", "target", None),
    ]


def test_paths_are_the_ways_that_an_entry_covers() -> None:
    """Each client that an entry covers has a way to the target that admits its address."""
    scene = catalogue.prepared("fixed-source")
    found = [(way.client.name, way.target.name, way.gateway.name) for way in paths(scene)]
    assert found == [("client-a", "target", "partner"), ("client-c", "target", "partner")]


def test_a_target_that_does_not_admit_the_address_is_no_path() -> None:
    """A client is not expected to reach a target that does not admit its gateway's address."""
    scene = SCENE.replace("admits: [10.10.0.85]", "admits: [10.10.0.99]")
    assert not list(paths(catalogue.read_scene(scene, "scene.yaml")))


def test_every_problem_is_reported_at_once() -> None:
    """A scene with several mistakes names each of them with its path."""
    text = (
        SCENE.replace("client-c, subnet: clients-c", "client-a, subnet: nowhere")
        .replace("address: 10.10.0.16", "address: 10.10.0.45")
        .replace("router: vpn", "router: wan")
        .replace("steering: {kind: lab}", "steering: {kind: none}")
    )
    found = problems(text)
    assert set(found) >= {
        "clients[0].address",
        "clients[1].name",
        "clients[1].subnet",
        "clients[1].address",
        "targets[0].router",
        "spec.steering",
    }


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("title:", "titles:", "titles", "unknown key"),
        ("name: client-a", "name: vpc", "clients[0].name", "already taken by the lab's own"),
        ("name: client-a", "name: node-a", "clients[0].name", "already taken by spec.nodes[0]"),
        ("192.168.100.20", "192.168.100.5", "targets[0].address", "already at routers[0].address"),
        ("10.10.0.16}", "10.10.0.46}", "clients[0].address", "not inside subnet clients-a"),
        ("192.168.100.20", "192.168.101.20", "targets[0].address", "not inside 192.168.100.0/24"),
        ("address: 192.168.100.5,", "address: 10.9.9.9,", "routers[0].address", "its prefix"),
        (
            "cidr: 10.10.0.64/28, kind: node",
            "cidr: 10.10.0.64/28, kind: node, route_table: clients-a",
            "spec.nodes[0].address",
            "would route to itself",
        ),
        ("zones: [a, c]", "zones: [a]", "spec.network.subnets[1].zone", "not in network.zones"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, path: str, words: str) -> None:
    """A mistake is refused at its path, in words that say what is wrong."""
    assert words in problems(SCENE.replace(old, new, 1))[path]


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("fabric: flat", "fabric: cloud", "spec.steering", "a lab moves its own routes"),
        (
            "{kind: vrrp, interface: eth0, router_id: 51, inside: [10.30.0.1], advert_interval: 100ms}",
            "{kind: lab}",
            "spec.steering",
            "use kind vrrp",
        ),
        ("interface: eth0", "interface: eth1", "spec.steering.interface", "has one link, eth0"),
        ("10.30.0.10}", "10.30.0.1}", "clients[0].address", "already at spec.steering.inside[0]"),
    ],
)
def test_a_mistake_about_a_flat_fabric_is_named(old: str, new: str, path: str, words: str) -> None:
    """Fabric and steering must fit, and the address that moves is nobody else's."""
    assert words in problems(catalogue.text_of("vrrp").replace(old, new, 1))[path]


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        (
            "  name: resolver\n  address",
            "  name: osec2\n  address",
            "resolver.name",
            "already taken",
        ),
        (
            "address: 172.31.0.2",
            "address: 172.31.1.159",
            "resolver.address",
            "already at clients[0]",
        ),
        ("address: 172.31.0.2", "address: 10.20.9.2", "resolver.address", "the network's ranges"),
        ("endpoint: 172.31.2.10", "endpoint: 172.31.1.10", "resolver.endpoint", "inside subnet"),
        (
            "address: 172.31.0.2",
            "address: 172.31.2.10",
            "resolver.endpoint",
            "already at resolver.",
        ),
        ("subnet: endpoint", "subnet: nat", "resolver.subnet", "not a client subnet"),
        ("to: 10.20.2.53", "to: 10.20.1.20", "resolver.forwards[0].to", "have some: 10.20.2.53"),
        (
            "zone: ohio.internal",
            "zone: Ohio.internal",
            "resolver.forwards[0].zone",
            "in lower case",
        ),
        (
            "{ec2.ohio.internal:",
            "{ec2..internal:",
            "targets[1].answers.ec2..internal.[key]",
            "a domain name",
        ),
        (
            "    - {zone: ohio.internal, to: 10.20.2.53}\n",
            2 * "    - {zone: ohio.internal, to: 10.20.2.53}\n",
            "resolver.forwards[1].zone",
            "ohio.internal is already at resolver.forwards[0]",
        ),
    ],
)
def test_a_mistake_about_a_resolver_is_named(old: str, new: str, path: str, words: str) -> None:
    """Its addresses, its subnet and whom it asks must fit the network and the targets."""
    assert words in problems(catalogue.text_of("resolver").replace(old, new, 1))[path]


def test_a_flat_fabric_has_no_resolver() -> None:
    """Its questions take a route table, and a flat fabric has none."""
    resolver = """\
resolver:
  {name: dns, address: 10.30.0.2, endpoint: 10.30.0.3, subnet: office, forwards: [{zone: a, to: 10.0.0.1}]}
routers:
"""
    found = problems(catalogue.text_of("vrrp").replace("routers:\n", resolver, 1))
    assert "leave it out" in found["resolver"]


def test_two_routers_with_one_prefix_are_refused() -> None:
    """One prefix lies behind one router."""
    other = "  - {name: wan, address: 192.168.100.6, prefix: 192.168.100.0/24}\n"
    found = problems(SCENE.replace("targets:\n", f"{other}targets:\n"))
    assert found == {"routers[1].prefix": "192.168.100.0/24 already lies behind router vpn"}


def test_a_scene_that_does_not_exist_is_refused() -> None:
    """A name that is neither built-in nor a file is refused with the names there are."""
    with pytest.raises(RefusedError, match=r"neither a built-in scene \(entries, fixed-source"):
        catalogue.text_of("no-such-scene")


def test_a_lab_with_bgp_has_its_own_router_only() -> None:
    """Nodes of a lab can announce to nobody else; other steering has no meaning there."""
    bgp = catalogue.text_of("fixed-source-bgp")
    assert problems(bgp.replace("[169.254.0.1]", "[10.9.9.9]")) == {
        "spec.steering.routers": "a lab's only router is 169.254.0.1; write routers: [169.254.0.1]"
    }
    assert problems(bgp.replace("{kind: frr, routers: [169.254.0.1]}", "{kind: none}")) == {
        "spec.steering": "a lab moves its own routes; write {kind: lab} or {kind: frr}"
    }


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("table: clients-a", "table: edge", "routes[0].table", "edge is not a route table of the spec"),
        ("0.0.0.0/0, router: internet", "0.0.0.0/0, router: wan", "routes[0].router", "not one of the"),
        ("0.0.0.0/0, router", "0.0.0.1/0, router", "routes[0].destination", "host bits set"),
    ],
)  # fmt: skip
def test_a_mistake_about_somebody_elses_route_is_named(
    old: str, new: str, path: str, words: str
) -> None:
    """It stands in a table of the spec and leads to a router of the scene."""
    assert words in problems(catalogue.text_of("shared-tables").replace(old, new, 1))[path]


def test_a_flat_fabric_has_no_route_of_somebody_else() -> None:
    """There is no table in which it could stand."""
    routes = "routes: [{table: hosts, destination: 0.0.0.0/0, router: vpn}]\nspec:\n"
    scene = catalogue.text_of("vrrp").replace("spec:\n", routes, 1)
    assert "no route tables" in problems(scene)["routes[0]"]
