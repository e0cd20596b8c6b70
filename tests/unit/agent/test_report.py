"""The cloud hears how a node is, at once when that changes, and the loop waits for nothing."""

import asyncio
from collections.abc import Awaitable, Callable

from natgate.agent.report import Report
from natgate.cloud.fake import FakeAnnouncer
from natgate.model.view import PathHealth

WELL, ILL = PathHealth(), PathHealth(reasons=("g: upstream dead",))
SOON, NEVER = 0.005, 1000.0

Story = Callable[[Report, FakeAnnouncer], Awaitable[None]]


def told(story: Story, interval: float = NEVER, announcer: FakeAnnouncer | None = None) -> None:
    """Run a story with a report of one node."""

    async def run() -> None:
        heard = announcer or FakeAnnouncer()
        report = Report("node-a", heard, interval)
        try:
            await story(report, heard)
        finally:
            await report.close()
        assert heard.closed

    asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something, but not for ever."""
    async with asyncio.timeout(2):
        while True:
            if holds():
                return
            await asyncio.sleep(0.001)


def test_a_change_is_told_at_once() -> None:
    """By the metric and by an event, and a second reason for the same illness is no change."""

    async def story(report: Report, heard: FakeAnnouncer) -> None:
        for health, count in ((WELL, 1), (ILL, 2), (WELL, 3)):
            report.say(health)
            await until(lambda count=count: len(heard.measured) == count)  # type: ignore[misc]
        report.say(WELL)
        await asyncio.sleep(0.01)
        assert heard.measured == [True, False, True]
        assert heard.announced == [ILL, WELL]
        assert heard.asked == 1

    told(story)


def test_it_is_told_again_at_the_interval() -> None:
    """An explicit 1 or 0 each time; no event, since the first word is no change."""

    async def story(report: Report, heard: FakeAnnouncer) -> None:
        report.say(ILL)
        await until(lambda: len(heard.measured) >= 5)
        assert set(heard.measured) == {False}
        assert heard.announced == []
        assert heard.asked == 0

    told(story, SOON)


def test_nothing_is_said_before_it_is_known() -> None:
    """Neither good nor bad."""

    async def story(report: Report, heard: FakeAnnouncer) -> None:
        report.say(None)
        await asyncio.sleep(5 * SOON)
        assert len(asyncio.all_tasks()) == 1
        assert heard.measured == []
        assert report.warnings() == ()

    told(story, SOON)


def test_what_was_not_heard_is_a_warning_and_said_again() -> None:
    """Also the event and the word that the machine is ready; once heard, the warning is gone."""

    async def story(report: Report, heard: FakeAnnouncer) -> None:
        heard.away = True
        report.say(WELL)
        await until(lambda: bool(report.warnings()))
        (found,) = report.warnings()
        assert (found.code, found.text) == ("health-untold", "node-a: nobody hears")
        report.say(ILL)
        report.say(WELL)
        report.say(ILL)
        heard.away = False
        await until(lambda: heard.announced == [ILL])
        report.say(WELL)
        await until(lambda: heard.asked == 1 and heard.announced == [ILL, WELL])
        await until(lambda: not report.warnings())

    told(story, SOON)


def test_a_machine_is_called_ready_until_somebody_is_known_to_be_told() -> None:
    """That nobody is known yet is no failure, and it is said once only."""

    async def story(report: Report, heard: FakeAnnouncer) -> None:
        report.say(WELL)
        await until(lambda: heard.asked == 3)
        heard.measured.clear()
        await until(lambda: len(heard.measured) >= 3)
        assert heard.asked == 3
        assert report.warnings() == ()

    told(story, SOON, FakeAnnouncer(known_after=2))


def test_what_is_not_answered_leaves_no_gap() -> None:
    """An API out of reach keeps the metric of another one from nobody, or the node would seem dead."""

    class Unanswered(FakeAnnouncer):
        async def ready(self) -> bool:
            self.asked += 1
            await asyncio.sleep(0 if self.asked == 1 else NEVER)
            return False

    async def story(report: Report, heard: FakeAnnouncer) -> None:
        report.say(WELL)
        await until(lambda: len(heard.measured) >= 5)
        assert heard.asked == 2

    told(story, SOON, Unanswered())
