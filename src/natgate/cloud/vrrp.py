"""Steering by VRRP on a flat network: keepalived moves the addresses, natgate says when.

Who is active is seen, not asked: this node if the inside address is on its link, else the one
whose adverts arrive here. keepalived outlives the agent and goes on by itself.
"""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from natgate.cloud.daemon import Daemon
from natgate.cloud.interface import Target
from natgate.kernel.links import Links
from natgate.model.error import BugError, HostError, NatgateError, RefusedError
from natgate.model.routes import Route
from natgate.model.spec import Spec
from natgate.model.steering import VrrpSteering as VrrpSettings
from natgate.wire import keepalived
from natgate.wire.keepalived import CONFIGURATION, HIGHEST_RANK, PRIORITY, RANK, WITHDRAWN
from natgate.wire.vrrp import PROTOCOL, Advert, parse_advert

DIRECTORY = "vrrp"
POLL = 0.005
LAST_WORDS = 1.5
"""Seconds for which a child whose parent was killed may still speak."""

PATIENCE = 0.3
"""Seconds beside the time of the adverts that keepalived has to act."""


class VrrpSteering:
    """A `Steering` whose routes all lead to the node that holds the addresses."""

    def __init__(self, spec: Spec, node: str, state: Path) -> None:
        if not isinstance(spec.steering, VrrpSettings):
            raise BugError(f"steering of kind {spec.steering.kind} is not vrrp")
        self._me = spec.node(node).address
        self._inside = spec.steering.inside[0]
        self._router_id = spec.steering.router_id
        self._peers = {n.address for n in spec.nodes} - {self._me}
        self._down = 4 * spec.steering.advert_interval
        self._rest: int | None = None
        self._taking = False
        self._fresh = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: int | None = None
        self._revival: asyncio.Task[None] | None = None
        self._directory = (state / DIRECTORY).absolute()
        self._daemon = keepalived_of(state)
        self._bring(keepalived.render_keepalived(_instance(spec, node, self._directory)))
        self._adverts = _advert_socket(self._me)
        self._links = Links()

    async def read(self, routes: Sequence[Route]) -> Mapping[Route, Target | None]:
        """All lead to the active node; None if nobody is, which takes some adverts to know."""
        await self._keep()
        active, heard = await self._active()
        if not self._taking:
            self._settle(active, heard)
        return dict.fromkeys(routes, active)

    async def point(self, routes: Sequence[Route], node: IPv4Address) -> Mapping[Route, str]:
        """Take the addresses, from a living master too; only the node itself can."""
        if not routes:
            return {}
        if node != self._me:
            return dict.fromkeys(routes, f"only {node} itself can take the addresses")
        await self._keep()
        active, heard = await self._active()
        rest = 0 if active is None or active == self._me or heard is None else heard - PRIORITY
        rank = rest + 1 if active not in {None, self._me} else self._number(RANK)
        if rank > HIGHEST_RANK:
            return dict.fromkeys(routes, f"{active} has priority {heard}, and none is higher")
        self._taking = True
        try:
            self._write(RANK, rank)
            self._write(WITHDRAWN, 0)
            if await self._within(self._down + PATIENCE, self._holds):
                self._rest = rest
                return {}
        finally:
            self._taking = False
        self._write(RANK, 0)
        return dict.fromkeys(routes, f"keepalived did not become master against {active}")

    async def refused(self, routes: Sequence[Route]) -> Mapping[Route, str]:
        """Nothing: this node asks its own keepalived."""
        del routes
        return {}

    async def offer(
        self, routes: Sequence[Route], node: IPv4Address, *, fit: bool | None
    ) -> str | None:
        """Take part in the election, or step down at once."""
        del routes, node
        if fit is not None:
            self._write(WITHDRAWN, 0 if fit else 1)
        return None

    async def withdraw(self) -> None:
        """Keepalived is ended with the rest of what natgate made."""

    def close(self) -> None:
        """Give sockets back; keepalived goes on."""
        self._forget()
        if self._revival is not None:
            self._revival.cancel()
        self._adverts.close()
        self._links.close()

    def _bring(self, text: str) -> None:
        """Adopt the keepalived that runs, with its part in the election, or start one without."""
        path = self._directory / CONFIGURATION
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            before = path.read_text() if path.exists() else ""
            path.write_text(text)
        except OSError as error:
            raise HostError(f"cannot write {path}: {error.strerror}") from None
        if self._daemon.lives() is None:
            self._daemon.stop()
            self._write(WITHDRAWN, 1)
            self._start()
        elif text != before:
            self._daemon.signal(signal.SIGHUP)

    def _start(self) -> None:
        self._write(RANK, 0)
        self._daemon.start()
        self._fresh = True

    async def _keep(self) -> None:
        """See to it that keepalived lives, now and from now on; HostError if it does not come up."""
        if self._daemon.lives() is None:
            # A child whose parent was killed takes the addresses away, and ends.
            await self._within(LAST_WORDS, lambda: not self._daemon.pids())
            self._daemon.stop()
            self._start()
        if self._fresh:
            self._fresh = False
            await self._within(1.0, lambda: not self._holds())  # left by one that was killed
        self._look_after()

    def _look_after(self) -> None:
        """Be told at once when keepalived ends."""
        loop = asyncio.get_running_loop()
        pid = self._daemon.lives()
        if pid is None or (self._watched is not None and self._loop is loop):
            return
        self._forget()
        with suppress(OSError):
            self._watched, self._loop = os.pidfd_open(pid), loop
            loop.add_reader(self._watched, self._on_end)

    def _on_end(self) -> None:
        self._forget()
        loop = asyncio.get_running_loop()
        self._revival = loop.create_task(self._revive())

    async def _revive(self) -> None:
        """What fails here is tried again, and told, by the next read."""
        with suppress(NatgateError):
            await self._keep()

    def _forget(self) -> None:
        if self._watched is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._watched)
            os.close(self._watched)
            self._watched = None

    async def _active(self) -> tuple[IPv4Address | None, int | None]:
        """Who is active, with the priority of the last advert heard from another node.

        Adverts that have waited may be old: they prove that there was another, not that there is.
        """
        waited = self._hear()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._down
        while True:
            if self._holds():
                return self._me, waited.priority if waited else None
            if advert := self._hear():
                return advert.source, advert.priority
            if loop.time() > deadline:
                return None, None
            await asyncio.sleep(POLL)

    async def _within(self, seconds: float, holds: Callable[[], bool]) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not holds():
            if loop.time() > deadline:
                return False
            await asyncio.sleep(POLL)
        return True

    def _holds(self) -> bool:
        return self._inside in self._links.addresses()

    def _hear(self) -> Advert | None:
        """The last advert that waits, of a peer that does not step down."""
        last = None
        while True:
            try:
                advert = parse_advert(self._adverts.recv(2048))
            except BlockingIOError:
                return last
            if advert and advert.source in self._peers and advert.router_id == self._router_id:
                last = advert if advert.priority else None

    def _settle(self, active: IPv4Address | None, heard: int | None) -> None:
        """Give up a raised priority: when another took over, or when the other is silent."""
        if active == self._me:
            if self._rest is not None and heard is None:
                self._write(RANK, self._rest)
                self._rest = None
        elif active is not None:
            self._rest = None
            self._write(RANK, 0)

    def _number(self, name: str) -> int:
        try:
            return int((self._directory / name).read_text())
        except (OSError, ValueError):
            return 0

    def _write(self, name: str, value: int) -> None:
        """Write a tracked file, unless it says so already; keepalived acts within milliseconds."""
        path = self._directory / name
        try:
            if not path.exists() or path.read_text() != f"{value}\n":
                path.write_text(f"{value}\n")
        except OSError as error:
            raise HostError(f"cannot write {path}: {error.strerror}") from None


def keepalived_of(state: Path) -> Daemon:
    """The keepalived of a state directory."""
    directory = (state / DIRECTORY).absolute()
    configuration = str(directory / CONFIGURATION)
    pid_files = (directory / "keepalived.pid", directory / "vrrp.pid")
    options = ("--vrrp", "--dont-fork", "--log-console", "--no-syslog", "--use-file", configuration)
    pids = ("--pid", str(pid_files[0]), "--vrrp_pid", str(pid_files[1]))
    return Daemon(
        argv=("keepalived", *options, *pids),
        pid_files=pid_files,
        mark=configuration,
        package="keepalived",
    )


def end_keepalived(state: Path) -> None:
    """End the keepalived of a state directory, which gives the addresses up, and remove its files."""
    if (state / DIRECTORY).exists():
        keepalived_of(state).stop()
        shutil.rmtree(state / DIRECTORY, ignore_errors=True)


def _instance(spec: Spec, node: str, directory: Path) -> keepalived.Instance:
    settings = spec.steering
    assert isinstance(settings, VrrpSettings)  # noqa: S101 (checked by the only caller)
    for link in (settings.interface, settings.outer_interface):
        try:
            socket.if_nametoindex(link)
        except OSError:
            raise RefusedError(f"steering.interface: this node has no link {link}") from None
    return keepalived.Instance(
        directory=str(directory),
        interface=settings.interface,
        fixed_interface=settings.outer_interface,
        address=spec.node(node).address,
        peers=tuple(n.address for n in spec.nodes if n.name != node),
        router_id=settings.router_id,
        interval=settings.advert_interval,
        inside=settings.inside,
        fixed=tuple(fixed.address for g in spec.gateways for fixed in g.addresses),
    )


def _advert_socket(local: IPv4Address) -> socket.socket:
    """A socket that gets a copy of every advert that is sent to this node."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
    except PermissionError:
        raise RefusedError("hearing adverts needs CAP_NET_RAW: run as root") from None
    raw.setblocking(False)
    try:
        raw.bind((str(local), 0))
    except OSError as error:
        raw.close()
        raise RefusedError(f"{local} is not on this host ({error.strerror})") from None
    return raw
