"""Sends one UDP packet from each of many source ports, as clients with Linux's ephemeral ports do.

`python -m bench.sources ADDRESS PORT FIRST COUNT SOURCE...`: COUNT ports from FIRST on of each
SOURCE, to one ADDRESS and PORT.
"""

import socket
import sys


def main(address: str, port: str, first: str, count: str, *sources: str) -> None:
    """Send them all."""
    for number in range(int(first), int(first) + int(count)):
        for source in sources:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
                flow.bind((source, number))
                flow.sendto(b"natgate bench", (address, int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
