"""The installed command `netstat-nat`: recorded cases in a machine of their own, and live flows."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from natgate.kernel.names import MachineNames, own_addresses
from natgate.wire.netstat_nat_names import UnknownHostError
from tests.kernel.net import FIXED, ONE, PORT, TARGETS, network, spec_of
from tests.namespaces import Namespace
from tests.netstat_nat import CASES, CRASHED, Case, cases

COMMAND = str(Path(sys.executable).with_name("netstat-nat"))
FROM = "10.1.0.10"
MODES = ("2a", "1.4.10")
NAMES_FROM_FILES = "hosts: files\nservices: files\nprotocols: files\n"


def in_private_mounts(case: Case, mode: str, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    """The command in a mount namespace where hosts.txt is the only source of names."""
    switch = folder / "nsswitch.conf"
    switch.write_text(NAMES_FROM_FILES)
    table = () if case.table is None else ("--table", str(case.table))
    words = [COMMAND, "--compat", mode, *table, *case.arguments]
    script = (
        f"mount --bind {CASES / 'hosts.txt'} /etc/hosts && mount --bind {switch} /etc/nsswitch.conf"
        f"{'' if case.table else ' && mount -t tmpfs none /proc'} && exec {shlex.join(words)}"
    )
    own = (CASES / "local-addrs.txt").read_text("ascii")
    environment = {**os.environ, "NETSTAT_NAT_LOCAL_ADDRS": own}
    argv = ["unshare", "-m", "sh", "-c", script]
    return subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=10)


@pytest.mark.parametrize("mode", MODES)
def test_the_command_prints_what_the_program_printed(mode: str, tmp_path: Path) -> None:
    """Every recorded case: output, errors and exit code, byte for byte; crashes are not repeated."""
    for case in cases(mode):
        done = in_private_mounts(case, mode, tmp_path)
        said = (done.returncode, done.stdout.decode(), done.stderr.decode())
        if case.code == CRASHED:
            assert (said[0], said[2]) == (0, ""), case.name
        else:
            assert said == (case.code, case.out, case.err), case.name


def listed(*arguments: str) -> list[str]:
    """The lines that the command prints."""
    argv = [COMMAND, "-n", "-o", *arguments]
    return subprocess.run(
        argv, capture_output=True, text=True, check=True, timeout=10
    ).stdout.splitlines()


def test_live_flows_are_listed_as_the_kernel_translates_them(tmp_path: Path) -> None:
    """With the address at the gateway; the table read from a file gives the same list."""
    with network() as net:
        net.bring(spec_of(ONE))
        flow = net.udp(FROM)
        net.send(FROM, TARGETS[0], flow)
        port = net.arrival().port
        own = flow.getsockname()[1]
        with net.node.entered():
            (row,) = listed("-G")
            assert row.split() == [
                "udp",
                f"{FROM}:{own}",
                f"{FIXED}:{port}",
                f"{TARGETS[0]}:{PORT}",
                "UNREPLIED",
            ]
            assert listed("--compat", "1.4.10", "-N")[0].split() == row.split()
            assert listed("-D") == listed("-L") == listed("-R") == []
            assert listed("-s", TARGETS[0]) == []
            saved = tmp_path / "table"
            saved.write_bytes(Path("/proc/thread-self/net/nf_conntrack").read_bytes())
        assert listed("-G", "--table", str(saved)) == [row]


def test_the_boxs_own_flows_are_local(alone: Namespace) -> None:
    """By the addresses of this network namespace, IPv4 and IPv6."""
    alone.run("ip address add 10.9.0.1/24 dev eth0", "ip -6 address add fd00:9::1/64 dev eth0")
    own = own_addresses()
    assert {"127.0.0.1", "::1", "10.9.0.1", "fd00:9::1"} <= own
    ends = "src={0} dst={1} sport=5 dport=6 src={1} dst={0} sport=6 dport=5"
    lines = [
        f"ipv4     2 tcp      6 99 CLOSE {ends.format('10.9.0.1', '192.0.2.1')} use=2\n",
        f"ipv6     10 tcp      6 99 CLOSE {ends.format('2001:db8::1', 'fd00:9:0::1')} use=2\n",
        f"ipv4     2 tcp      6 99 CLOSE {ends.format('192.0.2.2', '192.0.2.1')} use=2\n",
    ]
    table = "".join(lines)
    for mode, local, routed in (("2a", 2, 1), ("1.4.10", 1, 2)):
        for option, count in (("-L", local), ("-R", routed)):
            argv = [COMMAND, "--compat", mode, "--table", "-", "-no", option]
            done = subprocess.run(argv, input=table, capture_output=True, text=True, check=True)
            assert done.stdout.count("\n") == count


def test_names_are_those_of_the_machine() -> None:
    """What has no name is given back as it came."""
    names = MachineNames()
    assert names.host("127.0.0.1") == "localhost"
    assert names.host("fd00:0001:0000:") == "fd00:0001:0000:"
    assert names.service("443", "tcp") == "https"
    assert names.service("443=1", "tcp") == "https"
    assert (names.service("x", "tcp"), names.service("1", "none")) == ("x", "1")
    assert [names.protocol(each) for each in ("50", "9x", "", "253")] == ["esp", "igp", "ip", "253"]
    assert names.plain("fd00:0001:0000:0000:0000:0000:0000:0002") == "fd00:1::2"
    assert names.plain("nothing") == "nothing"
    assert "127.0.0.1" in names.addresses("localhost")
    assert names.ipv4("10.1.2") == "10.1.0.2"
    for find in (names.addresses, names.ipv4):
        with pytest.raises(UnknownHostError):
            find("nobody.invalid")
