"""An allowlist as a document."""

from ipaddress import IPv4Network

from natgate.model.fields import Ports
from natgate.plan.allowlist import allowlist
from natgate.wire.allowlist import allowlist_data, port_text
from tests.specs import two_zones


def test_the_document_has_all_sections() -> None:
    """Source 000: one address, and the probes of both nodes."""
    data = allowlist_data(allowlist(two_zones(), IPv4Network("192.168.100.0/24")))
    assert data["to"] == ["192.168.100.0/24"]
    assert data["sources"] == [
        {
            "source": "10.10.0.85",
            "source_ports": ["1025-65535"],
            "protocol": "any",
            "ports": [],
            "destinations": ["192.168.100.0/24"],
            "entries": ["partner/to-partner"],
        }
    ]
    assert data["withdrawn"] == []
    assert [row["source"] for row in data["probes"]] == ["10.10.0.20", "10.10.0.52"]
    assert data["reached"] == [
        {
            "address": "10.10.0.85",
            "protocol": "icmp",
            "ports": [],
            "clients": ["192.168.100.0/24"],
            "entry": "partner icmp_reply",
        }
    ]


def test_a_range_is_written_with_a_dash() -> None:
    """As firewalls write it, and as the source ports of the same document are."""
    assert port_text(Ports(first=100, last=109)) == "100-109"
    assert port_text(Ports(first=80, last=80)) == "80"
