"""`natgate lab demo`: on a terminal, in a pipe, and for machines."""

import signal
from contextlib import closing
from typing import NoReturn

import click

from natgate.cli import output
from natgate.cli.demo_cloud import print_on_cloud
from natgate.cli.demo_view import LiveView, View, print_result
from natgate.cli.options import CLOUD_OPTION
from natgate.lab import catalogue, clouded, faults, vpc
from natgate.lab.demo import story
from natgate.lab.events import DemoEnded

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.argument("scene", default=catalogue.DEFAULT_SCENE)
@click.option("--name", default="demo", show_default=True, help="What to call the lab.")
@click.option("--json", "json_", is_flag=True, help="One JSON document on stdout.")
@click.option(
    "--fault", "kinds", multiple=True, metavar="KIND", help="Only this fault; may be repeated."
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice(catalogue.MODES),
    help="Only this mode of the gateway; may be repeated.",
)
@CLOUD_OPTION
def demo(
    scene: str,
    name: str,
    json_: bool,
    kinds: tuple[str, ...],
    modes: tuple[str, ...],
    cloud: vpc.Cloud,
) -> None:
    """Bring up SCENE, break it in every way, and measure what each fault costs.

    A download and a stream stay open through every fault. A scene with nodes in several zones is
    broken in each mode of the gateway; with --cloud aws in active-standby only, where the instance
    is stopped through the API as well (instance-stopped). The lab is taken down at the end, also on Ctrl-C.
    """
    console = output.err() if json_ else output.out()
    for number in SIGNALS:
        signal.signal(number, _interrupted)
    view = LiveView(console) if console.is_terminal else View(console)
    on_cloud = cloud == "aws"
    chosen = kinds or (clouded.KINDS if on_cloud else faults.OF_ONE_NODE)
    shown = clouded.modes_of(modes) if on_cloud else modes
    events_of = story(name, catalogue.prepared(scene), chosen, shown, view.say, cloud)
    with view, closing(events_of) as events:
        for event in events:
            if isinstance(event, DemoEnded):
                result = event.result
            else:
                view.show(event)
    if json_:
        output.print_json(result.model_dump(mode="json"))
    elif on_cloud:
        print_on_cloud(console, result)
    else:
        print_result(console, result)


def _interrupted(*_: object) -> NoReturn:
    """Take the lab down, undisturbed by a second Ctrl-C."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
