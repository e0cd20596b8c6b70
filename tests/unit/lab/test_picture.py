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


def test_a_flat_fabric_is_drawn_as_a_segment() -> None:
    """Where no router stands between the hosts, the picture shows none."""
    assert picture.draw(catalogue.prepared("vrrp")) == FLAT


def test_the_picture_shows_every_machine() -> None:
    """The built-in scene is drawn with its zones side by side and the outside below."""
    assert picture.draw(catalogue.prepared("fixed-source")) == EXPECTED
