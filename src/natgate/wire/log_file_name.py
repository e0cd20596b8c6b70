"""The names of a log's compressed files: they say which time a file covers, so that few are opened."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_NAME = re.compile(r"^(short|long)-(\d{8}T\d{6})Z-(\d{8}T\d{6})Z-(\d{8})\.parquet$")
_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """`first` and `last` enclose all flows of the file: ms since 1970, whole seconds."""

    long: bool
    first: int
    last: int
    number: int


def file_name(*, long: bool, start: int, stop: int, number: int) -> FileName:
    """The name for flows from `start` to `stop`, rounded outwards."""
    return FileName(
        long=long, first=start // 1000 * 1000, last=-(-stop // 1000) * 1000, number=number
    )


def render_file_name(name: FileName) -> str:
    """The path below the log's directory: a day, and what is in it."""
    kind = "long" if name.long else "short"
    first, last = (_moment(each) for each in (name.first, name.last))
    return f"{last:%Y-%m-%d}/{kind}-{first:{_TIME}}Z-{last:{_TIME}}Z-{name.number:08}.parquet"


def parse_file_name(text: str) -> FileName | None:
    """The inverse for the last part of such a path; None for other files."""
    match = _NAME.match(text)
    if match is None:
        return None
    try:
        first, last = (
            int(datetime.strptime(each, _TIME).replace(tzinfo=UTC).timestamp()) * 1000
            for each in match.group(2, 3)
        )
    except ValueError:
        return None
    return FileName(long=match[1] == "long", first=first, last=last, number=int(match[4]))


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)
