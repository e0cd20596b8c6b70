"""A packet that comes in by a link although nobody has sent it.

One end of a pair of links lies in a namespace without a name, which ends with the socket that sends
from it, and with it the pair. So nothing is left even if this process is killed.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from natgate.kernel.netlink import ROUTE, NetlinkError, NetlinkSocket
from natgate.kernel.netns import CLONE_NEWNET, apart
from natgate.model.error import RefusedError
from natgate.wire import redirect, rtnetlink
from natgate.wire.netlink import Message
from natgate.wire.redirect import INNER_MAC, OUTER_MAC
from natgate.wire.rtnetlink import Link

_HERE = Path("/proc/thread-self/ns/net")
_INNER = "probe"
_IPV4 = b"\x08\x00"
_SOL_PACKET, _QDISC_BYPASS = 263, 20
_NUMBERS = count()

_LACKING = (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.EPROTONOSUPPORT)


class Injector:
    """Sends IPv4 packets that the namespace of this thread takes for arrivals on a link."""

    def __init__(self, sender: socket.socket) -> None:
        self._sender = sender

    def send(self, packet: bytes) -> None:
        """Let it come in."""
        self._sender.send(OUTER_MAC + INNER_MAC + _IPV4 + packet)


def links_here() -> list[Link]:
    """Every link of the namespace of this thread."""
    with NetlinkSocket(ROUTE) as netlink:
        found = map(rtnetlink.parse_link, netlink.dump(rtnetlink.get_links()))
        return [link for link in found if link is not None]


@contextmanager
def injector(link: str) -> Iterator[Injector]:
    """Ready to send; RefusedError if the link is missing or down, or the kernel lacks a part."""
    target = next((each for each in links_here() if each.name == link), None)
    if target is None:
        raise RefusedError(f"there is no link {link} for the packet to come in by")
    if not target.up:
        raise RefusedError(f"link {link} is down: ip link set {link} up")
    if not target.carrier:
        raise RefusedError(
            f"link {link} has no carrier: a packet can come in by it when it has one"
        )
    name = redirect.name_of(os.getpid(), next(_NUMBERS))
    with ExitStack() as stack:
        netlink = stack.enter_context(NetlinkSocket(ROUTE))
        here = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, here)
        stack.callback(_remove, netlink, name)
        sender = apart(lambda: _pair(name, here))
        stack.callback(sender.close)
        outer = next(each for each in links_here() if each.name == name).index
        netlink.do(redirect.switch_on(outer), f"switching {name} on")
        _do(netlink, rtnetlink.add_clsact(outer), "sch_ingress", "CONFIG_NET_SCH_INGRESS")
        what = "cls_u32 or act_mirred", "CONFIG_NET_CLS_U32, CONFIG_NET_ACT_MIRRED"
        _do(netlink, redirect.redirect(outer, target.index), *what)
        yield Injector(sender)


def sweep() -> None:
    """Take away the links that processes left behind which are gone."""
    for link in links_here():
        process = redirect.process_of(link.name)
        if process is not None and not Path(f"/proc/{process}").exists():
            with NetlinkSocket(ROUTE) as netlink:
                _remove(netlink, link.name)


def _pair(name: str, namespace: int) -> socket.socket:
    """In a fresh namespace: the pair, and a socket on the end that stays there."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        raise RefusedError(f"a dry run needs a network namespace of its own: {reason}; run as root")
    with NetlinkSocket(ROUTE) as netlink:
        message = redirect.add_pair(_INNER, name, namespace)
        _do(netlink, message, "veth", "CONFIG_VETH")
        inner = next(each for each in links_here() if each.name == _INNER).index
        netlink.do(redirect.switch_on(inner), f"switching {_INNER} on")
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((_INNER, 0))
    # A queue starts some time after its link; nothing is queued for this one.
    sender.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
    return sender


def _do(netlink: NetlinkSocket, message: Message, module: str, option: str) -> None:
    try:
        netlink.do(message, f"a dry run with {module}")
    except NetlinkError as error:
        if error.code == errno.EPERM:
            raise RefusedError("a dry run needs CAP_NET_ADMIN: run as root") from None
        if error.code in _LACKING:
            raise RefusedError(
                f"a dry run needs {module} in the kernel ({option}): load the module"
            ) from None
        raise


def _remove(netlink: NetlinkSocket, name: str) -> None:
    for link in links_here():
        if link.name == name:
            message = redirect.delete_link(link.index)
            netlink.do(message, f"removing link {name}", allow=(errno.ENODEV,))
