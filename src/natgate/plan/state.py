"""What the decision knows: the spec as it needs it, and what has been heard since the start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from natgate.model.claim import Claim
from natgate.model.event import HealthChanged, Probe
from natgate.model.routes import Route
from natgate.model.view import NodeView, ShareView
from natgate.model.wish import MAINTENANCE, ON, Wishes, drain, value

NOTHING_SAID = NodeView()
NOT_CHECKED = HealthChanged(reasons={})
NO_WORD = ShareView()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSetup:
    """What the decision must know of a share; the first route tells who carries it.

    `divided`: the gateway is active-active. `failback`: seconds after which it returns to its first
    node, None if it does not. `former`: nodes of the spec before this one, which hold routes until
    a present node takes them.
    """

    name: str
    gateway: str
    nodes: tuple[str, ...]
    routes: tuple[Route, ...]
    hold_down: float
    has_echo: bool
    divided: bool = False
    failback: float | None = None
    former: tuple[str, ...] = ()

    @property
    def home(self) -> str:
        """The node that carries it when all is well."""
        return self.nodes[0]

    def movable(self, holder: str | None) -> bool:
        """A route is moved if it is missing or leads to a node, present or former; else never."""
        return holder is None or holder in self.nodes or holder in self.former


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the decision must know of the spec, which `digest` names; times in seconds.

    `reread`: how often routes are read that nothing is known to have changed; `again`: how soon what
    failed is tried anew, and how often a node that speaks is probed. `fenced`: there is a fence.
    """

    me: str
    peers: tuple[str, ...]
    shares: tuple[ShareSetup, ...]
    interval: float
    timeout: float
    reread: float = 1.0
    again: float = 1.0
    fenced: bool = False
    digest: str = ""

    @property
    def late(self) -> float:
        """Silence after which a peer is probed, so that the answer is known at the timeout."""
        return min(1.5 * self.interval, self.timeout / 2)

    @property
    def patience(self) -> float:
        """How long probes of a silent peer must stay unanswered before it is judged by that."""
        return self.timeout / 3

    @property
    def grace(self) -> float:
        """How long after the start a peer that was never heard is not held to be dead."""
        return max(1.0, 4 * self.timeout)

    @property
    def lease(self) -> float:
        """Silence after which a node that lost its routes has noticed, and gives out no ports."""
        return 2.5 * self.reread


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerState:
    """What is known of a peer; times on this node's clock.

    `probed_since`: when the probing of its present silence began.
    """

    heard: float | None = None
    view: NodeView = NOTHING_SAID
    asked: float | None = None
    probed_since: float | None = None
    answers: Mapping[tuple[Probe, str | None], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareState:
    """Who a share's routes lead to, and since when each node is healthy for it.

    `relieved_by`: who took the share from this node and has not been heard since. That it did is
    proof that it lived, so its silence most likely means that the path between the two is cut: the
    share stays there until `relieved_until`, longer each time (`reliefs`), or both would take it
    from each other for ever.
    `since`: when this node first read that the share leads to it, None if it does not.
    `wanted_since`: when this node asked the others to give out no more ports of the block.
    `yields`: whose asking it keeps to itself, as the others are told.
    `claim`: who owns the block by the word of the fence; `claimed`: when it was asked last.
    """

    holders: Mapping[Route, str | None] | None = None
    epoch: int = 0
    read: float | None = None
    busy: bool = False
    error: str | None = None
    relieved_by: str | None = None
    relieved_until: float = 0.0
    reliefs: int = 0
    healthy_since: Mapping[str, float] = field(default_factory=dict)
    since: float | None = None
    wanted_since: float | None = None
    yields: str = ""
    hands_out: bool = False
    claim: Claim | None = None
    claimed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that the decision remembers; `stepped` is when it last took in a fact."""

    setup: Setup
    started: float
    stepped: float
    own: HealthChanged = NOT_CHECKED
    peers: Mapping[str, PeerState] = field(default_factory=dict)
    shares: Mapping[str, ShareState] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=dict)


def begin(
    setup: Setup,
    now: float,
    *,
    wishes: Wishes | None = None,
    handing_out: frozenset[str] = frozenset(),
) -> State:
    """The state of a node that knows nothing yet but what outlived its last agent."""
    return State(
        setup=setup,
        started=now,
        stepped=now,
        peers={name: PeerState() for name in setup.peers},
        shares={s.name: ShareState(hands_out=s.name in handing_out) for s in setup.shares},
        wishes=wishes or {},
    )


def active(state: State, share: str) -> str | None:
    """Whom the share's first route leads to, as last read."""
    setup = share_setup(state, share)
    holders = state.shares[share].holders
    return holders.get(setup.routes[0]) if holders is not None and setup.routes else None


def speaks(state: State, node: str, now: float) -> bool:
    """Whether a node's agent has been heard within the timeout."""
    if node == state.setup.me:
        return True
    heard = state.peers.get(node, PeerState()).heard
    return heard is not None and now - heard <= state.setup.timeout


def word_of(state: State, node: str, share: str) -> ShareView:
    """What a peer last said of a share."""
    return state.peers.get(node, PeerState()).view.shares.get(share, NO_WORD)


def drained(state: State, node: str) -> bool:
    """Whether an operator has asked that a node carry nothing."""
    return value(state.wishes, drain(node)) == ON


def in_maintenance(state: State) -> bool:
    """Whether an operator has asked that nothing be moved by itself."""
    return value(state.wishes, MAINTENANCE) == ON


def share_setup(state: State, share: str) -> ShareSetup:
    """What is to be known of a share."""
    return next(setup for setup in state.setup.shares if setup.name == share)
