"""The kernel says by itself when something of natgate's may have changed."""

import select
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from natgate.kernel.host import HostKernel
from natgate.kernel.notices import Notice, Notices
from natgate.model.change import AddChain, AddTable, ChangeTable, DeleteTable
from natgate.model.table import Chain
from tests.kernel_contract import bring
from tests.namespaces import execute, nft


@pytest.fixture
def notices(kernel: HostKernel) -> Iterator[Notices]:
    """What is announced to the process that has the kernel."""
    with closing(Notices(kernel.port)) as made:
        yield made


def announced(notices: Notices, seconds: float = 2.0) -> set[Notice]:
    """What is announced next; empty if nothing is."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select(notices.sockets, [], [], left)[0] and (found := notices.read()):
            return found
    return set()


def test_our_own_changes_are_not_announced(kernel: HostKernel, notices: Notices) -> None:
    """Neither scripts nor taking ownership wake the process that made them."""
    kernel.apply(ChangeTable(steps=(AddTable(owned=True), AddChain(chain=Chain(name="c")))))
    kernel.apply(ChangeTable(steps=(DeleteTable(),)))
    assert announced(notices, 0.05) == set()


@pytest.mark.parametrize(
    "script",
    [
        "flush ruleset",
        "delete table ip natgate",
        "add rule ip natgate c drop",
        "add element ip natgate s { 10.0.0.1 }",
        "add chain ip natgate d",
        "add table ip natgate { flags dormant; }",
    ],
)
def test_a_foreign_change_to_the_table_is_announced(
    kernel: HostKernel, notices: Notices, script: str
) -> None:
    """Whatever another process does to the table is told at once."""
    kernel.apply(ChangeTable(steps=(AddTable(),)))
    nft("add chain ip natgate c\nadd set ip natgate s { type ipv4_addr; }")
    assert announced(notices) == {Notice.TABLE}
    nft(script)
    assert announced(notices) == {Notice.TABLE}


def test_changes_to_other_tables_are_not_announced(kernel: HostKernel, notices: Notices) -> None:
    """What others do in tables of their own does not concern natgate."""
    kernel.apply(ChangeTable(steps=(AddTable(),)))
    nft("add table ip other\nadd chain ip other c\nadd rule ip other c drop\nadd table ip6 other")
    assert announced(notices, 0.05) == set()


@pytest.mark.parametrize(
    "command",
    [
        "sysctl -qw net.ipv4.ip_forward=0",
        "sysctl -qw net.ipv4.conf.all.rp_filter=1",
        "sysctl -qw net.ipv6.conf.all.forwarding=1",
        "sysctl -qw net.ipv6.conf.eth0.force_forwarding=1",
        "tc filter del dev eth0 egress",
        "tc qdisc del dev eth0 clsact",
        "ip link del eth0",
        "ip link add eth2 type veth peer name eth3",
    ],
)
def test_what_others_do_beside_the_table_is_announced(kernel: HostKernel, command: str) -> None:
    """Links, classifiers, forwarding and reverse-path checks are told as settings."""
    bring(kernel)
    with closing(Notices(kernel.port)) as notices:
        execute(*command.split())
        assert announced(notices) == {Notice.SETTINGS}
