"""The picture of a scene."""

from natgate.lab import catalogue, picture

EXPECTED = """\
┌─ zone a ───────────────────┐  ┌─ zone c ────────────────────┐
│ client client-a 10.10.0.16 │  │ client client-c 10.10.0.45  │
│ node   node-a   10.10.0.68 │  │ node   node-c   10.10.0.100 │
└──────────────┬─────────────┘  └──────────────┬──────────────┘
               ├───────────────────────────────┘
               vpc 10.10.0.0/24: every packet crosses its route tables
               │   gateway partner: clients leave as 10.10.0.85
               router vpn 192.168.100.5, before 192.168.100.0/24
               └── target target 192.168.100.20, admits only 10.10.0.85"""


FLAT = """\
┌─ zone office ───────────────┐
│ client client-a 10.30.0.10  │
│ client client-b 10.30.0.11  │
│ node   node-1   10.30.0.241 │
│ node   node-2   10.30.0.242 │
└──────────────┬──────────────┘
               │
               segment 10.30.0.0/24: hosts find each other by ARP
               │   gateway partner: clients leave as 10.30.0.225
               router vpn 192.168.100.5, before 192.168.100.0/24
               └── target target 192.168.100.20, admits only 10.30.0.225"""


RESOLVER = """\
┌─ zone a ──────────────────┐
│ client osec2 172.31.1.159 │
│ node   nat-1 172.31.3.4   │
│ node   nat-2 172.31.3.5   │
└─────────────┬─────────────┘
              │
              vpc 172.31.0.0/16: every packet crosses its route tables
              │   gateway private: clients leave as 172.31.3.30
              │   resolver 172.31.0.2 asks 10.20.2.53 for ohio.internal from 172.31.2.10
              router peering 10.20.0.1, before 10.20.0.0/16
              ├── target ec2 10.20.1.20, admits only 172.31.1.159, 172.31.3.30
              └── target inbound 10.20.2.53, admits only 172.31.2.10, 172.31.3.30"""


def test_a_resolver_is_drawn_with_whom_it_asks() -> None:
    """The picture shows whom clients ask for names, and from where their questions go on."""
    assert picture.draw(catalogue.prepared("resolver")) == RESOLVER


def test_a_flat_fabric_is_drawn_as_a_segment() -> None:
    """Where no router stands between the hosts, the picture shows none."""
    assert picture.draw(catalogue.prepared("vrrp")) == FLAT


def test_the_picture_shows_every_machine() -> None:
    """The built-in scene is drawn with its zones side by side and the outside below."""
    assert picture.draw(catalogue.prepared("fixed-source")) == EXPECTED
