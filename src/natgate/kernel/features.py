"""What this kernel and its tools can do, found out by doing it in a namespace of its own."""

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Network

from natgate.kernel import flows, sysctl
from natgate.kernel.links import Links
from natgate.kernel.netns import CLONE_NEWNET
from natgate.kernel.nftables import Nftables
from natgate.model.change import AddChain, AddRule, AddTable, AddTimeout, ChangeTable
from natgate.model.desired import Guard
from natgate.model.error import NatgateError
from natgate.model.table import Chain, Hook, Rule, Timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One thing that was tried."""

    name: str
    works: bool
    required: bool
    detail: str


def probe() -> tuple[Feature, ...]:
    """Everything natgate needs or can use; nothing on this host is changed."""
    results: list[tuple[Feature, ...]] = []
    thread = threading.Thread(target=lambda: results.append(_in_new_namespace()))
    thread.start()
    thread.join()
    return results[0]


def _in_new_namespace() -> tuple[Feature, ...]:
    """The thread's own namespace, which ends with it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        detail = f"cannot make a network namespace to try things in: {reason}; run as root"
        return (Feature(name="privilege", works=False, required=True, detail=detail),)
    return (
        _try("translation", _translate, "nftables with source translation and fully-random ports"),
        _try("idle time-outs", _idle, "conntrack time-out objects (CONFIG_NF_CONNTRACK_TIMEOUT)"),
        _try("egress guard", _guard, "clsact and classic BPF classifiers"),
        _try("flow table", _flows, "conntrack over netlink, filtered by status"),
        _try("owned table", _own, "flags owner and persist, kernel 6.9 or later", required=False),
    )


def _try(name: str, work: Callable[[], None], detail: str, *, required: bool = True) -> Feature:
    try:
        work()
    except NatgateError as error:
        reason = str(error).split("\n", 1)[0]
        return Feature(name=name, works=False, required=required, detail=reason)
    return Feature(name=name, works=True, required=required, detail=detail)


def _translate() -> None:
    hook = Hook(type="nat", hook="postrouting", priority=100)
    rule = Rule(text="meta l4proto { icmp, tcp, udp } snat to 192.0.2.1:1025-65535 fully-random")
    chain = Chain(name="postrouting", hook=hook)
    steps = (AddTable(), AddChain(chain=chain), AddRule(chain="postrouting", rule=rule))
    with closing(Nftables()) as nftables:
        nftables.change(ChangeTable(steps=steps))


def _idle() -> None:
    timeout = Timeout(name="idle", protocol="udp", policy={"unreplied": 2, "replied": 2})
    rule = Rule(text='ct timeout set "idle"')
    steps = (
        *(AddTable(), AddTimeout(timeout=timeout), AddChain(chain=Chain(name="new"))),
        AddRule(chain="new", rule=rule),
    )
    with closing(Nftables()) as nftables:
        nftables.change(ChangeTable(steps=steps))


def _own() -> None:
    with closing(Nftables()) as nftables:
        if not nftables.owner_works:
            raise NatgateError("this kernel cannot own tables: changes are repaired instead")


def _guard() -> None:

    guard = Guard(inside=(IPv4Network("192.0.2.0/24"),), internal=())
    with closing(Links()) as links:
        links.set_guard("lo", guard)


def _flows() -> None:
    if sysctl.read("net/netfilter/nf_conntrack_max") is None:
        raise NatgateError("no conntrack: load the module nf_conntrack")
    flows.end_untranslated((), ())
