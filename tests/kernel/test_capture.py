"""A capture of real translated packets, read by other programs."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from natgate.kernel.capture import NO_FLOW, Limits, Result, Wanted, capture
from natgate.model.error import HostError, RefusedError
from natgate.model.open_flow import OpenFlow
from tests.kernel.net import CLIENTS, FIXED, ONE, PORT, TARGETS, Net, network, spec_of
from tests.namespaces import execute

FIELDS = (
    "frame.interface_name",
    "ip.src",
    "ip.dst",
    "frame.packet_flags_direction",
    "frame.comment",
)
NATGATE = [sys.executable, "-m", "natgate"]


@pytest.fixture
def net() -> Iterator[Net]:
    """Client, node and target."""
    with network() as made:
        made.bring(spec_of(ONE))
        yield made


def rows(file: Path, *fields: str) -> list[list[str]]:
    """What tshark reads of each packet."""
    options = [word for name in fields or FIELDS for word in ("-e", name)]
    told = execute("tshark", "-r", str(file), "-T", "fields", "-E", "separator=|", *options)
    return [line.split("|") for line in told.splitlines()]


def exchange(net: Net, source: str = CLIENTS[0], target: str = TARGETS[0]) -> None:
    """A question and its answer over UDP."""
    with net.target.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((target, 7000))
        server.settimeout(3)
        asker = net.udp(source)
        asker.settimeout(3)
        asker.sendto(b"question", (target, 7000))
        _, seen = server.recvfrom(99)
        server.sendto(b"answer", seen)
        assert asker.recv(99) == b"answer"


def taken(
    net: Net,
    file: Path,
    wanted: Wanted | None = None,
    limits: Limits | None = None,
    links: tuple[str, ...] = (),
    *,
    force: bool = False,
) -> Result:
    """A capture during which two hosts each exchange packets with a target of their own."""
    begun = iter([False])

    def stopped() -> bool:
        """Called first when packets are being captured, and then until the limit is reached."""
        if next(begun, True):
            return True
        for client, target in zip(CLIENTS, TARGETS[:2], strict=False):
            exchange(net, client, target)
        return False

    def entry_of(flow: OpenFlow) -> str:
        return "g/one" if flow.kind == "snat" else ""

    with net.node.entered():
        return capture(
            file,
            links,
            wanted=wanted,
            limits=limits,
            entry_of=entry_of,
            stopped=stopped,
            force=force,
        )


def test_a_packet_is_there_before_and_after_its_translation(net: Net, tmp_path: Path) -> None:
    """Each with its interface, its direction, its time, and the entry that translates it."""
    file = tmp_path / "net.pcapng"
    result = taken(net, file, Wanted(client=IPv4Address(CLIENTS[0])))
    found = rows(file)
    to, client = TARGETS[0], CLIENTS[0]
    assert [row[:4] for row in found] == [
        ["in before", client, to, "0x00000001"],
        ["out after", FIXED, to, "0x00000002"],
        ["out before", to, FIXED, "0x00000001"],
        ["in after", to, client, "0x00000002"],
    ]
    comments = {row[4] for row in found}
    (comment,) = comments
    assert comment.startswith(f"g/one: {client}:")
    assert f" -> {to}:7000 becomes {FIXED}:" in comment
    times = [row[0] for row in rows(file, "frame.time_epoch")]
    assert times == sorted(times)
    assert len(times[0].partition(".")[2]) == 9
    assert (result.packets, result.dropped, result.links) == (4, 0, ("in", "out"))


def test_any_address_of_a_flow_finds_its_packets(net: Net, tmp_path: Path) -> None:
    """By its translated source, by its target, by a port; and both addresses must be of one flow."""
    chosen = {
        "all": (Wanted(), 8),
        "fixed": (Wanted(client=IPv4Address(FIXED)), 8),
        "to": (Wanted(to=IPv4Address(TARGETS[1])), 4),
        "port": (Wanted(port=7000), 8),
        "other-port": (Wanted(port=7001), 0),
        "pair": (Wanted(client=IPv4Address(CLIENTS[0]), to=IPv4Address(TARGETS[1])), 0),
    }
    for name, (wanted, packets) in chosen.items():
        file = tmp_path / name
        assert taken(net, file, wanted).packets == packets, name
        assert len(rows(file)) == packets


def test_an_error_belongs_to_the_flow_that_it_complains_about(net: Net, tmp_path: Path) -> None:
    """An unreachable port is told to the client, and both sides of the message are there."""
    file, once = tmp_path / "net.pcapng", iter([False])

    def stopped() -> bool:
        if next(once, True):
            return True
        flow = net.udp(CLIENTS[0])
        flow.connect((TARGETS[0], 9))
        flow.settimeout(3)
        flow.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            flow.recv(9)
        return False

    with net.node.entered():
        capture(file, wanted=Wanted(client=IPv4Address(CLIENTS[0])), stopped=stopped)
    found = rows(file, "frame.interface_name", "icmp.type")
    assert found[2:] == [["out before", "3"], ["in after", "3"]]


def test_a_dropped_packet_is_there_before_only(net: Net, tmp_path: Path) -> None:
    """It has no flow, and its comment says so."""
    net.bring(spec_of(f"{{name: one, sources: [10.1.0.0/24], destinations: [{TARGETS[0]}/32]}}"))
    file, once = tmp_path / "net.pcapng", iter([False])

    def stopped() -> bool:
        if next(once, True):
            return True
        net.send(CLIENTS[0], TARGETS[1])
        return False

    with net.node.entered():
        capture(file, stopped=stopped)
    assert [(row[0], row[4]) for row in rows(file)] == [("in before", NO_FLOW)]


@pytest.mark.parametrize(
    ("limits", "ended"),
    [
        (Limits(count=3), "count"),
        (Limits(size=1500), "size"),
        (Limits(seconds=0.2), "seconds"),
        (Limits(), "stopped"),
    ],
)
def test_a_limit_ends_it(net: Net, tmp_path: Path, limits: Limits, ended: str) -> None:
    """Whichever comes first; the file is whole, has its counts, and is for its owner only."""
    file = tmp_path / "net.pcapng"
    once = iter([False])

    def stopped() -> bool:
        if next(once, True):
            return ended == "stopped"
        exchange(net)
        exchange(net)
        return False

    with net.node.entered():
        result = capture(file, limits=limits, stopped=stopped)
    assert result.ended == ended
    assert len(rows(file)) == result.packets
    assert result.packets <= limits.count
    assert result.size == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = execute("capinfos", "-M", str(file))
    assert told.count("Number of stat entries = 1") == 4
    assert "Time precision = nanoseconds (9)" in told


def test_packets_are_cut_off_and_keep_their_length(net: Net, tmp_path: Path) -> None:
    """What was cut off is not there, and how long the packet was is."""
    file = tmp_path / "net.pcapng"
    taken(net, file, limits=Limits(snaplen=64))
    with net.client.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.bind((CLIENTS[0], 0))
        once = iter([False])

        def stopped() -> bool:
            if next(once, True):
                return True
            flow.sendto(bytes(1000), (TARGETS[0], 7000))
            return False

        with net.node.entered():
            capture(file, limits=Limits(snaplen=64), stopped=stopped, force=True)
    assert rows(file, "frame.cap_len", "frame.len")[0] == ["64", "1042"]


def test_a_file_is_not_overwritten_unless_asked(net: Net, tmp_path: Path) -> None:
    """A link beside it is not followed either, and a place that is none is named."""
    file, other = tmp_path / "net.pcapng", tmp_path / "other"
    other.write_text("mine")
    file.symlink_to(other)
    with net.node.entered(), pytest.raises(RefusedError, match="exists: choose another name"):
        capture(file)
    assert taken(net, file, force=True).packets == 8
    assert other.read_text() == "mine"
    with net.node.entered(), pytest.raises(RefusedError, match=r"cannot make .*: No such file"):
        capture(tmp_path / "nowhere" / "file")
    with net.node.entered(), pytest.raises(RefusedError, match="there is no link nothing; there"):
        capture(tmp_path / "none", ("nothing",))
    assert not (tmp_path / "none").exists()


def test_a_link_that_goes_away_ends_nothing(net: Net, tmp_path: Path) -> None:
    """What the others carry is still captured, and the file is whole."""
    net.node.run("ip link add gone type veth peer name other", "ip link set gone up")
    file, turns = tmp_path / "net.pcapng", iter(range(4))

    def stopped() -> bool:
        turn = next(turns, None)
        if turn == 0:
            net.node.run("ip link del gone")
        elif turn == 1:
            exchange(net)
        return turn is None

    with net.node.entered():
        result = capture(file, wanted=Wanted(port=7000), stopped=stopped)
    assert (result.packets, result.links) == (4, ("in", "out", "gone"))
    assert len(rows(file)) == 4


def test_a_full_disk_leaves_a_whole_file(net: Net, tmp_path: Path) -> None:
    """What did not fit is not there, and the sentence says how much is."""
    disk = tmp_path / "disk"
    disk.mkdir()
    execute("mount", "-t", "tmpfs", "-o", "size=4k", "none", str(disk))
    net.open.callback(execute, "umount", str(disk))
    file = disk / "net.pcapng"
    again = iter([False] * 20)

    def stopped() -> bool:
        exchange(net)
        return next(again, True)

    with net.node.entered(), pytest.raises(HostError, match=r"No space left .* holds \d+ packets"):
        capture(file, stopped=stopped)
    assert rows(file)


def started(net: Net, file: Path, *options: str) -> "subprocess.Popen[str]":
    """The command on the node, once it captures."""
    argv = [*NATGATE, "capture", "--state", str(file.parent), *options, "-o", str(file)]
    with net.node.entered():
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    net.open.callback(process.wait)
    net.open.callback(process.kill)
    assert process.stderr is not None
    net.open.callback(process.stderr.close)
    net.until(lambda: file.exists() and file.stat().st_size > 0)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_command_cleanly(net: Net, tmp_path: Path, number: int) -> None:
    """The last line says how many packets there are, and how many the kernel dropped."""
    file = tmp_path / "net.pcapng"
    process = started(net, file, "--client", CLIENTS[0], "-i", "in")
    exchange(net)
    net.until(lambda: len(rows(file)) == 2)
    os.kill(process.pid, number)
    assert process.stderr is not None
    last = process.stderr.read().splitlines()[-1]
    assert process.wait() == 0
    size = file.stat().st_size
    assert last == f"2 packets of in in {size} bytes, 0 dropped by the kernel: stopped"
    (before, after) = rows(file)
    assert before[0] == "in before"
    assert before[4].startswith(f"snat: {CLIENTS[0]}:")
    assert after[0] == "in after"


def test_a_killed_command_leaves_what_it_has_seen(net: Net, tmp_path: Path) -> None:
    """The file can be read up to the last packet."""
    file = tmp_path / "net.pcapng"
    process = started(net, file)
    exchange(net)
    net.until(lambda: len(rows(file)) == 4)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(rows(file)) == 4


def test_every_packet_of_a_burst_is_there(net: Net, tmp_path: Path) -> None:
    """Two thousand packets without a pause, before and after, and none dropped."""
    file = tmp_path / "net.pcapng"
    once = iter([False])
    with net.target.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    net.open.callback(server.close)
    server.bind((TARGETS[0], PORT))

    def stopped() -> bool:
        if next(once, True):
            return True
        flow = net.udp(CLIENTS[0])
        for _ in range(2000):
            net.send(CLIENTS[0], TARGETS[0], flow)
        return False

    with net.node.entered():
        result = capture(file, stopped=stopped)
    assert (result.packets, result.dropped) == (4000, 0)
    assert len({row[1] for row in rows(file)}) == 2
