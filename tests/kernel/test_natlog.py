"""`natgate log` beside real flows: each one is logged, whatever happens to the reader."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from natgate.model.logged import Gap, Reason
from natgate.store.log_directory import LogDirectory
from tests.kernel.log_process import (
    FIRST,
    GATEWAY,
    HOST,
    NATGATE,
    end_all,
    ended,
    flows,
    logged,
    logging,
    natgate,
    spec_file,
    until,
    who,
)
from tests.kernel.net import CLIENTS, FIXED, TARGETS, Net, network, spec_with
from tests.namespaces import execute

MANY = range(FIRST, FIRST + 20_000)
FEW = range(FIRST, FIRST + 50)


@pytest.fixture
def net() -> Iterator[Net]:
    """A node that translates."""
    with network() as made:
        made.bring(spec_with(GATEWAY))
        yield made


def gaps(spec: Path) -> list[Reason]:
    """The reasons of the gaps in a log's history."""
    history = LogDirectory(spec.parent / "log").history()
    return [each.reason for each in history if isinstance(each, Gap)]


def test_every_flow_of_20000_is_logged(net: Net, tmp_path: Path) -> None:
    """With the port that the target saw; none is missing, and none is there twice."""
    spec = spec_file(tmp_path, destinations="full", rotate_flows=7000)
    with logging(net, spec) as log:
        seen = flows(net, MANY)
        assert len(seen) == len(MANY)
        end_all(net)
        until(lambda: len(logged(spec)) >= len(MANY), "not all are logged")
        assert log.end() == 0
    assert ended(spec) == seen
    assert len(logged(spec)) == len(MANY)
    assert gaps(spec) == []


def test_a_reader_that_stands_still_loses_none(net: Net, tmp_path: Path) -> None:
    """20,000 flows end while it is stopped, with a buffer for 1,638 of them: all arrive."""
    spec = spec_file(tmp_path, destinations="full", buffer=1)
    with logging(net, spec) as log:
        seen = flows(net, MANY)
        log.pause()
        end_all(net)
        log.go_on()
        until(lambda: len(logged(spec)) >= len(MANY), f"{len(logged(spec))} are logged")
        assert log.end() == 0
    assert ended(spec) == seen
    assert gaps(spec) == [Reason.OVERRUN]


@pytest.mark.parametrize("after", [0.0, 0.001, 0.005, 0.02])
def test_a_kill_loses_only_what_was_not_delivered(net: Net, tmp_path: Path, after: float) -> None:
    """What the log had read is found by the next run, which says how the one before ended."""
    spec = spec_file(tmp_path, destinations="full")
    with logging(net, spec) as log:
        first = flows(net, FEW)
        end_all(net)
        until(lambda: ended(spec) == first, "the first flows are not logged")
        later = flows(net, range(FIRST, FIRST + 5000))
        end_all(net)
        time.sleep(after)
        log.kill()
    read = ended(spec)
    assert first <= read <= first | later
    at = time.time()
    with logging(net, spec) as log:
        until(lambda: len(LogDirectory(spec.parent / "log").files()) == 1, "not converted")
        assert ended(spec) == read
        assert "the previous run did not end cleanly" in log.said.read_text()
        assert log.end() == 0
    assert gaps(spec) == [Reason.KILLED]
    found = who(net, spec, 1, at - 0.1, "--files-only")
    assert found["uses"] == []
    assert found["gaps"][0]["reason"] == "killed"
    assert "the log has a gap at that time" in found["notes"][0]


def test_who_answers_for_a_flow_before_and_after_its_end(net: Net, tmp_path: Path) -> None:
    """From the kernel while it is open, then from the log; outside of its time nobody is named."""
    spec = spec_file(tmp_path)
    with logging(net, spec) as log:
        before = time.time()
        time.sleep(0.1)  # so that there is a time before the flow
        ((port, _),) = flows(net, [FIRST])
        at = time.time()
        (use,) = who(net, spec, port, at, "--within", "0.05")["uses"]
        assert (use["host"], use["known_by"], use["to"], use["peer"]) == (HOST, "live", None, None)
        time.sleep(0.1)
        end_all(net)
        until(lambda: len(logged(spec)) == 1, "it is not logged")
        (use,) = who(net, spec, port, at, "--proto", "udp")["uses"]
        assert (use["host"], use["protocol"], use["known_by"]) == (HOST, "udp", "flow")
        assert who(net, spec, port, at, "--proto", "tcp")["uses"] == []
        assert who(net, spec, port, before, "--within", "0.02", "--files-only")["uses"] == []
        assert log.end() == 0


def test_a_flow_from_outside_is_logged_with_the_host_that_it_reached(
    net: Net, tmp_path: Path
) -> None:
    """An entry's port, and who came."""
    net.target.run(f"ip route replace {FIXED} via 203.0.113.1")
    spec = spec_file(tmp_path, destinations="full")
    with logging(net, spec):
        with net.target.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((TARGETS[0], 4000))
            sender.sendto(b"x", (FIXED, 443))
        until(lambda: "1" in net.node.run("conntrack -C"), "no flow")
        at = time.time()
        (use,) = who(net, spec, 443, at)["uses"]
        end_all(net)
        until(lambda: len(logged(spec)) == 1, "it is not logged")
        (then,) = who(net, spec, 443, at)["uses"]
    assert use["host"] == then["host"] == HOST
    assert (use["peer"], then["peer"], use["peer_port"]) == (TARGETS[0], TARGETS[0], 4000)
    assert (use["known_by"], then["known_by"]) == ("live", "flow")


def test_flows_that_outlive_the_log_are_known_as_open(net: Net, tmp_path: Path) -> None:
    """An end in order, and the next start, note what is open; its end comes to the next run."""
    spec = spec_file(tmp_path, destinations="full")
    with logging(net, spec) as log:
        seen = flows(net, FEW)
        assert log.end() == 0
    assert sorted(logged(spec)["kind"].tolist()) == [2] * len(FEW)
    port = next(iter(seen))[0]
    with logging(net, spec) as log:
        end_all(net)
        until(lambda: ended(spec) == seen, "their ends are not logged")
        assert log.end() == 0
    assert gaps(spec) == [Reason.STOPPED]
    rows = logged(spec)
    first = rows[(rows["port"] == port) & (rows["kind"] == 1)]["start"][0]
    (use,) = who(net, spec, port, first / 1000, "--files-only")["uses"]
    assert (use["host"], use["known_by"]) == (HOST, "flow")


def test_a_flow_whose_end_came_in_a_gap_may_have_been_open(net: Net, tmp_path: Path) -> None:
    """With log.new its beginning is known; the answer says that it is not sure."""
    spec = spec_file(tmp_path, new=True)
    with logging(net, spec) as log:
        ((port, _),) = flows(net, [FIRST])
        until(lambda: len(logged(spec)) == 1, "its beginning is not logged")
        log.kill()
    end_all(net)
    at = time.time()
    with logging(net, spec) as log:
        found = who(net, spec, port, at)
        assert log.end() == 0
    assert [(use["host"], use["certain"]) for use in found["uses"]] == [(HOST, False)]
    assert "may have been open, or not" in found["notes"][-1]


def test_hosts_with_blocks_need_no_record_for_each_flow(net: Net, tmp_path: Path) -> None:
    """The block answers; SIGHUP takes in another spec, by which another host has it."""
    entry = {"name": "one", "hosts": list(CLIENTS[:2]), "addresses": [FIXED], "block_size": 1024}
    gateway = {**GATEWAY, "snat": [entry], "dnat": []}
    net.bring(spec_with(gateway))
    spec = spec_file(tmp_path, gateway, destinations="full")
    with logging(net, spec) as log:
        ((port, _),) = flows(net, [FIRST])
        end_all(net)
        at = time.time()
        found = who(net, spec, port, at)
        assert [(use["host"], use["known_by"]) for use in found["uses"]] == [(HOST, "block")]
        less = {**gateway, "snat": [{**entry, "hosts": [next_host := CLIENTS[1]]}]}
        spec_file(tmp_path, less, destinations="full")
        log.process.send_signal(1)

        def holders() -> list[str]:
            return [use["host"] for use in who(net, spec, port, time.time())["uses"]]

        until(lambda: holders() == [next_host], "the block does not change hands")
        assert [use["host"] for use in who(net, spec, port, at)["uses"]] == [HOST]
        assert log.end() == 0
    assert len(logged(spec)) == 0


def test_untranslated_flows_are_not_logged(net: Net, tmp_path: Path) -> None:
    """The kernel does not even queue them."""
    spec = spec_file(tmp_path, destinations="full")
    with logging(net, spec) as log:
        common = "conntrack -I -s 10.1.0.10 -d 203.0.113.20 -t 100 -u SEEN_REPLY -p udp --dport 7"
        with net.node.entered():
            execute(*f"{common} --sport 5000 --src-nat {FIXED}:2000".split())
            execute(*f"{common} --sport 5001".split())
        end_all(net)
        until(lambda: ended(spec) == {(2000, 7)}, "it is not logged")
        assert log.end() == 0
    assert len(logged(spec)) == 1


def test_metrics_of_the_log_are_written_while_it_runs(net: Net, tmp_path: Path) -> None:
    """For node_exporter; the file goes with the log."""
    file = tmp_path / "log.prom"
    spec = spec_file(tmp_path, textfile=str(file), interval="100ms")
    with logging(net, spec) as log:
        flows(net, FEW)
        end_all(net)
        wanted = f"natgate_log_records_total {float(len(FEW))}"
        until(lambda: file.exists() and wanted in file.read_text(), "the records are not counted")
        assert 'natgate_log_gaps_total{reason="killed"} 0.0' in file.read_text()
        assert log.end() == 0
    assert not file.exists()


def refused(net: Net, *arguments: str, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """How a command fails: its code, and its only sentence."""
    with net.node.entered():
        argv = [*before, *NATGATE, "log", *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    lines = [line for line in done.stderr.splitlines() if '"level": "info"' not in line]
    assert len(lines) == 1, done.stderr
    return done.returncode, lines[0]


def test_without_the_privilege_one_sentence_says_so(net: Net, tmp_path: Path) -> None:
    """CAP_NET_ADMIN is needed for events."""
    drop = ("setpriv", "--bounding-set=-net_admin")
    code, said = refused(net, "run", "--spec", str(spec_file(tmp_path)), before=drop)
    assert code == 1
    assert "conntrack events need CAP_NET_ADMIN" in said


def test_without_the_privilege_the_files_still_answer(net: Net, tmp_path: Path) -> None:
    """And a note says what was not looked at."""
    spec = spec_file(tmp_path)
    with logging(net, spec) as log:
        assert log.end() == 0
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ask = ["who", "--address", FIXED, "--port", "1", "--at", at, "--within", "2", "--json"]
    argv = ["setpriv", "--bounding-set=-net_admin", *NATGATE, "log", *ask]
    with net.node.entered():
        done = subprocess.run(
            [*argv, "--directory", str(tmp_path / "log")],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "were not looked at: that needs root" in json.loads(done.stdout)["notes"][-1]


@pytest.mark.parametrize("command", ["run", "who"])
def test_without_the_extra_one_sentence_says_so(net: Net, tmp_path: Path, command: str) -> None:
    """It names the package and the extra."""
    spec = spec_file(tmp_path)
    who = ["who", "--address", FIXED, "--port", "1", "--at", "2026-11-27T00:00:00Z"]
    arguments = ["run", "--spec", str(spec)] if command == "run" else who
    hide = "import sys; sys.modules['pyarrow'] = None; from natgate.cli.main import main; main()"
    with net.node.entered():
        done = subprocess.run(
            [sys.executable, "-c", hide, "log", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    wanted = "error: the NAT log needs pyarrow: install natgate with its extra, natgate[log]\n"
    assert done.stderr == wanted


def test_a_full_disk_ends_the_log_with_a_sentence(net: Net, tmp_path: Path) -> None:
    """What was written before is kept; the next start says what may be missing."""
    place = tmp_path / "tiny"
    place.mkdir()
    execute("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place))
    try:
        (place / "log").mkdir()
        spec = spec_file(place, destinations="full")
        with logging(net, spec) as log:
            seen = flows(net, range(FIRST, FIRST + 5000))
            end_all(net)
            until(lambda: log.process.poll() is not None, "it does not end")
            assert log.process.returncode == 3
            said = log.said.read_text().splitlines()[-1]
        assert "No space left on device; what has been written is kept" in said
        kept = ended(spec)
        assert 1000 < len(kept) < len(seen)
        assert kept < seen
        code, said = refused(net, "run", "--spec", str(spec))
        assert code == 3
        assert "No space left on device" in said
    finally:
        execute("umount", str(place))


def test_what_cannot_be_read_or_asked_is_one_sentence(net: Net, tmp_path: Path) -> None:
    """Broken files, no log, and questions that are none."""
    spec = spec_file(tmp_path)
    with logging(net, spec) as log:
        assert log.end() == 0
    place = ("--directory", str(tmp_path / "log"))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    good = {"--address": FIXED, "--port": "1", "--at": now}

    def ask(**changes: str) -> tuple[int, str]:
        given = good | {f"--{name}": value for name, value in changes.items()}
        return refused(net, "who", *place, *[word for pair in given.items() for word in pair])

    assert ask(address="x") == (1, "error: x is no IPv4 address, such as 203.0.113.1")
    assert ask(at="noon") == (1, "error: noon is no time: write 2026-11-27T14:03:02Z")
    assert ask(proto="tpc")[0] == 1
    code, said = ask(at="2020-01-01T00:00:00Z")
    assert code == 1
    assert "the log began at" in said
    code, said = ask(directory=str(tmp_path))
    assert code == 1
    assert "there is no NAT log in" in said
    (journal,) = LogDirectory(tmp_path / "log").journals()
    journal.write_bytes(b"garbage")
    code, said = ask()
    assert code == 3
    assert "is no journal of a NAT log" in said
    assert natgate(net, "log", "run", "--spec", str(tmp_path / "no")).returncode == 1
