"""One handle of libnftables: script text in, text or JSON out.

A handle stays in the network namespace of the thread that opened it.
"""

import ctypes

from natgate.model.error import HostError, RefusedError


class NftHandle:
    """A handle of its own; tables with the flag owner end with it."""

    def __init__(self) -> None:
        self._library = _load()
        handle = self._library.nft_ctx_new(0)
        if not handle:
            raise HostError("libnftables gave no handle")
        self._handle = ctypes.c_void_p(handle)
        self._library.nft_ctx_buffer_output(self._handle)
        self._library.nft_ctx_buffer_error(self._handle)

    def run(self, script: str, flags: int) -> str:
        """What nft prints with these output flags; HostError with its own words if it refuses."""
        library = self._library
        library.nft_ctx_output_set_flags(self._handle, flags)
        status = library.nft_run_cmd_from_buffer(self._handle, script.encode())
        output = library.nft_ctx_get_output_buffer(self._handle) or b""
        if status == 0:
            return str(output.decode(errors="replace"))
        raise HostError((library.nft_ctx_get_error_buffer(self._handle) or b"").decode().strip())

    def close(self) -> None:
        """Give the handle back. A second call does nothing."""
        if self._handle:
            self._library.nft_ctx_free(self._handle)
        self._handle = ctypes.c_void_p(None)


def _load() -> ctypes.CDLL:
    """The library libnftables; RefusedError if it is missing."""
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError:
        raise RefusedError(
            "libnftables.so.1 is missing: install it (Debian: apt-get install libnftables1)"
        ) from None
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    for name in ("free", "buffer_output", "buffer_error"):
        getattr(library, f"nft_ctx_{name}").argtypes = [ctypes.c_void_p]
    for name in ("get_output_buffer", "get_error_buffer"):
        function = getattr(library, f"nft_ctx_{name}")
        function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    return library
