"""`natgate trace` and `natgate allowlist` from files, as a user types them."""

import json
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from natgate.cli import trace_view
from natgate.cli.main import main
from natgate.lab import catalogue
from tests.gateways import ENTRIES
from tests.routed import ROUTES


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """The spec and the routes, written down."""
    spec, routes = tmp_path / "spec.yaml", tmp_path / "routes.yaml"
    spec.write_text(ENTRIES)
    routes.write_text(ROUTES)
    return str(spec), str(routes)


def run(*arguments: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, arguments)


def trace(files: tuple[str, str], *arguments: str) -> Result:
    """A trace offline."""
    return run("trace", "--spec", files[0], "--routes", files[1], *arguments)


def test_each_hop_is_one_line_and_the_last_one_says_the_source(files: tuple[str, str]) -> None:
    """Aligned, without colour where nobody looks at a terminal."""
    done = trace(files, "--from", "client", "--to", "world", "--proto", "tcp:443")
    lines = done.stdout.splitlines()
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in lines[:7]] == [
        "HOST", "client", "vpc", "node-a", "vpc", "internet", "world",
    ]  # fmt: skip
    assert len({line.index(" -> ") for line in lines[1:3]}) == 1
    assert lines[3].split()[6:] == ["web/host", "203.0.113.3", "->", "192.0.2.9:443"]
    assert lines[-1] == "source seen at the target: predicted 203.0.113.3"
    assert "\x1b" not in done.stdout


def test_a_packet_that_is_dropped_ends_with_the_reason(files: tuple[str, str]) -> None:
    """A prediction alone is no difference."""
    done = trace(files, "--from", "world", "--to", "203.0.113.1", "--proto", "tcp:81")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == (
        "source seen at the target: predicted nothing arrives: "
        "node-a: no entry of web takes tcp 81 at 203.0.113.1, so it ends here"
    )


def test_the_document_is_on_stdout_alone(files: tuple[str, str]) -> None:
    """In the shape that programs rely on."""
    done = trace(files, "--from", "client", "--to", "203.0.113.1", "--proto", "tcp:80", "--json")
    document = json.loads(done.stdout)
    assert set(document) == {"hops", "source_at_target", "match", "reason"}
    assert document["source_at_target"]["predicted"] == "203.0.113.1"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--from", "nobody", "--to", "world", "--proto", "icmp"), 1, "there is no host nobody"),
        (("--from", "client", "--to", "fe80::1", "--proto", "icmp"), 1, "IPv6"),
        (("--from", "client", "--to", "world", "--proto", "tcp"), 2, "is not tcp:443"),
        (("--from", "client", "--to", "world"), 2, "--proto"),
        (("--from", "client", "--to", "world", "--proto", "icmp", "--observe"), 1, "only a lab"),
        (("--from", "client", "--to", "world", "--proto", "icmp", "--lab", "x"), 2, "--lab reads"),
    ],
)
def test_what_cannot_be_traced_is_one_sentence(
    files: tuple[str, str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    """1 for what is refused, 2 for what was typed wrong."""
    done = trace(files, *arguments)
    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())


def test_spec_and_routes_go_together(files: tuple[str, str]) -> None:
    """One alone says nothing."""
    done = run("trace", "--spec", files[0], "--from", "a", "--to", "b", "--proto", "icmp")
    assert done.exit_code == 2
    assert "--spec and --routes go together" in done.stderr


def test_an_allowlist_is_a_table_or_a_document(files: tuple[str, str]) -> None:
    """With the same rows."""
    asked = ("allowlist", "--spec", files[0], "--to", "198.51.100.0/24")
    shown, document = run(*asked), json.loads(run(*asked, "--json").stdout)
    for row in document["sources"]:
        assert row["source"] in shown.stdout
    assert "the nodes' own probes" in shown.stdout
    assert "what the far side can call" in shown.stdout
    everywhere = run("allowlist", "--spec", files[0], "--to", "0.0.0.0/0")
    assert "more" in everywhere.stdout
    refused = run("allowlist", "--spec", files[0], "--to", "x")
    assert refused.exit_code == 1
    assert "x is no IPv4 address or prefix" in refused.stderr


def test_ports_are_written_as_firewalls_write_them(files: tuple[str, str]) -> None:
    """In the table and in the document; a source that keeps its own port may have each."""
    asked = ("allowlist", "--spec", files[0], "--to", "198.51.100.0/24")
    shown, document = run(*asked).stdout, json.loads(run(*asked, "--json").stdout)
    written = [port for row in document["reached"] for port in row["ports"]]
    assert any("-" in port for port in written)
    assert not any("/" in port for port in written)
    assert all(port in shown for port in written)
    rows = zip(shown.splitlines()[2:], document["sources"], strict=False)
    free = [line.split()[1] for line, row in rows if not row["source_ports"]]
    assert set(free) <= {"all", "-"}
    assert "all" in free


def test_a_destination_to_which_nothing_is_translated_is_said(tmp_path: Path) -> None:
    """Instead of a table without its first part."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(catalogue.as_yaml(catalogue.prepared("resolver").spec))
    done = run("allowlist", "--spec", str(spec), "--to", "198.51.100.1")
    assert done.stdout.startswith("no entry translates anything towards 198.51.100.1: ")


@pytest.mark.parametrize(
    ("command", "way_out"),
    [
        (("trace", "--from", "10.0.0.1", "--to", "10.0.0.2", "--proto", "icmp"), "--lab NAME"),
        (("allowlist", "--to", "10.0.0.2"), "--spec FILE"),
    ],
)
def test_without_an_agent_the_way_out_is_one_that_the_command_has(
    tmp_path: Path, command: tuple[str, ...], way_out: str
) -> None:
    """They know no --once."""
    done = run(*command, "--state", str(tmp_path))
    assert done.exit_code == 5
    assert way_out in " ".join(done.stderr.split())
    assert "--once" not in done.stderr


def test_a_terminal_that_is_too_narrow_gets_the_packet_on_a_line_of_its_own(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never broken in the middle of an address."""
    asked = ("--from", "client", "--to", "world", "--proto", "tcp:443")
    wide = trace(files, *asked).stdout.splitlines()
    narrow = partial(Console, width=60, highlight=False, soft_wrap=True)
    monkeypatch.setattr(trace_view, "out", narrow)
    lines = trace(files, *asked).stdout.splitlines()
    assert lines[0].split() == wide[0].split()[:-3]
    assert lines[1].startswith("client ")
    assert lines[2] == "    10.10.0.5 -> 192.0.2.9:443"
    assert lines[6] == "    203.0.113.3 -> 192.0.2.9:443"
    assert lines[-1] == wide[-1]
