"""Asks the agent for the names of flows' entries and nodes; without one they have none."""

from pathlib import Path

from natgate.agent.places import SOCKET
from natgate.api.client import AgentClient
from natgate.cli.output import err
from natgate.model.error import AgentError, NatgateError
from natgate.model.flow_class import Told
from natgate.model.open_flow import OpenFlow
from natgate.plan.flow_names import Names, names_of

MOST = 50_000
"""Classes that are asked for at once."""


class Naming:
    """The names that one agent tells."""

    def __init__(self, state: Path) -> None:
        self._agent = AgentClient(state / SOCKET)
        self.names = Names()
        try:
            self.names = names_of(self._agent.flow_bounds())
        except AgentError:
            return
        except NatgateError as error:  # an agent of another version
            err().print(f"note: the agent names no entries: {error}", markup=False)

    def learn(self, flows: list[OpenFlow]) -> None:
        """Ask for the entries of flows that are of no class that was asked for."""
        asked = list(self.names.unknown(flows).items())
        for first in range(0, len(asked), MOST):
            part = asked[first : first + MOST]
            answers = self._agent.flow_entries([ends for _, ends in part])
            for (known, _), answer in zip(part, answers, strict=True):
                self.names.told[known] = Told(
                    entry=answer["entry"],
                    sources=frozenset(answer["sources"]),
                    target=answer["target"],
                )
