"""What a packet and a new flow cost: natgate beside one iptables MASQUERADE rule.

Four sets of client, gateway and server, alike but for the gateway: natgate's rules and guard,
`iptables-nft -t nat -A POSTROUTING -j MASQUERADE`, plain forwarding, and a floor that drops each
packet where it enters the gateway. Rounds are interleaved.
"""

import json
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.results import save
from natgate.lab import namespace
from natgate.lab.namespace import inside, run

ROUNDS = 7
PACKETS = 256_000
NEW_FLOWS = 48_000
FAR = "198.18.0.1"
FIRST_PORT = "10000"
TARGET = 1.05
SPEC = """
apiVersion: natgate/v1
network:
  name: bench
  ranges: [10.77.0.0/16]
  zones: [a]
  subnets:
    - {name: clients, zone: a, cidr: 10.77.0.0/24}
    - {name: fixed, cidr: 10.77.1.0/28, kind: address}
nodes: [{name: node, zone: a, address: 192.0.2.1}]
gateways:
  - name: out
    addresses: [{address: 10.77.1.1}]
    snat: [{name: all, sources: [10.77.0.0/24]}]
"""
SINK = """
table ip sink {
    counter seen {}
    counter inside {}
    chain first {
        type filter hook prerouting priority raw;
        ip saddr 10.77.0.0/24 counter name inside
        udp dport >= 1024 counter name seen drop
    }
}
"""
VARIANTS = ("natgate", "iptables", "plain", "floor")
DROP = ["protocol", "ip", "bpf", "da", "bytecode", "1,6 0 0 2"]
CASES = {
    "established, 1 flow": (PACKETS, 1),
    "established, 4,096 flows": (PACKETS, 4096),
    "new flows": (NEW_FLOWS, NEW_FLOWS),
}


def name(variant: str, host: str) -> str:
    """The namespace of a host."""
    return f"bench{os.getpid()}.{variant}.{host}"


@contextmanager
def network(variant: str) -> Iterator[None]:
    """A client, a gateway and a server of their own."""
    client, gateway, server = (name(variant, host) for host in ("client", "gateway", "server"))
    try:
        namespace.create([client, gateway, server])
        namespace.configure(
            gateway,
            [
                f"link add in type veth peer name eth0 netns {client}",
                f"link add out type veth peer name eth0 netns {server}",
                "address add 10.77.0.1/24 dev in",
                "address add 192.0.2.1/24 dev out",
                "link set in up",
                "link set out up",
                "route add 198.18.0.0/15 via 192.0.2.2",
            ],
        )
        up = "link set eth0 up"
        route = "route add default via"
        namespace.configure(client, ["address add 10.77.0.2/24 dev eth0", up, f"{route} 10.77.0.1"])
        namespace.configure(server, ["address add 192.0.2.2/24 dev eth0", up, f"{route} 192.0.2.1"])
        namespace.load_rules(server, SINK)
        namespace.set_sysctls(gateway, {"net.ipv4.ip_forward": 1})
        prepare(variant, gateway)
        yield
    finally:
        namespace.delete([client, gateway, server])


def prepare(variant: str, gateway: str) -> None:
    """What the variants differ in."""
    if variant == "iptables":
        rule = ["-t", "nat", "-A", "POSTROUTING", "-o", "out", "-j", "MASQUERADE"]
        run(inside(gateway, ["iptables-nft", *rule]))
    elif variant == "natgate":
        state = Path(f"/run/natgate-bench-{os.getpid()}")
        argv = [sys.executable, "-m", "natgate", "apply", "--once", "--node", "node"]
        script = [*argv, "--state", str(state), "/dev/stdin"]
        run(inside(gateway, script), stdin=SPEC)
        run(["rm", "-r", str(state)])
    elif variant == "floor":
        run(["tc", "-n", gateway, "qdisc", "add", "dev", "in", "clsact"])
        run(["tc", "-n", gateway, "filter", "add", "dev", "in", "ingress", *DROP])


def seen(variant: str, counter: str = "seen") -> int:
    """Packets that have reached the server; `inside`: those with the source of a client."""
    argv = ["nft", "-j", "list", "counter", "ip", "sink", counter]
    listing = json.loads(run(inside(name(variant, "server"), argv)))
    return int(listing["nftables"][1]["counter"]["packets"])


def measure(variant: str, count: int, flows: int) -> tuple[float, float]:
    """Nanoseconds for each packet, and the share that did not arrive."""
    blast = inside(name(variant, "client"), [sys.executable, "-m", "bench.blast", FAR])
    if variant not in {"plain", "floor"}:
        run(inside(name(variant, "gateway"), ["conntrack", "--flush"]))
    if count != flows:  # established: each flow has been seen before
        run([*blast, str(flows), str(flows), FIRST_PORT])
    before = seen(variant)
    found = json.loads(run([*blast, str(count), str(flows), FIRST_PORT]))
    arrived = seen(variant) - before
    return found["ns"] / found["sent"], 1 - arrived / found["sent"]


def main() -> None:
    """Measure in interleaved rounds, print medians and ratios."""
    costs: dict[str, dict[str, list[float]]] = {c: {v: [] for v in VARIANTS} for c in CASES}
    lost = 0.0
    with ExitStack() as stack:
        for variant in VARIANTS:
            stack.enter_context(network(variant))
        for number in range(ROUNDS + 1):
            for case, (count, flows) in CASES.items():
                for variant in VARIANTS:
                    cost, share = measure(variant, count, flows)
                    if number:  # the first round warms up
                        costs[case][variant].append(cost)
                        lost = max(lost, share if variant != "floor" else 0.0)
    rows = {case: summary(costs[case]) for case in CASES}
    for case, row in rows.items():
        cells = " ".join(f"{row[variant]:9.0f}" for variant in VARIANTS)
        ratio = f"{row['ratio']:.2f} ({row['low']:.2f}-{row['high']:.2f})"
        sys.stdout.write(f"{case:25}{cells}   {ratio}   whole way {row['whole']:.2f}\n")
    sys.stdout.write(NOTES.format(rounds=ROUNDS, lost=lost, target=TARGET))
    save("packets", {"rows": rows, "lost": lost, "rounds": ROUNDS, "target": TARGET})


NOTES = """
Columns: ns for natgate, iptables MASQUERADE, plain forwarding, floor (medians of {rounds} interleaved
rounds); natgate/iptables with the floor subtracted (and its range over the rounds); the same ratio
without subtraction. Each is the CPU time of one core for the whole way of a 60-byte UDP packet:
sendmmsg, client, gateway, server's drop. The floor drops at the gateway's entry, so what is left
is the gateway and the way beyond it. Target for established packets: {target}. Highest loss: {lost:.2%}.
"""


def summary(costs: dict[str, list[float]]) -> dict[str, float]:
    """Medians, and natgate's ratio to iptables with and without the floor."""
    middle = {variant: statistics.median(each) for variant, each in costs.items()}
    floor = middle["floor"]
    pairs = zip(costs["natgate"], costs["iptables"], strict=True)
    ratios = [(a - floor) / (b - floor) for a, b in pairs]
    whole = middle["natgate"] / middle["iptables"]
    spread = {"ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
    return {**middle, **spread, "whole": whole}


if __name__ == "__main__":
    main()
