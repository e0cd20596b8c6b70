"""A libnftables handle of its own that only counts: it lists no elements and owns nothing."""

from natgate.kernel.libnftables import NftHandle
from natgate.model.error import HostError
from natgate.model.table import TABLE
from natgate.wire.nft import parse_counters

_JSON, _TERSE = 1 << 4, 1 << 11


class Listing:
    """Our table's counters; for one thread at a time, beside the handle that owns the table."""

    def __init__(self) -> None:
        self._handle = NftHandle()

    def counters(self) -> dict[str, int]:
        """Packets per named counter and per entry; HostError if there is no table to be read."""
        try:
            listed = self._handle.run(f"list table ip {TABLE}", _JSON | _TERSE)
        except HostError:
            raise HostError("nft lists no table of natgate") from None
        try:
            return parse_counters(listed)
        except ValueError as error:
            raise HostError(f"nft lists the table in a form that cannot be read: {error}") from None

    def close(self) -> None:
        """Give the handle back."""
        self._handle.close()
