"""What the addresses of a flow say about its translation, as netstat-nat 1.4.10 and 2a read them.

Both programs compare the four addresses of the two directions and nothing else. So a translation
of the port alone looks like none, and a host that meets itself through the gateway (hairpin) is
of no kind at all; `natgate` itself asks the kernel for the status of a flow instead.
"""

from enum import Enum, auto


class Kind(Enum):
    """How the addresses of the way out differ from those of the way back."""

    SNAT = auto()
    """The source alone was replaced."""
    DNAT = auto()
    """The destination alone was replaced."""
    BOTH = auto()
    """Source and destination were replaced."""
    SAME_DOOR = auto()
    """Both were replaced, and the answer goes to the address that the client had asked."""
    PLAIN = auto()
    """No address was replaced."""


class View(Enum):
    """Which flows are listed."""

    NAT = auto()
    SNAT = auto()
    DNAT = auto()
    LOCAL = auto()
    ROUTED = auto()
    NOTHING = auto()

    @property
    def translated(self) -> bool:
        """Whether the view is of translated flows, which have an address at the gateway."""
        return self not in {View.LOCAL, View.ROUTED}


SHOWN: dict[View, tuple[Kind, ...]] = {
    View.NAT: (Kind.SNAT, Kind.DNAT, Kind.BOTH, Kind.SAME_DOOR),
    View.SNAT: (Kind.SNAT, Kind.BOTH),
    View.DNAT: (Kind.DNAT, Kind.BOTH, Kind.SAME_DOOR),
    View.LOCAL: (Kind.PLAIN,),
    View.ROUTED: (Kind.PLAIN,),
    View.NOTHING: (),
}
"""The kinds of each view; of plain flows, LOCAL and ROUTED divide by the box's own addresses."""


def kind_of(source: str, destination: str, from_: str, to: str) -> Kind | None:
    """The kind of a flow from `source` to `destination` that is answered `from_`, `to`.

    None for a flow that neither program ever lists: one that is answered by its own source.
    """
    if destination == from_:
        return Kind.PLAIN if source == to else Kind.SNAT
    if source == to:
        return Kind.DNAT
    if source == from_:
        return None
    return Kind.SAME_DOOR if destination == to else Kind.BOTH
