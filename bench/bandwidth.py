"""What a limit of an address does to one TCP connection, and what shaping by HTB would do.

`python -m bench.bandwidth` as root. Everything runs in network namespaces: client, node, target, with
next to no delay between them. The first two seconds of each run are left out.
"""

import statistics
import sys
from collections.abc import Iterator

from tests.kernel.net import CLIENTS, network
from tests.kernel.traffic import rate, spec_of

from bench.results import save

LIMITS = {"10Mbit/s": 10e6, "100Mbit/s": 100e6, "1Gbit/s": 1e9}
RUNS = 3
LINKS = ("in", "out")
"""The node's links are called by the direction in which packets leave by them."""


def _dropped(limit: str, direction: str) -> Iterator[float]:
    for _ in range(RUNS):
        with network() as net:
            net.bring(spec_of(limit))
            yield rate(net, CLIENTS[0], direction)


def _shaped(bits: float, link: str) -> Iterator[float]:
    """A class for all that leaves by the link; a real one would need a mark for each address."""
    for _ in range(RUNS):
        with network() as net:
            net.bring(spec_of(None))
            net.node.run(
                f"tc qdisc add dev {link} root handle 1: htb default 1",
                f"tc class add dev {link} parent 1: classid 1:1 htb rate {bits:.0f}bit",
            )
            yield rate(net, CLIENTS[0], link)


def _unlimited() -> Iterator[float]:
    for _ in range(RUNS):
        with network() as net:
            net.bring(spec_of(None))
            yield rate(net, CLIENTS[0], "out")


def main() -> None:
    """Print the share of the limit that the connection had, the middle one of three runs."""
    found: dict[str, float] = {}
    for limit, bits in LIMITS.items():
        for direction in LINKS:
            runs = {"drop": _dropped(limit, direction), "htb": _shaped(bits, direction)}
            for how, rates in runs.items():
                part = statistics.median(rates) / bits
                found[f"{limit} {direction} {how}"] = part
                sys.stdout.write(f"{limit:10} {direction:4} {how:5} {part:6.2f} of the limit\n")
    free = statistics.median(_unlimited())
    found["unlimited"] = free
    sys.stdout.write(f"without a limit {free / 1e9:.1f} Gbit/s\n")
    save("bandwidth", {"parts": found})


if __name__ == "__main__":
    main()
