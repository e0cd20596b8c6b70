"""`natgate capture`: packets before and after translation, in one file for Wireshark."""

import signal
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import click

from natgate.cli.flow_names import Naming
from natgate.cli.options import STATE_OPTION
from natgate.cli.output import counted, err
from natgate.kernel.capture import Ended, Limits, Result, Wanted
from natgate.kernel.capture import capture as capture_packets
from natgate.kernel.netns import inside
from natgate.lab import namespace, record
from natgate.model.error import NatgateError
from natgate.model.open_flow import OpenFlow

DEFAULTS = Limits()
WHY: dict[Ended, str] = {
    "count": "--count is reached",
    "size": "--size is reached",
    "seconds": "--seconds are over",
    "stopped": "stopped",
}


def _address(_: click.Context, __: click.Parameter, value: str | None) -> IPv4Address | None:
    try:
        return None if value is None else IPv4Address(value)
    except ValueError:
        raise click.BadParameter(f"{value} is no IPv4 address") from None


@click.command()
@click.option(
    "--interface", "-i", "interfaces", multiple=True, help="On which link; on all that are up."
)
@click.option("--lab", nargs=2, metavar="NAME HOST", help="On a host of a lab.")
@click.option("--client", callback=_address, help="Only flows with this address on any side.")
@click.option("--to", callback=_address, help="Only flows with this address as well.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Only flows with this port on any side."
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=DEFAULTS.count,
    show_default=True,
    help="End after so many packets.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULTS.seconds,
    show_default=True,
    help="End after so long.",
)
@click.option(
    "--size",
    type=click.IntRange(4096),
    default=DEFAULTS.size,
    show_default=True,
    help="End before the file is larger, in bytes.",
)
@click.option(
    "--snaplen",
    type=click.IntRange(64, 65535),
    default=DEFAULTS.snaplen,
    show_default=True,
    help="Keep so many bytes of a packet.",
)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file, in the format pcapng.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@STATE_OPTION
def capture(
    interfaces: tuple[str, ...],
    lab: tuple[str, str] | None,
    client: IPv4Address | None,
    to: IPv4Address | None,
    port: int | None,
    count: int,
    seconds: float,
    size: int,
    snaplen: int,
    file: Path,
    force: bool,
    state: Path,
) -> None:
    """Capture packets of this node before and after translation, in one file.

    Each packet says which entry translates it, if an agent tells it. Ctrl-C ends it; the file is
    whole at any time. Needs root.
    """
    ended: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda which, _: ended.append(which))
    space = None
    if lab is not None:
        found = record.find(lab[0])
        host = found.host(lab[1]).name
        space, state = namespace.NETNS / found.namespace(host), found.state(host)
    entry_of = _entries(state)

    def run() -> Result:
        return capture_packets(
            file,
            interfaces,
            wanted=Wanted(client=client, to=to, port=port),
            limits=Limits(count=count, seconds=seconds, size=size, snaplen=snaplen),
            entry_of=entry_of,
            stopped=lambda: bool(ended),
            force=force,
        )

    say(f"capturing to {file}; Ctrl-C ends it")
    result = run() if space is None else inside(space, run)
    say(
        f"{counted(result.packets, 'packet')} of {', '.join(result.links)} in {result.size} bytes, "
        f"{result.dropped} dropped by the kernel: {WHY[result.ended]}"
    )


def say(line: str) -> None:
    """What is not data."""
    err().print(line, markup=False)


def _entries(state: Path) -> Callable[[OpenFlow], str]:
    """The name of a flow's entry, by this node's agent; empty without one."""
    naming = Naming(state)

    def entry_of(flow: OpenFlow) -> str:
        try:
            naming.learn([flow])
            return naming.names.entry(flow)
        except NatgateError:  # the agent has ended
            return ""

    return entry_of
