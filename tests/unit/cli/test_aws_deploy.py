"""The commands that write what is deployed on AWS, as they are typed."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from natgate.cli.main import main
from tests.deployments import TWO_ZONES

BUNDLE = 64 * "a"


def user_data(folder: Path, *words: str) -> Result:
    """The script for a bucket and what else is said."""
    spec = folder / "spec.yaml"
    spec.write_text(TWO_ZONES)
    return CliRunner().invoke(main, ["aws", "user-data", "--spec", str(spec), *words])


def test_the_script_names_the_bundle(tmp_path: Path) -> None:
    """By its bucket and its digest."""
    result = user_data(tmp_path, "--bucket", "my-bucket", "--bundle", BUNDLE)
    assert result.exit_code == 0, result.stderr
    assert f"BUCKET='my-bucket'\nPREFIX='natgate'\nBUNDLE='{BUNDLE}'\n" in result.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--bucket", "x'; id; '"),
        ("--prefix", "a$(id)"),
        ("--prefix", "natgate/"),
        ("--bundle", "abc"),
        ("--bundle", f"{BUNDLE}\n"),
        ("--key-parameter", "key"),
    ],
)
def test_nothing_gets_into_the_script_that_is_no_name(
    option: str, value: str, tmp_path: Path
) -> None:
    """It is refused as the template's parameters would refuse it: root runs that script."""
    given = {"--bucket": "my-bucket", "--bundle": BUNDLE, option: value}
    result = user_data(tmp_path, *(word for pair in given.items() for word in pair))
    assert (result.exit_code, result.stdout) == (2, "")
    assert option in result.stderr
