"""Answers who used an address and port, from the log and from the kernel's own table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from natgate.kernel.flow_table import columns_of
from natgate.model.error import HostError, RefusedError
from natgate.model.log_rows import OPEN
from natgate.model.logged import NONE, Question, Run, Source, Use
from natgate.model.open_flow import IPV4
from natgate.plan.log_answer import LOOK_BACK, Answer, answer, gaps_near, uses_of
from natgate.store.log_directory import LogDirectory
from natgate.wire.flow_query import Side, get_matching
from natgate.wire.flow_record import WANTED, rows_of

Live = Callable[[IPv4Address, int, int], list[Use]]
"""The open flows of an address and port, given how many bits of destinations may be shown."""

NOT_LOOKED = "flows that are still open were not looked at: that needs root on the gateway itself"


def who(directory: Path, question: Question, live: Live | None, now: int) -> Answer:
    """The answer; without `live` from the files alone."""
    log = LogDirectory(directory)
    history = log.history()
    first, last = question.at - question.within, question.at + question.within
    if gaps_near(history, question):
        first -= LOOK_BACK
    found = log.find(int(question.address), question.port, first, last)
    uses = [use for each in found for use in uses_of(each.rows, each.kept)]
    runs = [each for each in history if isinstance(each, Run)]
    notes: list[str] = []
    if live is not None:
        try:
            uses += live(question.address, question.port, runs[-1].destinations if runs else NONE)
        except (HostError, RefusedError, OSError):
            notes.append(NOT_LOOKED)
    made = answer(question, uses=uses, blocks=log.blocks(), history=history, now=now)
    return replace(made, notes=(*made.notes, *notes))


def live_by(now: int) -> Live:
    """Asks this machine's kernel."""

    def uses(address: IPv4Address, port: int, kept: int) -> Iterator[Use]:
        gateway = Side(destination=int(address))
        seen, asked = get_matching(IPV4, reply=gateway), get_matching(IPV4, original=gateway)
        for columns in columns_of([seen, asked], WANTED):
            rows = rows_of(columns, now, live=OPEN, kept=kept)
            chosen = rows[(rows["address"] == int(address)) & (rows["port"] == port)]
            for use in uses_of(chosen, kept):
                yield replace(use, source=Source.LIVE, stop=None)

    return lambda address, port, kept: list(uses(address, port, kept))
