"""What the referee says of its work: one JSON object a line, as cloud functions write them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from natgate.model.referee import CloudEvent, Instance, TableRoute
from natgate.plan.referee import ShareTurn, Turn

Level = Literal["INFO", "WARNING", "ERROR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefereeLog:
    """Lines about one event, which `request` names; `many`: each line says which share it is about.

    `now` gives seconds since 1970.
    """

    request: str
    now: Callable[[], float]
    write: Callable[[str], None]
    many: bool = False

    def triggered(self, event: CloudEvent) -> None:
        """What set it off."""
        self.say("INFO", "trigger", detailType=event.kind)

    def decided(self, turn: Turn, before: Turn | None) -> None:
        """What was found and decided; nothing where that is as it was a moment before."""
        known = {share.share: share for share in before.shares} if before else {}
        for share in turn.shares:
            last = known.get(share.share)
            if last is None or last.interfaces != share.interfaces:
                self._of(
                    share, "INFO", "eni discovered", eniByAz=dict(sorted(share.interfaces.items()))
                )
            if last is None or (last.active, last.healthy) != (share.active, share.healthy):
                self._of(
                    share,
                    "INFO" if share.active else "ERROR",
                    "active az decided",
                    currentAz=share.current,
                    activeAz=share.active,
                    healthy=dict(share.healthy),
                    reason=share.reason,
                )

    def synced(self, share: ShareTurn, previous: str | None) -> None:
        """All routes of a share lead where they should; `previous`: where the first one led."""
        self._of(
            share,
            "INFO",
            "routes synced",
            target=share.target,
            activeAz=share.active,
            prevGatewayEni=previous,
        )

    def refused(self, share: ShareTurn) -> None:
        """The routes that stay, because they are somebody else's."""
        for route, target in share.refused.items():
            self._route(share, "route refused", route, target=target.text)

    def failed(self, share: ShareTurn, route: TableRoute, error: str) -> None:
        """A route that could not be led where it should."""
        self._route(share, "route failed", route, error=error)

    def instance(self, message: str, instance: Instance, *, level: Level = "INFO") -> None:
        """What becomes of an instance."""
        self.say(level, message, az=instance.zone, instanceId=instance.instance)

    def say(self, level: Level, message: str, **extras: object) -> None:
        """One line; extras that are None are left out."""
        line = {
            "timestamp": datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": level,
            "message": message,
            "logger": "root",
            "requestId": self.request,
            **{name: value for name, value in extras.items() if value is not None},
        }
        self.write(json.dumps(line))

    def _route(self, share: ShareTurn, message: str, route: TableRoute, **extras: object) -> None:
        self._of(
            share, "ERROR", message, table=route.table, destination=route.destination, **extras
        )

    def _of(self, share: ShareTurn, level: Level, message: str, **extras: object) -> None:
        self.say(level, message, share=share.share if self.many else None, **extras)
