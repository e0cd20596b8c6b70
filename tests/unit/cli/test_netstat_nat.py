"""The command `netstat-nat` on saved tables."""

import pytest

from natgate.cli import netstat_nat
from natgate.cli.netstat_nat import HELP, OWN, run
from tests import netstat_nat as recorded
from tests.netstat_nat import CASES

GATEWAY = str(CASES / "tables" / "gateway.txt")
ADDRESSES = (CASES / "local-addrs.txt").read_text("ascii")


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN, ADDRESSES)


def expected(mode: str, name: str) -> str:
    """What a program printed in a case."""
    return next(each.out for each in recorded.cases(mode) if each.name == name)


@pytest.mark.parametrize("mode", netstat_nat.MODES)
@pytest.mark.parametrize(
    ("name", "options"), [("mixed-no", "-no"), ("mixed-L", "-nL"), ("width-xN", "-nxN")]
)
def test_a_saved_table_is_listed_in_either_mode(
    mode: str, name: str, options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the addresses of the machine that it is from."""
    assert run([f"--compat={mode}", "--table", GATEWAY, options]) == 0
    assert capsys.readouterr().out == expected(mode, name)


@pytest.mark.parametrize("words", [[GATEWAY, "-no"], ["-no", "--", GATEWAY]])
def test_2a_is_the_default_and_takes_an_operand(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it stands."""
    assert run(words) == 0
    assert capsys.readouterr().out == expected("2a", "mixed-no")


def test_a_dash_is_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe is a table too."""
    with open(GATEWAY, "rb") as table:  # noqa: PTH123 (its descriptor is what counts)
        monkeypatch.setattr(netstat_nat, "STDIN", table.fileno())
        assert run(["-no", "-"]) == 0
    assert capsys.readouterr().out == expected("2a", "mixed-no")


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["--table"], "netstat-nat: option requires an argument -- '--table'\n"),
        (["--compat", "3"], "netstat-nat: --compat 3: write 2a or 1.4.10\n"),
        (["--table", "a", "b"], "netstat-nat: one table, please: --table or an operand\n"),
        (["-n", "/nowhere"], "netstat-nat: /nowhere: No such file or directory\n"),
        (["/"], "netstat-nat: /: Is a directory\n"),
    ],
)
def test_a_mistake_is_a_sentence(
    words: list[str], err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit code 1."""
    assert run(words) == 1
    assert capsys.readouterr() == ("", err)


def test_1_4_10_says_that_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output."""
    assert run(["--compat", "1.4.10", "--table", "/nowhere"]) == 1
    assert capsys.readouterr().out.startswith("Could not read info about connections")


def test_help_says_where_it_differs(capsys: pytest.CaptureFixture[str]) -> None:
    """Both originals refuse the word."""
    assert run(["-z", "--help"]) == 0
    assert capsys.readouterr().out == HELP
    assert "differs from the originals on purpose" in HELP
