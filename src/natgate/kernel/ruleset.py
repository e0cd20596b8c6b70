"""The whole ruleset of a network namespace as text, and scripts that change it.

A handle stays in the namespace of the thread that opened it.
"""

import ctypes
from types import TracebackType
from typing import Self

from natgate.kernel.nftables import load
from natgate.model.error import HostError

_HANDLES, _NUMERIC_PROTOCOLS, _TERSE = 1 << 3, 1 << 7, 1 << 11


class Ruleset:
    """A libnftables handle of its own; tables with the flag owner end with it."""

    def __init__(self) -> None:
        self._library = load()
        self._handle = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_output(self._handle)
        self._library.nft_ctx_buffer_error(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._library.nft_ctx_free(self._handle)

    def listing(self) -> str:
        """Every rule of every table with its handle; sets are listed without their elements."""
        return self.run("list ruleset")

    def run(self, script: str) -> str:
        """What `nft -a -t` prints; HostError with its own words if it refuses.

        Without -t it would read every element of every set first, whatever the script.
        """
        library, flags = self._library, _HANDLES | _NUMERIC_PROTOCOLS | _TERSE
        library.nft_ctx_output_set_flags(self._handle, flags)
        status = library.nft_run_cmd_from_buffer(self._handle, script.encode())
        output = library.nft_ctx_get_output_buffer(self._handle) or b""
        if status == 0:
            return str(output.decode(errors="replace"))
        reason = (library.nft_ctx_get_error_buffer(self._handle) or b"").decode().strip()
        raise HostError(f"nft refuses: {reason}")
