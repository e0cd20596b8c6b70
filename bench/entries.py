"""A hundred thousand SNAT entries: what they cost, and what it takes to change them.

Two gateways with real agents, one with 1 entry and one with 100,000, and one with a single iptables
MASQUERADE rule. Measured: the cost of a new flow, one entry added and removed by the API while
packets flow, all entries brought into force beside `nft -f` of the same maps, and 55,000 flows from
one address to one destination.
"""

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from bench.packets import FAR, FIRST_PORT, NEW_FLOWS, measure, name, network, seen
from bench.results import save
from natgate.agent.keeper import Keeper
from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.kernel import netns
from natgate.kernel.host import HostKernel
from natgate.lab import namespace
from natgate.lab.namespace import inside, run
from natgate.model.change import Change, ChangeTable
from natgate.model.error import AgentError
from natgate.model.spec import Spec
from natgate.store.fake import FakeStore
from natgate.wire.config import parse_spec

MANY = 100_000
ROUNDS = 7
EDITS = 40
FLOWS = 55_000
TARGETS = {"new flow": 1.2, "edit ms": 20, "applied": 1.5, "lost": 0.0001}
HEAD = """
apiVersion: natgate/v1
network:
  name: bench
  ranges: [10.64.0.0/10]
  zones: [a]
  subnets:
    - {name: many, zone: a, cidr: 10.64.0.0/13}
    - {name: clients, zone: a, cidr: 10.77.0.0/24}
    - {name: fixed, cidr: 10.120.1.0/28, kind: address}
nodes: [{name: node, zone: a, address: 192.0.2.1}]
quotas: {snat: 200000}
gateways:
  - name: out
    addresses: [{address: 10.120.1.1}]
    snat:
      - {name: client, sources: [10.77.0.2/32, 10.77.0.3/32]}
"""


def spec_of(count: int) -> str:
    """A spec with so many entries; the client's own is the first of them."""
    first = int(IPv4Address("10.64.0.1"))
    others = (
        f"      - {{name: e{n}, hosts: [{IPv4Address(first + n)}]}}\n" for n in range(count - 1)
    )
    return HEAD + "".join(others)


@contextmanager
def agent(variant: str, count: int) -> Iterator[AgentClient]:
    """An agent on a gateway with so many entries, all of them in force."""
    state = Path(tempfile.mkdtemp(prefix=f"natgate-bench-{variant}-"))
    (state / "spec.yaml").write_text(spec_of(count))
    argv = [sys.executable, "-m", "natgate", "agent", "--state", str(state), "--node", "node"]
    argv = inside(name(variant, "gateway"), [*argv, "--spec", str(state / "spec.yaml")])
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            client = AgentClient(state / SOCKET, timeout=120)
            wait(lambda: in_force(client), f"{count} entries are in force")
            yield client
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(state)


def in_force(client: AgentClient) -> bool:
    """Whether the agent's gateway is carried."""
    try:
        return bool(client.status()["gateways"][0]["active"])
    except (AgentError, IndexError):
        return False


def wait(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, and say on stderr what for."""
    sys.stderr.write(f"waiting: {what}\n")
    deadline = time.monotonic() + 600
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.5)


def edits(client: AgentClient, variant: str) -> dict[str, Any]:
    """Entries come and go while packets of new and of open flows pass; what that took and lost."""
    argv = [sys.executable, "-m", "bench.blast", FAR, str(40 * NEW_FLOWS), str(NEW_FLOWS // 4)]
    before, wrong = seen(variant), seen(variant, "inside")
    blast = inside(name(variant, "client"), [*argv, FIRST_PORT])
    taken: dict[str, list[float]] = {"added": [], "removed": []}
    client.add_entry("out", "snat", {"name": "first", "hosts": ["10.71.255.1"]})
    with subprocess.Popen(blast, stdout=subprocess.PIPE, text=True) as load:
        for number in range(EDITS):
            entry = {"name": f"new{number}", "hosts": [f"10.71.0.{number}"]}
            began = time.perf_counter()
            client.add_entry("out", "snat", entry)
            taken["added"].append((time.perf_counter() - began) * 1000)
        for number in range(EDITS):
            began = time.perf_counter()
            client.remove_entry("out", f"new{number}")
            taken["removed"].append((time.perf_counter() - began) * 1000)
        under_load = load.poll() is None
        sent = json.loads(load.communicate(timeout=300)[0])["sent"]
    return {
        "ms": {what: round(statistics.median(each), 1) for what, each in taken.items()},
        "worst_ms": {what: round(max(each), 1) for what, each in taken.items()},
        "lost": sent - (seen(variant) - before),
        "untranslated": seen(variant, "inside") - wrong,
        "packets": sent,
        "load_outlasted_the_edits": under_load,
    }


def applied() -> dict[str, Any]:
    """All entries brought into force by natgate, and by `nft -f` of the same maps."""
    text = spec_of(MANY)
    began = time.perf_counter()
    spec = parse_spec(text)
    read = time.perf_counter() - began
    ours: list[float] = []
    theirs: list[float] = []
    whole: list[float] = []
    for _ in range(3):
        with fresh("ours") as here:
            ms, changes = netns.inside(here, lambda: only_applied(spec))
            ours.append(ms)
        with fresh("whole") as here:
            whole.append(netns.inside(here, lambda: kept(spec)))
        with fresh("theirs") as here, tempfile.NamedTemporaryFile("w", suffix=".nft") as script:
            script.write(script_of(changes))
            script.flush()
            began = time.perf_counter()
            run(inside(here.name, ["nft", "-f", script.name]))
            theirs.append((time.perf_counter() - began) * 1000)
    return {
        "read_and_checked_ms": round(read * 1000),
        "ours_ms": round(statistics.median(ours)),
        "nft_ms": round(statistics.median(theirs)),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
        "compiled_applied_verified_ms": round(statistics.median(whole)),
    }


def only_applied(spec: Spec) -> tuple[float, tuple[Change, ...]]:
    """Milliseconds for the changes, and these."""
    with closing(HostKernel()) as kernel:
        changes = Keeper(node="node", kernel=kernel, store=FakeStore()).plan(spec)[2]
        began = time.perf_counter()
        for change in changes:
            kernel.apply(change)
        return (time.perf_counter() - began) * 1000, changes


def kept(spec: Spec) -> float:
    """Milliseconds to compile the spec, apply it, and look at the kernel again."""
    with closing(HostKernel()) as kernel:
        keeper = Keeper(node="node", kernel=kernel, store=FakeStore())
        began = time.perf_counter()
        failure = keeper.bring(spec).failure
        if failure is not None:
            raise failure
        return (time.perf_counter() - began) * 1000


def script_of(changes: tuple[Change, ...]) -> str:
    """What natgate would do to the table, as a file for nft."""
    (table,) = (change for change in changes if isinstance(change, ChangeTable))
    return f"{table}\n"


@contextmanager
def fresh(what: str) -> Iterator[Path]:
    """A namespace with one link, by its path."""
    here = f"bench{os.getpid()}.{what}"
    try:
        namespace.create([here])
        namespace.configure(here, ["link add eth0 type veth peer name eth1", "link set eth0 up"])
        yield Path("/run/netns") / here
    finally:
        namespace.delete([here])


def first_packets(variant: str) -> float:
    """The share of first packets lost of 55,000 flows to one destination, from ephemeral ports."""
    run(inside(name(variant, "gateway"), ["conntrack", "--flush"]))
    before = seen(variant)
    argv = [sys.executable, "-m", "bench.sources", FAR, "7000", "32768", str(FLOWS // 2)]
    run(inside(name(variant, "client"), [*argv, "10.77.0.2", "10.77.0.3"]))
    return 1 - (seen(variant) - before) / FLOWS


def main() -> None:
    """Measure all, print it, keep it."""
    costs: dict[str, list[float]] = {"one": [], "many": []}
    lost: dict[str, list[float]] = {"one": [], "iptables": []}
    with ExitStack() as stack:
        for variant in ("one", "many", "iptables"):
            stack.enter_context(network(variant))
            second = ["address add 10.77.0.3/24 dev eth0"]
            namespace.configure(name(variant, "client"), second)
        stack.enter_context(agent("one", 1))
        client = stack.enter_context(agent("many", MANY))
        for number, variant in itertools.product(range(ROUNDS + 1), costs):
            cost, _ = measure(variant, NEW_FLOWS, NEW_FLOWS)
            if number:  # the first round warms up
                costs[variant].append(cost)
        for _, variant in itertools.product(range(3), lost):
            lost[variant].append(first_packets(variant))
        edited = edits(client, "many")
    pairs = zip(costs["many"], costs["one"], strict=True)
    result = {
        "new_flow": round(statistics.median(a / b for a, b in pairs), 2),
        "edits": edited,
        "applied": applied(),
        "lost": {variant: f"{statistics.median(each):.4%}" for variant, each in lost.items()},
        "targets": TARGETS,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    save("entries", result)


if __name__ == "__main__":
    main()
