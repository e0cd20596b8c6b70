"""What the far side saw: each target counts the sources of every packet sent to it.

The counting is done by the target's kernel before anything else, so that no packet is missed.
"""

import json
from collections.abc import Iterable
from ipaddress import IPv4Address

from natgate.lab import namespace

TABLE = "natgate-lab"

_SCRIPT = """\
table ip {table} {{
    set registered {{ type ipv4_addr; elements = {{ {admits} }} }}
    set admitted {{ type ipv4_addr; size 65535; flags dynamic; counter; }}
    set wrong {{ type ipv4_addr; size 65535; flags dynamic; counter; }}
    chain prerouting {{
        type filter hook prerouting priority raw; policy drop;
        iifname "lo" accept
        ip saddr {router} accept
        ip saddr @registered add @admitted {{ ip saddr counter }} accept
        add @wrong {{ ip saddr counter }}
    }}
}}
"""


def script(router: IPv4Address, admits: Iterable[IPv4Address]) -> str:
    """The nft script of a target: count and drop all but the admitted sources and its router."""
    listed = ", ".join(map(str, admits))
    text = _SCRIPT.format(table=TABLE, router=router, admits=listed)
    return text if listed else text.replace("; elements = {  }", ";")


def packets(target: str, kind: str) -> dict[str, int]:
    """Packets so far by source, in the target's namespace; `kind` is admitted or wrong."""
    argv = ["nft", "-j", "list", "set", "ip", TABLE, kind]
    listing = json.loads(namespace.run(namespace.inside(target, argv)))
    found = next(item["set"] for item in listing["nftables"] if "set" in item)
    return {
        item["elem"]["val"]: item["elem"]["counter"]["packets"] for item in found.get("elem", [])
    }
