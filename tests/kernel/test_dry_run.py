"""A dry run: the real rules say what becomes of a packet that goes nowhere."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from natgate.kernel.dry_run import dry_run
from natgate.kernel.trace_events import TraceEvents
from natgate.model.dry_run import DryRun
from natgate.model.error import RefusedError
from natgate.model.spec import Spec
from natgate.model.trace import Packet, Protocol
from natgate.plan import resolve
from tests.effort import FEW
from tests.kernel.net import CLIENTS, FIXED, ONE, PORT, TARGETS, Net, network, spec_of
from tests.kernel.test_entries import ADDRESSES, PACKETS, SERVE, specs
from tests.kernel.test_entries import spec_of as spec_of_every_kind
from tests.namespaces import execute

ROOT = Path(__file__).parents[2]
FOREIGN = (
    "add table ip nat\nadd chain ip nat POSTROUTING { type nat hook postrouting priority %s; }"
)


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Net]:
    """The same, for many specs one after the other."""
    with network() as made:
        yield made


def packet(
    source: str = CLIENTS[0],
    destination: str = TARGETS[0],
    protocol: Protocol = "udp",
    port: int | None = 443,
) -> Packet:
    """A packet of a new flow."""
    return Packet(
        protocol=protocol,
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        destination_port=None if protocol == "icmp" else port,
    )


def run(net: Net, what: Packet, link: str = "in") -> DryRun:
    """The dry run on the node."""
    return dry_run(what, link, Path(net.node.path))


def left(net: Net) -> str:
    """All that a dry run could have left on the node."""
    links = [line.split()[1] for line in net.node.run("ip -o link show").splitlines()]
    others = net.node.run(
        "nft list tables", "tc qdisc show", "tc filter show dev in ingress", "conntrack -L", "conntrack -C",
        "ip -4 route show table all",
    )  # fmt: skip
    return "\n".join((*links, others))


def foreign(net: Net, *rules: str, priority: str = "srcnat") -> None:
    """A table of somebody else's, made by hand."""
    with net.node.entered():
        script = "\n".join((FOREIGN % priority, *(f"add rule ip nat {rule}" for rule in rules)))
        subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


@pytest.mark.parametrize("protocol", ["icmp", "tcp", "udp"])
def test_the_rule_that_translates_is_named(net: Net, protocol: Protocol) -> None:
    """Entry, final source and link are those of a real packet; nobody gets anything."""
    net.bring(spec_of(ONE))
    before = left(net)
    found = run(net, packet(protocol=protocol))
    assert (found.end, found.link, found.entry) == ("postrouting", "out", "g/one")
    assert (str(found.after.source), str(found.after.destination)) == (FIXED, TARGETS[0])
    assert [step.verdict for step in found.steps][-1] == "accept"
    assert left(net) == before
    assert net.packets() == []


def test_a_packet_to_a_published_port_shows_the_host_it_reaches(net: Net) -> None:
    """Its destination is translated, and its source is kept."""
    net.bring(spec_of_every_kind(dnat=[SERVE]))
    found = run(net, packet(TARGETS[0], ADDRESSES[0], "tcp", 80), "out")
    assert (found.end, found.link, found.entry) == ("postrouting", "in", "g/web")
    assert (str(found.after.source), found.after.to_text) == (TARGETS[0], f"{CLIENTS[1]}:8080")


def test_a_hairpin_shows_both_translations(net: Net) -> None:
    """A host that asks its own gateway for another host is seen with the gateway's address."""
    net.bring(spec_of_every_kind(dnat=[SERVE]))
    found = run(net, packet(CLIENTS[0], ADDRESSES[0], "tcp", 80))
    assert [step.name for step in found.translations] == ["g/web", "hairpin"]
    assert (str(found.after.source), found.after.to_text) == (ADDRESSES[0], f"{CLIENTS[1]}:8080")
    assert found.link == "in"


def test_the_node_itself_is_an_end(net: Net) -> None:
    """An echo that the gateway answers ends at the node, and is not answered."""
    net.bring(spec_of_every_kind(dnat=[SERVE]))
    found = run(net, packet(TARGETS[0], ADDRESSES[0], "icmp"), "out")
    assert (found.end, [step.name for step in found.translations]) == ("input", ["echo reply"])
    assert net.packets() == []


def test_a_rule_that_drops_is_named(net: Net) -> None:
    """One of ours by its comment, a foreign one by its place, and a policy as such."""
    net.bring(spec_of(f"{{name: one, sources: [10.1.0.0/24], destinations: [{TARGETS[0]}/32]}}"))
    dropped = run(net, packet(destination=TARGETS[1]))
    assert (dropped.end, dropped.dropped_by and dropped.dropped_by.name) == ("dropped", "no entry")
    net.node.run(
        "nft add table inet fw",
        "nft add chain inet fw f { type filter hook forward priority 10 ; }",
        "nft add rule inet fw f udp dport 443 counter drop",
    )
    found = run(net, packet())
    assert found.dropped_by is not None
    assert found.dropped_by.name == f"table inet fw f handle {found.dropped_by.handle}"
    assert found.dropped_by.text == "udp dport 443 drop"
    net.node.run("nft flush chain inet fw f", "nft add chain inet fw f { policy drop ; }")
    closed = run(net, packet())
    assert closed.dropped_by is not None
    assert closed.dropped_by.name == "table inet fw f policy drop"


@pytest.mark.parametrize("reject", ["reject", "reject with icmp type admin-prohibited"])
@pytest.mark.parametrize("protocol", ["icmp", "tcp", "udp"])
def test_what_a_rule_answers_is_swallowed_too(net: Net, protocol: Protocol, reject: str) -> None:
    """The client, who sent nothing, gets no reset and no ICMP error."""
    net.bring(spec_of(ONE))
    net.node.run(
        "nft add table inet fw",
        "nft add chain inet fw f { type filter hook forward priority 10 ; }",
        f"nft add rule inet fw f {'meta l4proto tcp ' if protocol == 'tcp' else ''}{reject}",
    )
    before = _sent(net)
    found = run(net, packet(protocol=protocol))
    assert found.dropped_by is not None
    assert "reject" in found.dropped_by.text
    assert _sent(net) == before


def _sent(net: Net) -> int:
    """IPv4 packets that the node has sent, those its rules discarded left out."""
    counts = net.client.run("nstat -asz IpExtInOctets IpInReceives").split()
    return int(counts[counts.index("IpInReceives") + 1])


def test_a_packet_that_is_lost_is_explained(net: Net) -> None:
    """Forwarding off, no route, a wrong way back, and a classifier before all rules."""
    net.bring(spec_of_every_kind(snat=[{"name": "all", "network": True}]))
    reasons = []
    away = packet(destination="198.51.100.9")
    before = _sent(net)
    reasons.append(run(net, away).reason)
    net.node.run("sysctl -qw net.ipv4.conf.in.forwarding=0")
    reasons.append(run(net, packet()).reason)
    net.node.run("sysctl -qw net.ipv4.conf.in.forwarding=1 net.ipv4.conf.in.rp_filter=1")
    reasons.append(run(net, packet(TARGETS[1])).reason)
    net.node.run(
        "nft add table netdev early",
        "nft add chain netdev early i { type filter hook ingress device in priority 0 ; policy drop ; }",
    )
    reasons.append(run(net, packet()).reason)
    assert _sent(net) == before
    assert reasons == [
        "there is no route to 198.51.100.9",
        "in does not forward: sysctl -w net.ipv4.ip_forward=1",
        f"the route to {TARGETS[0]} is a blackhole, or {TARGETS[1]} may not come in by in (rp_filter)",
        "it was taken on in before the first rule: by a classifier or a netdev chain",
    ]


def test_a_foreign_masquerade_before_ours_is_named(net: Net) -> None:
    """It translates instead of our entry; its place and its text say which one it is."""
    net.bring(spec_of(ONE))
    foreign(net, 'POSTROUTING oifname "out" counter masquerade', priority="-160")
    found = run(net, packet())
    (step,) = found.translations
    assert (str(found.after.source), found.entry) == ("203.0.113.1", None)
    assert step.name == f"table ip nat POSTROUTING handle {step.handle}"
    assert step.text == 'oifname "out" masquerade'


def test_a_foreign_masquerade_after_ours_takes_what_ours_leaves(net: Net) -> None:
    """What our entry translates it never sees."""
    net.bring(spec_of(f"{{name: one, sources: [10.1.0.0/24], destinations: [{TARGETS[0]}/32]}}"))
    foreign(net, 'POSTROUTING oifname "out" masquerade comment "by hand"', priority="200")
    assert run(net, packet()).entry == "g/one"
    others = run(net, packet("192.168.7.7", TARGETS[1]))
    assert [step.name for step in others.translations] == ["by hand"]


def test_a_packet_of_an_existing_flow_is_told_from_a_new_one(net: Net) -> None:
    """Its flow, and no rule, translates it."""
    net.bring(spec_of(ONE))
    flow = net.udp(CLIENTS[0])
    net.send(CLIENTS[0], TARGETS[0], flow)
    source = net.arrival().port
    what = replace(packet(port=PORT), source_port=flow.getsockname()[1])
    found = run(net, what)
    assert (found.end, str(found.after.source), found.after.source_port) == (
        *("postrouting", FIXED, source),
    )
    assert found.entry is None
    assert "belongs to a flow that exists already" in str(found.reason)
    assert net.packets() == []


def test_the_traces_of_others_do_not_matter(net: Net) -> None:
    """Whoever traces every packet meanwhile sees ours, and we see ours only."""
    net.bring(spec_of(ONE))
    net.node.run(
        "nft add table ip debug",
        "nft add chain ip debug c { type filter hook prerouting priority -350 ; }",
        "nft add rule ip debug c meta nftrace set 1",
    )
    ended = threading.Event()
    flows = [net.udp(CLIENTS[1]) for _ in range(20)]

    def others() -> None:
        while not ended.is_set():
            for flow in flows:
                net.send(CLIENTS[1], TARGETS[1], flow)
            ended.wait(0.001)

    work = threading.Thread(target=others)
    work.start()
    try:
        for _ in range(5):
            found = run(net, packet())
            assert (found.end, found.entry) == ("postrouting", "g/one")
            assert {str(step.before.source) for step in found.steps} == {CLIENTS[0]}
    finally:
        ended.set()
        work.join()


def test_an_overrun_of_the_trace_is_noticed(net: Net) -> None:
    """More events than fit into the buffer are counted as such, and nothing fails."""
    net.bring(spec_of(ONE))
    net.node.run(
        "nft add table ip debug",
        "nft add chain ip debug c { type filter hook prerouting priority -350 ; }",
        "nft add rule ip debug c meta nftrace set 1",
    )
    with closing(TraceEvents(Path(net.node.path))) as events:
        flow = net.udp(CLIENTS[0])
        for _ in range(12_000):
            net.send(CLIENTS[0], TARGETS[0], flow)
        events.deadline = time.monotonic() + 0.5
        seen = {event.chain for event in events}
    assert "postrouting" not in seen or "forward" in seen
    assert events.overruns > 0


UNPRIVILEGED = """
import sys
from ipaddress import IPv4Address
from pathlib import Path
from natgate.kernel.capture import capture
from natgate.kernel.dry_run import dry_run
from natgate.kernel.trace_events import TraceEvents
from natgate.model.error import RefusedError
from natgate.model.trace import Packet
ends = {"source": IPv4Address("10.1.0.10"), "destination": IPv4Address("203.0.113.20")}
for what in (lambda: dry_run(Packet(protocol="icmp", **ends), "in"), lambda: capture(Path("f"))):
    try:
        what()
    except RefusedError as error:
        print(error)
"""


def test_without_privilege_the_way_out_is_said(net: Net) -> None:
    """One sentence, for a dry run as for a capture."""
    drop = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--regid=65534")
    with net.node.entered():
        told = execute(*drop, "--clear-groups", sys.executable, "-c", UNPRIVILEGED)
    assert told.splitlines() == [
        "tracing rules needs CAP_NET_ADMIN: run as root",
        "capturing packets needs CAP_NET_RAW: run as root",
    ]


def test_dry_runs_leave_nothing_and_the_agent_sees_nothing(net: Net) -> None:
    """Fifty of them, after each of which the node holds what it did and its keeper finds no drift."""
    spec = spec_of(ONE)
    net.bring(spec)
    before = left(net)
    for _ in range(50):
        assert run(net, packet()).entry == "g/one"
        assert left(net) == before
    assert net.packets() == []
    with net.node.entered():
        assert net.keeper.bring(spec).changes == ()


HELD = """
import sys
from ipaddress import IPv4Address
from natgate.kernel.dry_run import prepared
from natgate.model.trace import Packet
from natgate.wire.probe import Probe
ends = {"source": IPv4Address("10.1.0.10"), "destination": IPv4Address("203.0.113.20")}
packet = Packet(protocol="udp", **ends, source_port=1, destination_port=2)
with prepared(Probe(packet=packet, token=1, mark=1), "in"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def held(net: Net) -> "subprocess.Popen[str]":
    """Another process in the midst of a dry run."""
    with net.node.entered():
        process = subprocess.Popen(
            [sys.executable, "-c", HELD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    net.open.callback(process.wait)
    net.open.callback(process.kill)
    assert process.stdout is not None
    net.open.callback(process.stdout.close)
    assert process.stdin is not None
    net.open.callback(process.stdin.close)
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_agent_does_not_take_a_dry_run_for_drift(net: Net) -> None:
    """While its table, link and classifier are there, the keeper changes nothing."""
    spec = spec_of(ONE)
    net.bring(spec)
    held(net)
    assert "ngdry" in left(net)
    with net.node.entered():
        assert net.keeper.bring(spec).changes == ()
    assert run(net, packet()).entry == "g/one"


def test_nothing_is_left_of_a_process_that_was_killed(net: Net) -> None:
    """Table, link and classifier end with the process that made them."""
    net.bring(spec_of(ONE))
    before = left(net)
    process = held(net)
    assert left(net) != before
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    net.until(lambda: left(net) == before)


def test_leftovers_of_processes_that_are_gone_are_swept(net: Net) -> None:
    """A kernel without owned tables keeps them until the next dry run; those of others stay."""
    net.bring(spec_of(ONE))
    before = left(net)
    gone = 4194304  # no process has this number
    net.node.run(
        f"nft add table ip natgate-dry-{gone}-0",
        f"ip link add ngdry{gone:07x}00 type veth peer name other",
    )
    run(net, packet())
    assert left(net) == before
    net.node.run(
        f"nft add table ip natgate-dry-{os.getpid()}-x",
        "ip link add ngdryer type veth peer name other",
    )
    run(net, packet())
    assert "ngdryer" in left(net)


def test_an_exception_in_the_midst_leaves_nothing(net: Net) -> None:
    """Whatever happens between, all is taken away."""
    net.bring(spec_of(ONE))
    before = left(net)
    with pytest.raises(RefusedError, match="there is no link nothing"):
        run(net, packet(), "nothing")
    net.node.run("ip link add quiet type veth peer name other")
    with pytest.raises(RefusedError, match="link quiet is down: ip link set quiet up"):
        run(net, packet(), "quiet")
    net.node.run("ip link set quiet up")
    with pytest.raises(RefusedError, match="link quiet has no carrier"):
        run(net, packet(), "quiet")
    net.node.run("ip link del quiet")
    with pytest.raises(RefusedError, match="needs a destination port"):
        run(net, replace(packet(), destination_port=None))
    assert left(net) == before


def traced(asked: resolve.Packet) -> Packet:
    """The same packet in the words of a trace."""
    protocol: Any = asked.protocol
    return Packet(
        protocol=protocol,
        source=asked.source,
        destination=asked.destination,
        destination_port=asked.port,
    )


@settings(
    FEW,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(spec=specs(), packets=st.lists(PACKETS, min_size=5, max_size=10))
def test_the_entry_is_the_one_that_the_spec_gives(
    shared: Net, spec: Spec, packets: list[resolve.Packet]
) -> None:
    """For any entries and packets a dry run names the entry, the source and the host of `resolve`."""
    shared.bring(spec)
    for asked in packets:
        answer = resolve.resolve(spec, "node-a", asked)
        link = "in" if str(asked.source) in CLIENTS else "out"
        found = run(shared, traced(asked), link)
        assert (found.entry or "") == answer.entry, (asked, answer, found)
        if answer.kind == "dropped":
            assert found.end != "postrouting", (asked, found)
        elif answer.entry:
            assert found.end == "postrouting", (asked, found)
            assert found.after.source in answer.sources, (asked, answer, found)
            to = answer.destination or (asked.destination, asked.port)
            assert (found.after.destination, found.after.destination_port) == to
    assert shared.packets() == []
