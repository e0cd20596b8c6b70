"""Checks of a gateway's own addresses, on the node that receives its returns."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from natgate.agent.checks import EchoCheck
from natgate.kernel import flow_table
from natgate.kernel.echo import EchoSocket
from natgate.model.address import FIRST_PORT
from natgate.model.gateway import AddressCheck, Gateway
from natgate.model.roles import Unanswered
from natgate.model.spec import Spec
from natgate.plan.addresses import check_ids
from natgate.wire.icmp import EchoReply


@dataclass(slots=True)
class AddressWatch:
    """One gateway while its addresses are checked; `failed` are those that get no answer."""

    checks: tuple[EchoCheck, ...] = ()
    tasks: tuple[asyncio.Task[None], ...] = ()
    failed: set[IPv4Address] = field(default_factory=set)
    returning: dict[IPv4Address, asyncio.TimerHandle] = field(default_factory=dict)

    def stop(self) -> None:
        """Ask no more."""
        for task in self.tasks:
            task.cancel()
        for timer in self.returning.values():
            timer.cancel()


class AddressChecks:
    """The checks of every gateway that this node receives the returns of."""

    def __init__(self, spec: Spec, me: str, echo: EchoSocket, changed: Callable[[], None]) -> None:
        self._echo = echo
        self._changed = changed
        self._ids = check_ids(spec.gateways)
        self._gateways = {
            g.name: g for g in spec.gateways if g.health.addresses and me in spec.nodes_of(g)
        }
        self._watched: dict[str, AddressWatch] = {}
        if self._gateways:
            # A flow that an earlier spec's checks began would keep the address it had.
            flow_table.end_echoes(spec.node(me).address, range(1, FIRST_PORT))

    def carry(self, receives: Mapping[str, str | None], me: str, last: Unanswered) -> None:
        """Check the gateways whose returns come here; what failed before fails until answered."""
        for name, gateway in self._gateways.items():
            if receives.get(name) != me:
                if name in self._watched:
                    self._watched.pop(name).stop()
            elif name not in self._watched:
                failed = set(last.get(name, frozenset()))
                self._watched[name] = self._begin(gateway, failed)

    def unanswered(self) -> dict[str, frozenset[IPv4Address]]:
        """The failed addresses of each gateway that is checked here now."""
        return {name: frozenset(watch.failed) for name, watch in self._watched.items()}

    def receive(self, reply: EchoReply) -> None:
        """Take in a reply, which may belong to another check."""
        for watch in self._watched.values():
            for check in watch.checks:
                check.receive(reply)

    async def close(self) -> None:
        """Stop every check."""
        tasks = [task for watch in self._watched.values() for task in watch.tasks]
        for watch in self._watched.values():
            watch.stop()
        self._watched.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, gateway: Gateway, failed: set[IPv4Address]) -> AddressWatch:
        check = gateway.health.addresses
        watch = AddressWatch(failed=failed)
        if check is not None:
            watch.checks = tuple(
                self._check(check, gateway, watch, fixed.address) for fixed in gateway.addresses
            )
        loop = asyncio.get_running_loop()
        watch.tasks = tuple(loop.create_task(each.run()) for each in watch.checks)
        return watch

    def _check(
        self, check: AddressCheck, gateway: Gateway, watch: AddressWatch, address: IPv4Address
    ) -> EchoCheck:
        def answered() -> None:
            watch.returning.pop(address, None)
            watch.failed.discard(address)
            self._changed()

        def report(reason: str | None) -> None:
            waiting = watch.returning.pop(address, None)
            if waiting is not None:
                waiting.cancel()
            if reason is not None:
                watch.failed.add(address)
                self._changed()
            elif address in watch.failed:
                later = asyncio.get_running_loop().call_later
                watch.returning[address] = later(gateway.health.hold_down, answered)

        return EchoCheck(check=check, echo=self._echo, identifier=self._ids[address], report=report)
