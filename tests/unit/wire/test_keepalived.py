"""The configuration of keepalived."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from natgate.model.error import RefusedError
from natgate.wire.keepalived import Instance, render_keepalived

INSTANCE = Instance(
    directory="/var/lib/natgate/vrrp",
    interface="eth0",
    fixed_interface="eth1",
    address=IPv4Address("10.0.0.2"),
    peers=(IPv4Address("10.0.0.3"), IPv4Address("10.0.0.4")),
    router_id=51,
    interval=0.05,
    inside=(IPv4Address("10.0.0.1"), IPv4Address("10.0.1.1")),
    fixed=(IPv4Address("198.51.100.7"),),
)


def block(name: str, text: str) -> list[str]:
    """The lines of a block."""
    inner = text.partition(f"    {name} {{\n")[2].partition("\n    }")[0]
    return [line.strip() for line in inner.splitlines()]


def test_adverts_go_to_peers_only_and_name_one_address() -> None:
    """Peers on the same segment; all other addresses move without being in the adverts."""
    text = render_keepalived(INSTANCE)
    assert block("unicast_peer", text) == ["10.0.0.3 min_ttl 255", "10.0.0.4 min_ttl 255"]
    assert block("virtual_ipaddress", text) == ["10.0.0.1/32 dev eth0"]
    silent = ["10.0.1.1/32 dev eth0", "198.51.100.7/32 dev eth1"]
    assert block("virtual_ipaddress_excluded", text) == silent
    assert "advert_int 0.05\n" in text
    assert "unicast_src_ip 10.0.0.2\n" in text


def test_every_node_has_the_same_priority() -> None:
    """So that a node that returns takes nothing back; what natgate changes is in tracked files."""
    first = render_keepalived(INSTANCE)
    other = render_keepalived(replace(INSTANCE, address=IPv4Address("10.0.0.3")))
    assert first.count("priority 100\n") == other.count("priority 100\n") == 1
    assert block("track_file", first) == ["rank", "withdrawn"]
    assert 'file "/var/lib/natgate/vrrp/withdrawn"\n    weight 0\n' in first


@pytest.mark.parametrize(
    "change",
    [
        {"directory": '/var/a" {'},
        {"directory": "relative"},
        {"directory": "/a\nb"},
        {"interface": "eth0 }"},
        {"fixed_interface": ""},
    ],
)
def test_what_could_be_read_as_something_else_is_refused(change: dict[str, str]) -> None:
    """A path or link with quotes, brackets, spaces or line ends is never written."""
    with pytest.raises(RefusedError):
        render_keepalived(replace(INSTANCE, **change))  # type: ignore[arg-type]
