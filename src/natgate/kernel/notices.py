"""What the kernel says by itself when something of ours may have changed."""

import socket
from enum import Enum

from natgate.kernel.netlink import NETFILTER, ROUTE, listener
from natgate.wire.netlink import parse_messages
from natgate.wire.nfnetlink import touches_table

NFTABLES_GROUP = 7
LINK_GROUP, TC_GROUP, IPV4_NETCONF_GROUP, IPV6_NETCONF_GROUP = 1, 4, 24, 25
_SETTINGS_GROUPS = (LINK_GROUP, TC_GROUP, IPV4_NETCONF_GROUP, IPV6_NETCONF_GROUP)
_BUFFER = 1 << 20


class Notice(Enum):
    """What may have changed; a look at the kernel tells."""

    TABLE = "nftables rules"
    SETTINGS = "links, settings or classifiers"


class Notices:
    """Two sockets to wait on; `read` says what they announced.

    `own_port`: the netlink port whose changes to the table are our own and are not announced.
    """

    def __init__(self, own_port: int) -> None:
        self._own_port = own_port
        self._table = listener(NETFILTER, (NFTABLES_GROUP,), buffer=8 * _BUFFER)
        self._settings = listener(ROUTE, _SETTINGS_GROUPS, buffer=8 * _BUFFER)

    @property
    def sockets(self) -> tuple[socket.socket, socket.socket]:
        """The sockets that become readable."""
        return self._table, self._settings

    def read(self) -> set[Notice]:
        """Take in all that is waiting; an overrun counts as a change."""
        found: set[Notice] = set()
        for data in _waiting(self._table):
            messages = parse_messages(data) if data is not None else ()
            if data is None or any(
                touches_table(message) and message.port != self._own_port for message in messages
            ):
                found.add(Notice.TABLE)
        for _ in _waiting(self._settings):
            found.add(Notice.SETTINGS)
        return found

    def close(self) -> None:
        """Stop listening."""
        self._table.close()
        self._settings.close()


def _waiting(listening: socket.socket) -> list[bytes | None]:
    """Every datagram that waits, None for an overrun."""
    found: list[bytes | None] = []
    while True:
        try:
            found.append(listening.recv(_BUFFER))
        except BlockingIOError:
            return found
        except OSError:
            found.append(None)
