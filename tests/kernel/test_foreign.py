"""What others make beside natgate stays; what they make inside its table goes."""

import shlex

import pytest

from natgate.agent.keeper import Keeper
from natgate.kernel.host import HostKernel
from natgate.model.spec import Spec
from natgate.store.fake import FakeStore
from natgate.wire.config import parse_spec
from tests.namespaces import execute, nft
from tests.specs import spec_with

SPEC = parse_spec(spec_with(("heartbeat:", 'host: {ownership: "off"}\nheartbeat:')))
FOREIGN_FILTER = (
    "tc filter add dev eth0 egress pref 7 protocol ip bpf da bytecode '1,6 0 0 4294967295'"
)


def keeper(kernel: HostKernel) -> Keeper:
    """One node's keeper, which remembers in memory."""
    return Keeper(node="node-a", kernel=kernel, store=FakeStore())


def world() -> str:
    """All that natgate could have changed, as other programs see it."""
    return "\n".join(
        (
            execute("nft", "list", "ruleset"),
            execute("tc", "qdisc", "show"),
            execute("tc", "filter", "show", "dev", "eth0", "egress"),
            execute("tc", "filter", "show", "dev", "eth1", "egress"),
            execute("ip", "route", "show", "table", "all", "type", "blackhole"),
            execute(
                "sh",
                "-c",
                "cd /proc/sys/net && grep -r . ipv4/ip_forward ipv4/conf/*/forwarding ipv4/conf/*/rp_filter "
                "ipv4/conf/*/send_redirects netfilter/nf_conntrack_tcp_*",
            ),
        )
    )


BEFORE = {
    "nothing": (),
    "other tables": ("nft add table ip filter", "nft add table inet natgate"),
    "other settings": (
        "sysctl -qw net.ipv4.ip_forward=1",
        "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth1.send_redirects=0",
    ),
    "one link forwards": ("sysctl -qw net.ipv4.conf.eth0.forwarding=1",),
    "one link does not forward": (
        "sysctl -qw net.ipv4.ip_forward=1",
        "sysctl -qw net.ipv4.conf.eth0.forwarding=0",
    ),
    "other hooks": ("tc qdisc add dev eth0 clsact",),
    "other classifiers": ("tc qdisc add dev eth0 clsact", FOREIGN_FILTER),
    "other routes": (
        "ip route add blackhole 192.0.2.0/24",
        "ip route add blackhole 10.10.0.0/16 proto static",
    ),
}


@pytest.mark.parametrize("commands", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("spec", [SPEC, parse_spec(spec_with())], ids=["plain", "owned"])
def test_remove_leaves_the_machine_as_it_was(
    kernel: HostKernel, spec: Spec, commands: tuple[str, ...]
) -> None:
    """After bring and remove, tables, hooks, classifiers, routes and settings are those of before."""
    for command in commands:
        execute(*shlex.split(command))
    before = world()
    kept = keeper(kernel)
    assert kept.bring(spec).error is None
    assert world() != before
    kept.remove()
    assert world() == before


def test_classifiers_that_came_later_keep_their_hooks(kernel: HostKernel) -> None:
    """Hooks that natgate made stay if others have come to use them."""
    kept = keeper(kernel)
    kept.bring(SPEC)
    execute(*shlex.split(FOREIGN_FILTER))
    kept.remove()
    assert "clsact" in execute("tc", "qdisc", "show", "dev", "eth0")
    assert "pref 7" in execute("tc", "filter", "show", "dev", "eth0", "egress")
    assert "clsact" not in execute("tc", "qdisc", "show", "dev", "eth1")


def test_other_tables_are_left_alone(kernel: HostKernel) -> None:
    """Applying and repairing touch natgate's own table only."""
    nft(
        "add table ip mine\nadd chain ip mine c { type nat hook postrouting priority 99; }\n"
        "add rule ip mine c counter\nadd table ip6 natgate\nadd table bridge natgate"
    )
    listings = ("ip mine", "ip6 natgate", "bridge natgate")
    before = [execute("nft", "-a", "list", "table", *name.split()) for name in listings]
    kept = keeper(kernel)
    kept.bring(SPEC)
    nft("delete table ip natgate")
    assert kept.bring(SPEC).error is None
    assert [execute("nft", "-a", "list", "table", *name.split()) for name in listings] == before


DISTURBED = {
    "an element with a comment": 'add element ip natgate inside { 10.9.9.9 comment "mine" }',
    "a prefix that is ours, with a comment": (
        "delete element ip natgate inside { 10.10.0.0/28 }\n"
        'add element ip natgate inside { 10.10.0.0/28 comment "mine" }'
    ),
    "a map element with a comment": 'add element ip natgate snat28 { 10.9.9.0 comment "x" : drop }',
    "a range in a set of prefixes": "add element ip natgate inside { 10.9.9.9-10.9.9.77 }",
    "a rule in front of ours": "insert rule ip natgate postrouting accept",
    "a rule with what natgate never writes": (
        'insert rule ip natgate forward meta mark 7 ct mark 3 log prefix "x" limit rate 1/second accept'
    ),
    "a quota and its rule": (
        'add quota ip natgate q { 25 mbytes }\nadd rule ip natgate forward quota name "q" drop'
    ),
    "a limit": "add limit ip natgate l { rate 5/second }\nadd rule ip natgate forward limit name l drop",
    "a timeout policy": (
        "add ct timeout ip natgate t { protocol tcp; policy = { established: 120 }; }"
    ),
    "a helper": 'add ct helper ip natgate h { type "ftp" protocol tcp; }',
    "a synproxy": "add synproxy ip natgate s { mss 1460; wscale 7; }",
    "a set with time-outs": (
        "add set ip natgate temporary { type ipv4_addr; flags timeout; timeout 1h; }\n"
        "add element ip natgate temporary { 10.9.9.9 timeout 10m }"
    ),
    "a set that rules fill": (
        "add set ip natgate seen { type ipv4_addr; flags dynamic; size 99; }\n"
        "add rule ip natgate forward add @seen { ip saddr }"
    ),
    "a map of counters": (
        "add counter ip natgate c\n"
        "add map ip natgate m { type ipv4_addr : counter; }\n"
        'add element ip natgate m { 10.9.9.9 : "c" }\n'
        "add rule ip natgate forward counter name ip saddr map @m"
    ),
    "a named set in one of our rules": (
        "add set ip natgate z { type inet_service; flags interval; }\n"
        "add element ip natgate z { 1-1023 }\n"
        "add rule ip natgate forward tcp dport @z accept"
    ),
    "a base chain of its own": (
        "add chain ip natgate z { type filter hook output priority -10; policy drop; }"
    ),
    "chains that jump to each other": (
        "add chain ip natgate x\nadd chain ip natgate y\n"
        "add rule ip natgate x jump y\nadd rule ip natgate forward jump x"
    ),
    "another policy": "add chain ip natgate forward { policy drop; }",
    "everything flushed": "flush table ip natgate",
    "another owner's flags": "add table ip natgate { flags dormant; }",
}


@pytest.mark.parametrize("script", DISTURBED.values(), ids=DISTURBED)
def test_what_others_do_to_the_table_is_put_right(kernel: HostKernel, script: str) -> None:
    """Whatever nft can put into natgate's table, one turn takes it out again."""
    kept = keeper(kernel)
    assert kept.bring(SPEC).error is None
    nft(script)
    assert kept.bring(SPEC).error is None
    assert kept.plan(SPEC)[2] == ()


SETTINGS = [
    "sysctl -qw net.ipv4.ip_forward=0",
    "sysctl -qw net.ipv4.conf.all.rp_filter=1",
    "sysctl -qw net.ipv4.conf.eth0.send_redirects=1",
    "sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1",
    "tc qdisc del dev eth0 clsact",
    "tc filter del dev eth0 egress",
    "tc filter replace dev eth0 egress pref 1 handle 0x4e47 bpf da bytecode '1,6 0 0 4294967295'",
    "ip route flush proto 78",
    "ip link del eth0",
    "ip link add eth2 type veth peer name eth3",
]


@pytest.mark.parametrize("command", SETTINGS)
def test_what_others_do_beside_the_table_is_put_right(kernel: HostKernel, command: str) -> None:
    """Settings, guards and routes come back, and links that come or go are followed."""
    kept = keeper(kernel)
    assert kept.bring(SPEC).error is None
    execute(*shlex.split(command))
    assert kept.bring(SPEC).error is None
    assert kept.plan(SPEC)[2] == ()


def test_a_script_that_fails_changes_nothing(kernel: HostKernel) -> None:
    """A table that nobody can bring about is refused, and the old one stays in force."""
    kept = keeper(kernel)
    assert kept.bring(SPEC).error is None
    rules = execute("nft", "list", "ruleset")
    text = spec_with(("heartbeat:", 'host: {ownership: "off"}\nheartbeat:'), ("to-partner", "x"))
    other = parse_spec(text)
    names = {"x": "y" * 400}
    entry = other.gateways[0].snat[0].model_copy(update={"name": names["x"]})
    gateway = other.gateways[0].model_copy(update={"snat": (entry,)})
    done = kept.bring(other.model_copy(update={"gateways": (gateway,)}))
    assert done.error is not None
    assert execute("nft", "list", "ruleset") == rules
