"""New flows at a steady rate, and how many of them the NAT log has: counted at both ends.

`python -m bench.natlog` as root. Everything runs in network namespaces: client, node, target. Each
packet is a new flow, sent on one core, where it takes its whole way; the log reads on the other.
The table is flushed all the time, so that flows end as fast as they begin; once with the ends alone
and once with beginnings as well (log.new), which is two events for each flow. Then a reader is
stopped for 25 seconds, with the smallest buffer, while more flows end than that can hold.
"""

import ctypes
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kernel.log_process import (
    GATEWAY,
    HOST,
    end_all,
    ended_count,
    logged,
    logging,
    spec_file,
    until,
)
from tests.kernel.net import FIXED, Net, network, spec_with

from bench import blast
from bench.results import save
from natgate.model.log_rows import NEW

RATE, SECONDS, FLUSH = 50_000, 20, 0.5
STALLED, FLOWS = 25.0, 20_032
FAR, FIRST_PORT = "198.18.0.1", 10_000
LIMIT = Path("/proc/sys/net/netfilter/nf_conntrack_max")
ROOM = "2000000"
"""Flows that the kernel may hold meanwhile: it forgets them in its own time."""

SINK = f"""
table ip sink {{
    counter seen {{}}
    chain first {{
        type filter hook prerouting priority raw;
        ip saddr {FIXED} ip daddr 198.18.0.0/15 counter name seen drop
    }}
}}
"""


@contextmanager
def room() -> Iterator[None]:
    """A flow table with room; the machine's limit is put back."""
    before = LIMIT.read_text()
    LIMIT.write_text(ROOM)
    try:
        yield
    finally:
        LIMIT.write_text(before)


@contextmanager
def prepared() -> Iterator[Net]:
    """A node that translates, and a target that counts what comes from its address."""
    with room(), network() as net:
        net.capture.close()
        net.bring(spec_with({**GATEWAY, "dnat": []}))
        net.node.run(
            "ip route add 198.18.0.0/15 via 203.0.113.20",
        )
        with net.target.entered():
            subprocess.run(["nft", "-f", "-"], input=SINK, text=True, check=True)
        yield net


def seen(net: Net) -> int:
    """Packets that have reached the target with the node's address: each is another flow's."""
    words = net.target.run("nft list counter ip sink seen").split()
    return int(words[words.index("packets") + 1])


def send(count: int, rate: int) -> None:
    """Begin so many flows at a steady rate, from this process's namespace, on core 1."""
    os.sched_setaffinity(0, {blast.CORE % (os.cpu_count() or 1)})
    batches, _kept = blast.messages(blast.destinations(FAR, count, FIRST_PORT), count)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((HOST, 40000))
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    began = time.monotonic()
    for number, batch in enumerate(batches):
        late = time.monotonic() - began - number * blast.BATCH / rate
        if late < 0:
            time.sleep(-late)
        if sendmmsg(sender.fileno(), batch, len(batch), 0) != len(batch):
            raise OSError(ctypes.get_errno(), "sendmmsg")
    sys.stdout.write(str(time.monotonic() - began))


def sent(net: Net, count: int, rate: int) -> float:
    """The same in a process of its own, in the client's namespace; seconds that it took."""
    argv = [sys.executable, "-m", "bench.natlog", "send", str(count), str(rate)]
    with net.client.entered():
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return float(done.stdout)


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def ending(net: Net) -> Iterator[None]:
    """Flows end all the time: the kernel itself would begin to look for old ones after a minute."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(FLUSH):
            end_all(net)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        end_all(net)


def steady(*, new: bool) -> dict[str, float]:
    """Flows at the rate that is promised, each begun and ended while others go on."""
    count = RATE * SECONDS // blast.BATCH * blast.BATCH
    with TemporaryDirectory() as place, prepared() as net:
        spec = spec_file(Path(place), new=new)
        with logging(net, spec) as log:
            before = cpu(log.process.pid)
            with ending(net):
                took = sent(net, count, RATE)
            used = cpu(log.process.pid) - before
            arrived = seen(net)
            until(lambda: ended_count(spec) >= arrived, "not every flow is logged", patience=120)
            log.end()
            said = log.said.read_text()
        return {
            "sent": count,
            "rate": count / took,
            "arrived": arrived,
            "logged": ended_count(spec),
            "begun": int((logged(spec)["kind"] == NEW).sum()),
            "overruns": said.count('"overrun"'),
            "cpu_share": used / took,
        }


def stalled() -> dict[str, float]:
    """Flows that end, of themselves and by order, while the reader stands still."""
    with TemporaryDirectory() as place, prepared() as net:
        spec = spec_file(Path(place), buffer=1)
        with logging(net, spec) as log:
            sent(net, FLOWS, FLOWS)
            log.pause()
            time.sleep(STALLED)
            end_all(net)
            log.go_on()
            arrived = seen(net)
            until(lambda: ended_count(spec) >= arrived, "not every flow is logged", patience=120)
            log.end()
        return {"arrived": arrived, "logged": ended_count(spec), "seconds": STALLED}


def main() -> None:
    """Print and keep the counts."""
    runs = {"ends": steady(new=False), "both": steady(new=True), "stalled": stalled()}
    for name, found in runs.items():
        words = ", ".join(f"{key} {value:,.10g}" for key, value in found.items())
        sys.stdout.write(f"{name:8} {words}\n")
    save("natlog", runs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        send(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
