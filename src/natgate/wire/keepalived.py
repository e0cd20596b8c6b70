"""The configuration of keepalived for one node (keepalived.conf(5), version 2.2).

What it reports is not read: who is active is seen from the addresses on the link and from the
adverts of the others, which hold whatever became of the daemon.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from natgate.model.error import RefusedError

PRIORITY = 100
"""The same on every node: a backup does not relieve a master of its own priority."""

HIGHEST_RANK = 254 - PRIORITY
"""255 is for the router whose own address it is (RFC 5798, section 5.2.4)."""

CONFIGURATION, RANK, WITHDRAWN = "keepalived.conf", "rank", "withdrawn"
"""Names in the daemon's directory. The number in `rank` is added to the priority; anything but 0 in
`withdrawn` takes the node out of the election at once."""

_PATH = re.compile(r"/[A-Za-z0-9._/-]{0,200}")
_LINK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")

_TEXT = """\
global_defs {{
    router_id natgate
    vrrp_version 3
    vrrp_check_unicast_src
    vrrp_garp_master_delay 1
    vrrp_garp_master_repeat 3
    vrrp_higher_prio_send_advert true
    vrrp_rt_priority 1
    vrrp_rlimit_rttime 200000
}}
track_file {rank} {{
    file "{directory}/{rank}"
    weight 1
}}
track_file {withdrawn} {{
    file "{directory}/{withdrawn}"
    weight 0
}}
vrrp_instance natgate {{
    state BACKUP
    interface {interface}
    unicast_src_ip {address}
    unicast_fault_no_peer
    unicast_peer {{
{peers}
    }}
    virtual_router_id {router_id}
    priority {priority}
    advert_int {interval}
    track_file {{
        {rank}
        {withdrawn}
    }}
    virtual_ipaddress {{
{advertised}
    }}
    virtual_ipaddress_excluded {{
{silent}
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One node's part in moving the addresses; the interval is in seconds."""

    directory: str
    interface: str
    fixed_interface: str
    address: IPv4Address
    peers: tuple[IPv4Address, ...]
    router_id: int
    interval: float
    inside: tuple[IPv4Address, ...]
    fixed: tuple[IPv4Address, ...]


def render_keepalived(instance: Instance) -> str:
    """The configuration file; RefusedError if a name could be read as anything else.

    Only the first inside address is in the adverts: a router refuses adverts whose addresses differ
    from its own, and both would be active while a new spec is on one node only.
    Addresses are /32: the route to the segment is that of the node's own address.
    """
    if not _PATH.fullmatch(instance.directory):
        raise RefusedError(
            f"keepalived cannot work in {instance.directory}: use a state directory whose path has "
            "letters, digits and ._- only"
        )
    for link in (instance.interface, instance.fixed_interface):
        if not _LINK.fullmatch(link):
            raise RefusedError(f"{link!r} cannot be the name of a link")
    inside = [_on(address, instance.interface) for address in instance.inside]
    fixed = [_on(address, instance.fixed_interface) for address in instance.fixed]
    return _TEXT.format(
        directory=instance.directory,
        rank=RANK,
        withdrawn=WITHDRAWN,
        interface=instance.interface,
        address=instance.address,
        peers=_indented(f"{peer} min_ttl 255" for peer in instance.peers),
        router_id=instance.router_id,
        priority=PRIORITY,
        interval=f"{instance.interval:.2f}",
        advertised=inside[0],
        silent="\n".join((*inside[1:], *fixed)),
    )


def _on(address: IPv4Address, link: str) -> str:
    return f"        {address}/32 dev {link}"


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)
