"""`natgate log`: who used an address and port, now or a month ago."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natgate.cli.flow_options import protocol_of
from natgate.cli.options import JSON_OPTION
from natgate.cli.output import err, out, print_json, table
from natgate.model.error import RefusedError
from natgate.model.logged import DIRECTORY, Question, Use, destinations_text, time_of, time_text
from natgate.model.open_flow import protocol_text

if TYPE_CHECKING:
    from natgate.plan.log_answer import Answer

VERSION = 1


@contextmanager
def extra() -> Iterator[None]:
    """Imports of what only the log needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise RefusedError(
            "the NAT log needs pyarrow: install natgate with its extra, natgate[log]"
        ) from None


@click.group()
def log() -> None:
    """Keep a log of translated flows, and ask who used an address and port."""


@log.command()
@click.option(
    "--spec",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="The spec of this node; its section log says what is kept, and where.",
)
def run(path: Path) -> None:
    """Keep the log of this node until told to stop; SIGHUP reads the spec's port blocks again."""
    from natgate.agent.main import read_file  # noqa: PLC0415 (slow, and `who` needs none of it)
    from natgate.cli.log import configure_log  # noqa: PLC0415
    from natgate.model.spec import Spec  # noqa: PLC0415
    from natgate.wire.config import parse_spec  # noqa: PLC0415

    with extra():
        from natgate.agent.natlog import Recorder  # noqa: PLC0415 (an extra)
    configure_log()

    def spec() -> Spec:
        return parse_spec(read_file(path), str(path))

    Recorder(spec(), spec).run()


@log.command()
@click.option("--address", required=True, help="The address that the far end saw.")
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="Its port, or echo id.")
@click.option("--at", required=True, help="When: 2026-11-27T14:03:02.250Z; without a zone UTC.")
@click.option(
    "--within",
    type=click.FloatRange(0, 86400),
    default=0,
    help="Seconds that clocks may differ by.",
)
@click.option("--proto", help="tcp, udp, icmp, sctp, gre, or a number.")
@click.option("--peer", help="The far end's address, where destinations are logged.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=DIRECTORY,
    show_default=True,
    envvar="NATGATE_LOG",
    help="Where the log is kept (log.directory).",
)
@click.option("--files-only", is_flag=True, help="Do not ask the kernel for flows still open.")
@JSON_OPTION
def who(
    address: str,
    port: int,
    at: str,
    within: float,
    proto: str | None,
    peer: str | None,
    directory: Path,
    files_only: bool,
    as_json: bool,
) -> None:
    """Say which host inside used an address and port at a time."""
    question = Question(
        address=_address(address),
        port=port,
        at=_time(at),
        within=round(within * 1000),
        protocol=None if proto is None else protocol_of(proto),
        peer=None if peer is None else _address(peer),
    )
    found = _answer(question, directory, files_only=files_only)
    if as_json:
        print_json(_document(question, found))
        return
    for note in found.notes:
        err().print(f"[yellow]note:[/yellow] {note}")
    if not found.uses:
        err().print(
            f"nobody is known to have used {address} port {port} at {time_text(question.at)}"
        )
        return
    _show(found.uses)


def _answer(question: Question, directory: Path, *, files_only: bool) -> "Answer":
    import os  # noqa: PLC0415 (before numpy, which begins threads for each core)
    import time  # noqa: PLC0415

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with extra():
        from natgate.agent.log_who import live_by  # noqa: PLC0415 (slow, and an extra)
        from natgate.agent.log_who import who as ask  # noqa: PLC0415
    now = time.time_ns() // 1_000_000
    return ask(directory, question, None if files_only else live_by(now), now)


def _show(uses: tuple[Use, ...]) -> None:
    grid = table("HOST", "PORT", "PROTO", "FROM", "TO", "PEER", "KNOWN BY")
    for use in uses:
        grid.add_row(
            str(use.host),
            str(use.host_port) if use.host_port else "-",
            _protocol(use),
            time_text(use.start),
            _until(use),
            _peer(use),
            use.source,
        )
    out().print(grid)


def _protocol(use: Use) -> str:
    """A block of ports is not of one protocol."""
    return protocol_text(use.protocol) if use.protocol else "any"


def _until(use: Use) -> str:
    if use.stop is None:
        return "now"
    return time_text(use.stop) if use.certain else f"{time_text(use.stop)} or later"


def _peer(use: Use) -> str:
    if use.peer is None:
        return "-"
    return f"{use.peer}:{use.peer_port}" if use.kept == 32 else f"{use.peer}/{use.kept}"  # noqa: PLR2004 (all bits)


def _document(question: Question, found: "Answer") -> dict[str, Any]:
    return {
        "version": VERSION,
        "address": str(question.address),
        "port": question.port,
        "at": time_text(question.at),
        "uses": [_use(each) for each in found.uses],
        "gaps": [
            {"from": time_text(g.start), "to": time_text(g.stop), "reason": g.reason}
            for g in found.gaps
        ],
        "notes": list(found.notes),
    }


def _use(use: Use) -> dict[str, Any]:
    return {
        "host": str(use.host),
        "host_port": use.host_port or None,
        "protocol": protocol_text(use.protocol) if use.protocol else None,
        "from": time_text(use.start),
        "to": None if use.stop is None else time_text(use.stop),
        "certain": use.certain,
        "known_by": use.source,
        "peer": None if use.peer is None else str(use.peer),
        "peer_port": use.peer_port or None,
        "destinations": destinations_text(use.kept),
    }


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise RefusedError(f"{text} is no IPv4 address, such as 203.0.113.1") from None


def _time(text: str) -> int:
    try:
        return time_of(text)
    except (ValueError, OverflowError):
        raise RefusedError(f"{text} is no time: write 2026-11-27T14:03:02Z") from None
