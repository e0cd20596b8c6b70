"""conntrackd's configuration and its counters (conntrackd.conf(5), conntrackd(8), 1.4.7)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from natgate.model.error import BugError

QUEUE = 131072
"""Messages that may wait for the peer's confirmation."""

SOCKET_BUFFER = 16 * 1024 * 1024
NETLINK_BUFFER, NETLINK_BUFFER_MOST = 32 * 1024 * 1024, 256 * 1024 * 1024
"""At 4,000 new flows a second smaller ones overrun (research/ha-prototype.md section 4)."""

_LINK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}")
_PATH = re.compile(r"/[A-Za-z0-9/._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """One conntrackd and its one peer: `directory` holds its lock and control socket.

    Flows from or to `ignored` addresses are the nodes' own and are not sent. `limit` is how many
    flows the kernel keeps.
    """

    local: IPv4Address
    peer: IPv4Address
    link: str
    port: int
    directory: str
    ignored: tuple[IPv4Address, ...]
    limit: int


def render_conntrackd(pairing: Pairing) -> str:
    """The configuration: reliable (FTFW), straight into the peer's kernel, resynced on demand only.

    Not ICMP: conntrackd loses the translated id of an echo, so that its replica would leave with one
    that lies in no block; an echo after a failover is a new flow, and nothing is lost by it.

    Also after an overrun: conntrackd's own resync would send the peer's flows back to it as new.
    BugError for a link or directory whose name could be anything but one word.
    """
    if not _LINK.fullmatch(pairing.link) or not _PATH.fullmatch(pairing.directory):
        raise BugError(f"not to be written: link {pairing.link!r}, directory {pairing.directory!r}")
    ignored = "\n".join(f"\t\t\tIPv4_address {a}" for a in _ignored(pairing))
    return f"""\
Sync {{
	Mode FTFW {{
		ResendQueueSize {QUEUE}
		DisableExternalCache yes
		StartupResync no
	}}
	UDP {{
		IPv4_address {pairing.local}
		IPv4_Destination_Address {pairing.peer}
		Port {pairing.port}
		Interface {pairing.link}
		SndSocketBuffer {SOCKET_BUFFER}
		RcvSocketBuffer {SOCKET_BUFFER}
		Checksum yes
	}}
}}
General {{
	HashSize {max(8192, pairing.limit // 8)}
	HashLimit {2 * pairing.limit}
	LogFile no
	Syslog no
	LockFile {pairing.directory}/lock
	UNIX {{
		Path {pairing.directory}/control
	}}
	NetlinkBufferSize {NETLINK_BUFFER}
	NetlinkBufferSizeMaxGrowth {NETLINK_BUFFER_MOST}
	NetlinkOverrunResync no
	Filter From Userspace {{
		Protocol Accept {{
			TCP
			UDP
		}}
		Address Ignore {{
{ignored}
		}}
	}}
}}
"""


def _ignored(pairing: Pairing) -> Iterable[IPv4Address]:
    loopback = IPv4Address("127.0.0.1")
    return sorted({loopback, pairing.local, pairing.peer, *pairing.ignored})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What conntrackd counts: `flows` known here, `injected` from the peer, `failed` injections.

    `lost` are messages that never came, `malformed` those that were none. `behind`: messages that
    the peer has not confirmed yet, which is how far it lags. `overruns`: times that the kernel had
    more to tell than it could keep for conntrackd, so that some was never told.
    """

    flows: int = 0
    injected: int = 0
    failed: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    send_errors: int = 0
    lost: int = 0
    malformed: int = 0
    behind: int = 0
    overruns: int = 0


def parse_stats(text: str, queues: str = "", runtime: str = "") -> Stats:
    """The output of `conntrackd -s`, `-s queue` and `-s runtime`; ValueError for anything else."""
    inject = text.partition("external inject:")[2].partition("traffic processed:")[0]
    created = re.findall(r"connections (?:created|updated):\s*(\d+)\s*failed:\s*(\d+)", inject)
    if not created:
        raise ValueError("not what conntrackd -s prints")
    return Stats(
        flows=_number(r"current active connections:\s*(\d+)", text),
        injected=sum(int(done) for done, _ in created),
        failed=sum(int(failed) for _, failed in created),
        sent_bytes=_number(r"(\d+) Bytes sent", text),
        received_bytes=_number(r"(\d+) Bytes recv", text),
        send_errors=_number(r"(\d+) Error send", text),
        lost=_number(r"(\d+) Lost msgs", text),
        malformed=_number(r"(\d+) Malformed msgs", text),
        behind=sum(
            _number(rf"queue {queue}:\s*current elements:\s*(\d+)", queues)
            for queue in ("txqueue", "rsqueue")
        ),
        overruns=_number(r"netlink overrun:\s*(\d+)", runtime),
    )


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0
