"""What a packet and a new flow cost: natgate beside one iptables MASQUERADE rule.

Three sets of client, gateway and server, alike but for the gateway: natgate's rules and guard,
`iptables-nft -t nat -A POSTROUTING -j MASQUERADE`, and plain forwarding. Rounds are interleaved.
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
    chain first { type filter hook prerouting priority raw; udp dport >= 1024 counter name seen drop; }
}
"""
VARIANTS = ("natgate", "iptables", "plain")
CASES = {
    "established, 1 flow": (PACKETS, 1),
    "established, 4,096 flows": (PACKETS, 4096),
    "new flows": (NEW_FLOWS, NEW_FLOWS),
}


def name(variant: str, host: str) -> str:
    """The namespace of a host."""
    return f"ng.t{os.getpid()}-bench-{variant}.{host}"


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


def seen(variant: str) -> int:
    """Packets that have reached the server."""
    argv = ["nft", "-j", "list", "counter", "ip", "sink", "seen"]
    listing = json.loads(run(inside(name(variant, "server"), argv)))
    return int(listing["nftables"][1]["counter"]["packets"])


def measure(variant: str, count: int, flows: int) -> tuple[float, float]:
    """Nanoseconds for each packet that arrived, and the share that was lost."""
    if variant != "plain":
        run(inside(name(variant, "gateway"), ["conntrack", "--flush"]))
    arguments = [FAR, str(flows), str(flows), "10000"] if count != flows else None
    blast = inside(name(variant, "client"), [sys.executable, "-m", "bench.blast"])
    if arguments:
        run([*blast, *arguments])
    before = seen(variant)
    found = json.loads(run([*blast, FAR, str(count), str(flows), "10000"]))
    arrived = seen(variant) - before
    return found["ns"] / max(arrived, 1), 1 - arrived / found["sent"]


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
                        lost = max(lost, share)
    rows = [summary(case, costs[case]) for case in CASES]
    for row in rows:
        sys.stdout.write(
            "{case:26} {natgate:6.0f} {iptables:6.0f} {plain:6.0f} ns   "
            "natgate/iptables {ratio:.2f} ({low:.2f}-{high:.2f})   beyond plain {extra:.2f}\n".format(
                **row
            )
        )
    sys.stdout.write(NOTES.format(rounds=ROUNDS, lost=lost, target=TARGET))
    save("packets", {"rows": rows, "lost": lost, "rounds": ROUNDS, "target": TARGET})


NOTES = """
Columns: natgate, iptables MASQUERADE, plain forwarding; medians of {rounds} interleaved rounds.
CPU of one core for a 60-byte UDP packet's whole way: sendmmsg, client, gateway, server's drop.
Nothing is subtracted, so the ratio contains what both have in common; "beyond plain" is the ratio of
what each adds to plain forwarding. Target for established packets: {target}. Highest loss: {lost:.2%}.
"""


def summary(case: str, costs: dict[str, list[float]]) -> dict[str, float | str]:
    """Medians, the ratio of each round, and the ratio of what is added to plain forwarding."""
    middle = {variant: statistics.median(each) for variant, each in costs.items()}
    ratios = [a / b for a, b in zip(costs["natgate"], costs["iptables"], strict=True)]
    extra = (middle["natgate"] - middle["plain"]) / (middle["iptables"] - middle["plain"])
    spread = {"ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
    return {"case": case, **middle, **spread, "extra": extra}


if __name__ == "__main__":
    main()
