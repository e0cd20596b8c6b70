"""One long-lived libnftables handle: script text in, JSON out, over a socket that owns the table.

The table belongs to the netlink socket of the handle, so the flags are sent over that very socket
(research/owned_table.py). Ownership ends with the socket; `persist` keeps the table.
"""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from natgate.kernel.libnftables import NftHandle
from natgate.kernel.netlink import NETFILTER, NetlinkError, NetlinkSocket
from natgate.model.change import (
    AddElements,
    AddTable,
    ChangeTable,
    DeleteElements,
    DeleteTable,
    with_elements,
)
from natgate.model.error import HostError, RefusedError
from natgate.model.observed import Ownership
from natgate.model.table import TABLE, Table
from natgate.wire import nfnetlink
from natgate.wire.netlink import ERROR, Message, error_of, parse_messages
from natgate.wire.nft import parse_counters, parse_table

T = TypeVar("T")
_JSON, _NUMERIC_PROTOCOLS = 1 << 4, 1 << 7
_LISTING = _JSON | _NUMERIC_PROTOCOLS
"""Names of protocols would depend on /etc/protocols, which a small system may lack."""
_FIRST_SEQUENCE = 0x4E470000
_SECONDS = 5.0


class Nftables:
    """Our table in this network namespace."""

    def __init__(self) -> None:
        self._handle, self._socket = self._open()
        # What was listed is given back with the next command, which takes long of a large table.
        self._reader, self._reading = self._open()
        self._queries = NetlinkSocket(NETFILTER)
        self._listed: tuple[int, Table | None] | None = None
        self.owner_works = self._probe_owner()

    @property
    def port(self) -> int:
        """The netlink port id of the handle, by which notifications name the author of a change."""
        return int(self._socket.getsockname()[0])

    def close(self) -> None:
        """End ownership; the table stays. A second call does nothing."""
        self._handle.close()
        self._reader.close()
        self._socket.close()
        self._reading.close()
        self._queries.close()

    def read(self) -> tuple[Table | None, Ownership]:
        """The table and who owns it.

        A table whose owner died is adopted before it is read, since nft 1.0.6 writes broken JSON
        for the flags of an orphan; it becomes one again with the end of this process. Nothing is
        listed while the kernel's generation number shows that nothing has changed, or while nobody else
        can change the table.
        """
        state = self._state()
        if state is None:
            return None, "none"
        if state.owner == 0 and state.flags & nfnetlink.PERSIST:
            self._take(delete=False)
            self._listed = None
            state = self._state() or state
        if state.flags & nfnetlink.DORMANT:  # nft 1.0.6 writes broken JSON for this flag too
            return Table(asleep=True), self._ownership(state)
        generation = self._generation()
        same = self._listed is not None and self._listed[0] == generation
        if self._listed is None or not (same or self._ownership(state) == "mine"):
            self._listed = (generation, _parsed(parse_table, self._list()))
        table = self._listed[1]
        return table, self._ownership(state) if table is not None else "none"

    def counters(self) -> dict[str, int]:
        """Packets per named counter and per entry."""
        state = self._state()
        if state is None or state.flags & nfnetlink.DORMANT:
            return {}
        return _parsed(parse_counters, self._list())

    def change(self, change: ChangeTable) -> None:
        """Run the steps as one transaction; HostError with the kernel's own words if it fails.

        Taking ownership is a transaction before that, since nft has no word for it. Of a table
        made for a script that then fails nothing is left.
        """
        steps = list(change.steps)
        listed, self._listed = self._listed, None
        first = [s for s in steps if isinstance(s, DeleteTable) or _owned(s)]
        rest = [s for s in steps if s not in first] if any(map(_owned, first)) else steps
        if len(rest) == len(steps):
            self._script(steps)
            self._listed = self._followed(listed, change)
            return
        created = self._state() is None
        self._take(delete=any(isinstance(s, DeleteTable) for s in first))
        try:
            self._script(rest)
        except HostError:
            if created:
                self._transact((nfnetlink.delete_table(),), "deleting the table just made")
            raise

    def _followed(
        self, listed: tuple[int, Table | None] | None, change: ChangeTable
    ) -> tuple[int, Table | None] | None:
        """The listing after elements of single keys changed, if that was all that happened."""
        if listed is None or listed[1] is None or not _plain(listed[1], change):
            return None
        generation, state = self._generation(), self._state()
        mine = state is not None and self._ownership(state) == "mine"
        if not mine and generation != listed[0] + 1:
            return None
        return generation, with_elements(listed[1], change.steps)

    def _script(self, steps: list[Any]) -> None:
        if steps:
            self._run(self._handle, "\n".join(map(str, steps)), 0)

    def _take(self, *, delete: bool) -> None:
        steps = (nfnetlink.delete_table(),) if delete else ()
        self._transact((*steps, nfnetlink.add_owned_table()), "owning the table")

    def _generation(self) -> int:
        answers = map(nfnetlink.parse_generation, self._queries.collect(nfnetlink.get_generation()))
        return next(number for number in answers if number is not None)

    def _state(self) -> nfnetlink.TableState | None:
        try:
            answers = self._queries.collect(nfnetlink.get_table())
        except NetlinkError as error:
            if error.code == errno.ENOENT:
                return None
            raise
        states = (nfnetlink.parse_table_state(message) for message in answers)
        return next((state for state in states if state is not None), None)

    def _ownership(self, state: nfnetlink.TableState) -> Ownership:
        if state.owner == 0:
            return "none"
        return "mine" if state.owner == self.port else "foreign"

    def _probe_owner(self) -> bool:
        """Whether this kernel takes owner and persist: asked by doing it, in one transaction."""
        name = f"{TABLE}-probe"
        steps = (nfnetlink.add_owned_table(name), nfnetlink.delete_table(name))
        try:
            self._transact(steps, "probing table ownership")
        except NetlinkError as error:
            if error.code in {errno.EOPNOTSUPP, errno.EINVAL}:
                return False
            if error.code == errno.EPERM:
                raise RefusedError("changing rules needs CAP_NET_ADMIN: run as root") from None
            raise
        return True

    def _transact(self, steps: tuple[Message, ...], what: str) -> None:
        """A transaction over the handle's own socket; no answer is left there for libnftables."""
        self._socket.send(nfnetlink.batch(steps, _FIRST_SEQUENCE))
        waiting = {_FIRST_SEQUENCE + 1 + index for index in range(len(steps))}
        failure = 0
        while waiting and not failure:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise HostError(f"{what}: the kernel did not answer") from None
            for message in parse_messages(data):
                if message.type == ERROR:
                    failure = failure or error_of(message)
                    waiting.discard(message.sequence)
        if failure:
            self._drain()
            raise NetlinkError(failure, what)

    def _drain(self) -> None:
        """Take in what else the kernel said of a transaction; all of it is there by now."""
        self._socket.settimeout(0)
        try:
            while True:
                self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        finally:
            self._socket.settimeout(_SECONDS)

    def _list(self) -> str:
        return self._run(self._reader, f"list table ip {TABLE}", _LISTING)

    def _run(self, handle: NftHandle, script: str, flags: int) -> str:
        try:
            return handle.run(script, flags)
        except HostError as error:
            head = script if len(script) < 2000 else f"{script[:2000]}\n..."  # noqa: PLR2004 (a screen)
            raise HostError(f"nft refused the change: {error}\nscript:\n{head}") from None

    def _open(self) -> tuple[NftHandle, socket.socket]:
        """A handle, and a duplicate of its netlink socket: the descriptor that came with it."""
        before = set(_sockets().values())
        handle = NftHandle()
        for descriptor, name in _sockets().items():
            if name not in before:
                mine = socket.socket(fileno=os.dup(descriptor))
                mine.settimeout(_SECONDS)
                return handle, mine
        raise HostError("libnftables opened no netlink socket")


def _parsed(parse: Callable[[str], T], listing: str) -> T:
    try:
        return parse(listing)
    except ValueError as error:
        raise HostError(f"nft lists the table in a form that cannot be read: {error}") from None


def _plain(table: Table, change: ChangeTable) -> bool:
    """Whether a change is of elements that are listed as they are written."""
    return all(
        isinstance(step, AddElements | DeleteElements) and table.lookups[step.lookup].counted
        for step in change.steps
    )


def _owned(step: object) -> bool:
    return isinstance(step, AddTable) and step.owned


def _sockets() -> dict[int, str]:
    """The open sockets of this process, by descriptor."""
    found: dict[int, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # the descriptor of the listing itself
        if target.startswith("socket:"):
            found[int(entry.name)] = target
    return found
