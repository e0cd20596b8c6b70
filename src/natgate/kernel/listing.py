"""A libnftables handle of its own that only counts: it lists no elements and owns nothing."""

import ctypes

from natgate.kernel.nftables import load
from natgate.model.error import HostError
from natgate.model.table import TABLE
from natgate.wire.nft import parse_counters

_JSON, _TERSE = 1 << 4, 1 << 11


class Listing:
    """Our table's counters; for one thread at a time, beside the handle that owns the table."""

    def __init__(self) -> None:
        self._library = load()
        self._handle = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_output(self._handle)
        self._library.nft_ctx_buffer_error(self._handle)
        self._library.nft_ctx_output_set_flags(self._handle, _JSON | _TERSE)

    def counters(self) -> dict[str, int]:
        """Packets per named counter and per entry; HostError if there is no table to be read."""
        script = f"list table ip {TABLE}".encode()
        if self._library.nft_run_cmd_from_buffer(self._handle, script):
            raise HostError("nft lists no table of natgate")
        try:
            return parse_counters(
                (self._library.nft_ctx_get_output_buffer(self._handle) or b"").decode()
            )
        except ValueError as error:
            raise HostError(f"nft lists the table in a form that cannot be read: {error}") from None

    def close(self) -> None:
        """Give the handle back."""
        self._library.nft_ctx_free(self._handle)
