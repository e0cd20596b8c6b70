"""What must be true of a gateway's entries."""

import pytest

from natgate.model.error import SpecError
from tests.gateways import every_entry

GATEWAY = "gateways[0]"
MAIL = "ports: [25, 465/587], protocols: [tcp]"
HTTP = "{name: http, address: 203.0.113.1, protocol: tcp, port: 80, target: 10.10.0.6, target_port: 8080}"

CONTRADICTIONS = [
    (
        ("name: http,", "name: host,"),
        {"dnat[0].name": "name host is already at gateways[0].snat[2].name"},
    ),
    (
        ("name: all, network: true", "name: all"),
        {"snat[0]": "nobody is translated: give network, subnets, hosts or sources"},
    ),
    (
        ("subnets: [clients-b]", "subnets: [nodes-a]"),
        {"snat[1].subnets[0]": "nodes-a is no client subnet (clients-a, clients-b)"},
    ),
    (
        ("name: host, hosts: [10.10.0.5]", "name: host, hosts: [10.10.0.99]"),
        {
            "snat[2].hosts[0]": "10.10.0.99 is not inside a client subnet; only their hosts are "
            "translated"
        },
    ),
    (
        ("[10.10.0.4/30]", "[10.10.0.16/30]"),
        {
            "snat[5].sources[0]": "10.10.0.16/30 is not inside a client subnet; only their hosts "
            "are translated"
        },
    ),
    (
        ("name: all, network: true, addresses: [203.0.113.1]", "name: all, network: true, addresses: [203.0.113.4]"),
        {"snat[0].addresses[0]": "203.0.113.4 serves a single host, and no other entry: take another address"},
    ),
    (
        (MAIL, "ports: [25], protocols: [tcp, icmp]"),
        {"snat[3].protocols": "icmp has no ports: make it an entry of its own"},
    ),
    (
        (MAIL, "ports: [25, 20/30]"),
        {"snat[3].ports[1]": "20/30 overlaps 25 at gateways[0].snat[3].ports[0]"},
    ),
    (
        (", protocols: [icmp]", ""),
        {
            "snat[4]": "source 10.10.0.5/32 to everywhere is already translated by "
            "gateways[0].snat[2]; the longest mask wins, so equal ones would leave it to chance: "
            "remove one"
        },
    ),
    (
        ("protocols: [icmp]", "ports: [500/600]"),
        {
            "snat[4]": "source 10.10.0.5/32 to everywhere is already translated by "
            "gateways[0].snat[3]; the longest mask wins, so equal ones would leave it to chance: "
            "remove one"
        },
    ),
    (
        ("name: http, address: 203.0.113.1", "name: http, address: 203.0.113.9"),
        {"dnat[0].address": "203.0.113.9 is not an address of gateway web"},
    ),
    (
        ("clients: [198.51.100.0/24]", "clients: [10.10.0.0/28]"),
        {"dnat[3].clients[0]": "10.10.0.0/28 overlaps a client subnet, which is reached without a node"},
    ),
    (
        ("clients: [198.51.100.0/24]", "clients: [224.0.0.0/8]"),
        {"dnat[3].clients[0]": "224.0.0.0/8 is not routed, so no packet to it crosses a node"},
    ),
    (
        ("protocol: any, port: any", "protocol: tcp, port: any"),
        {"dnat[4].port": "protocol any needs port any, and port any needs protocol any"},
    ),
    (
        ("port: any, target: 10.10.0.7", "port: any, target: 10.10.0.7, target_port: 9"),
        {"dnat[4].target_port": "with port any every port stays what it is; leave target_port out"},
    ),
    (
        ("target_port: 8080", "target_port: any"),
        {"dnat[0].target_port": "port any and target_port any go together"},
    ),
    (
        ("target_port: 110/120", "target_port: 110"),
        {"dnat[1].target_port": "110 has 1 ports and port 10/20 has 11; both must have as many"},
    ),
    (
        (", port_override: true", ""),
        {
            "dnat[2].port": "5000 lies in the range that SNAT entries use of 203.0.113.2 (1025 and "
            "above): take a lower port, another address, or say port_override: true, which may end "
            "flows that have this port"
        },
    ),
    (
        ("name: few, address: 203.0.113.3", "name: few, address: 203.0.113.4"),
        {
            "dnat[4].address": "203.0.113.4 serves a single host, and no other entry: take another "
            "address (it is at gateways[0].dnat[3].address)"
        },
    ),
    (
        ("port: 80, target: 10.10.0.6, target_port: 8080", "port: 15, target: 10.10.0.8"),
        {"dnat[1].port": "tcp port 15 of 203.0.113.1 is already taken by gateways[0].dnat[0].port"},
    ),
    (
        ("target_port: 8080", "target_port: 113"),
        {
            "dnat[1].target_port": "tcp port 113 of 10.10.0.6 is already taken by "
            "gateways[0].dnat[0].target_port"
        },
    ),
    (
        (
            "name: one, address: 203.0.113.5, host: 10.10.0.8}",
            "name: one, address: 203.0.113.5, host: 10.10.0.8}\n"
            "      - {name: two, address: 203.0.113.6, host: 10.10.0.8}",
        ),
        {
            "own[1].host": "10.10.0.8 already has an address for itself, at gateways[0].own[0].host",
            "snat[5].addresses[0]": "203.0.113.6 serves a single host, and no other entry: take "
            "another address",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("replacement", "expected"), CONTRADICTIONS)
def test_a_contradiction_is_one_sentence_at_its_path(
    replacement: tuple[str, str], expected: dict[str, str]
) -> None:
    """Each contradiction is found alone, where it is, with the way out."""
    with pytest.raises(SpecError) as caught:
        every_entry(replacement)
    assert {p.path: p.message for p in caught.value.problems} == {
        f"{GATEWAY}.{path}": message for path, message in expected.items()
    }


def test_every_kind_of_entry_fits_into_one_gateway() -> None:
    """Scopes, ports, ranges, single hosts and hosts' own addresses go together."""
    (gateway,) = every_entry().gateways
    assert (len(gateway.snat), len(gateway.dnat), len(gateway.own)) == (6, 5, 1)


def test_a_gateway_whose_addresses_all_serve_one_host_has_none_for_others() -> None:
    """An entry that would have no address is refused."""
    with pytest.raises(SpecError) as caught:
        every_entry(
            *((f"      - {{address: 203.0.113.{n}}}\n", "") for n in (1, 2, 3, 4, 6)),
            *((f", addresses: [203.0.113.{n}]", "") for n in (1, 2, 3, 6)),
        )
    told = {problem.path: problem.message for problem in caught.value.problems}
    assert told[f"{GATEWAY}.snat[0]"].startswith(
        "every address of gateway web serves a single host"
    )


def test_hosts_are_served_by_one_node_at_a_time() -> None:
    """An active-active gateway refuses entries whose port it did not give out."""
    with pytest.raises(SpecError, match="put these entries into a gateway of mode active-standby"):
        every_entry(("  - name: web\n", "  - name: web\n    mode: active-active\n"))


def test_a_high_port_of_an_address_without_snat_needs_no_override() -> None:
    """Nobody else gives out its ports."""
    text = (
        "address: 203.0.113.3, protocol: tcp, port: 22",
        "address: 203.0.113.7, protocol: tcp, port: 2222",
    )
    more = ("- {address: 203.0.113.6}", "- {address: 203.0.113.6}\n      - {address: 203.0.113.7}")
    assert every_entry(text, more).gateways[0].dnat[3].port_override is False
