"""The whole ruleset of a network namespace as text, and scripts that change it."""

from natgate.kernel.libnftables import NftHandle
from natgate.model.error import HostError

_HANDLES, _NUMERIC_PROTOCOLS, _TERSE = 1 << 3, 1 << 7, 1 << 11
_FLAGS = _HANDLES | _NUMERIC_PROTOCOLS | _TERSE


class Ruleset:
    """A libnftables handle of its own; tables with the flag owner end with it."""

    def __init__(self) -> None:
        self._handle = NftHandle()

    def close(self) -> None:
        """Give the handle back."""
        self._handle.close()

    def listing(self) -> str:
        """Every rule of every table with its handle; sets are listed without their elements."""
        return self.run("list ruleset")

    def run(self, script: str) -> str:
        """What `nft -a -t` prints; HostError with its own words if it refuses.

        Without -t it would read every element of every set first, whatever the script.
        """
        try:
            return self._handle.run(script, _FLAGS)
        except HostError as error:
            raise HostError(f"nft refuses: {error}") from None
