"""The names of a log's files."""

import pytest

from natgate.wire.log_file_name import file_name, parse_file_name, render_file_name

AT = 1_795_788_182_250
"""2026-11-27, 14:03:02.250 UTC."""


@pytest.mark.parametrize("long", [True, False])
def test_a_name_reads_back(long: bool) -> None:  # noqa: FBT001 (a parameter)
    """Its times enclose those of the flows, in whole seconds; its folder is the day of the last."""
    name = file_name(long=long, start=AT, stop=AT + 1, number=12)
    path = render_file_name(name)
    kind = "long" if long else "short"
    assert path == f"2026-11-27/{kind}-20261127T140302Z-20261127T140303Z-00000012.parquet"
    assert parse_file_name(path.rpartition("/")[2]) == name
    assert (name.first, name.last) == (AT - 250, AT + 750)


@pytest.mark.parametrize(
    "text",
    ["", "blocks.parquet", "short-20261327T140302Z-20261127T140303Z-00000012.parquet", "x.tmp"],
)
def test_other_files_have_no_such_name(text: str) -> None:
    """They are left alone."""
    assert parse_file_name(text) is None
