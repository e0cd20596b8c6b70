"""`natgate lab`: a whole network on this machine, with real packets."""

import subprocess
import sys

import click

from natgate.cli import output
from natgate.cli.demo import demo
from natgate.cli.lab_routes import routes_
from natgate.cli.options import CLOUD_OPTION
from natgate.cli.read import show_status
from natgate.lab import agents, catalogue, control, faults, life, record, resolving, vpc
from natgate.lab.scene import Scene
from natgate.model.error import NatgateError, RefusedError
from natgate.wire.schema import published

named = click.option(
    "--name", default="lab", show_default=True, help="Which lab, if there are several."
)
as_json = click.option("--json", "json_", is_flag=True, help="One JSON document on stdout.")


@click.group()
def lab() -> None:
    """Rehearse on a network of namespaces, with real agents and real packets.

    Nothing leaves these namespaces, and `down` leaves nothing behind. Needs root.
    """


lab.add_command(demo)
lab.add_command(routes_)


def say(line: str) -> None:
    """Progress, which is not data."""
    output.err().print(line, markup=False)


@lab.command()
@click.argument("scene", default=catalogue.DEFAULT_SCENE)
@named
@click.option(
    "--ownership",
    type=click.Choice(["auto", "off"]),
    help="Override spec.host.ownership: off behaves as a kernel before 6.9.",
)
@CLOUD_OPTION
def up(scene: str, name: str, ownership: catalogue.Ownership | None, cloud: vpc.Cloud) -> None:
    """Bring up SCENE (built-in, or a file) and return when its gateways forward."""
    life.up(name, catalogue.prepared(scene, ownership), say, cloud)


@lab.command()
@named
@click.option("--all", "all_", is_flag=True, help="Take every lab down.")
def down(name: str, all_: bool) -> None:
    """Take a lab down, also one that was killed half way."""
    record.need_root()
    for each in record.names() if all_ else (name,):
        life.down(each)
        say(f"lab {each} is down")


@lab.command("hosts")
@named
@as_json
def hosts_(name: str, json_: bool) -> None:
    """The machines of a lab."""
    found = record.find(name)
    rows = [
        {
            "host": host.name,
            "role": host.role,
            "zone": host.zone,
            "namespace": found.namespace(host.name),
            "addresses": list(host.addresses),
        }
        for host in found.hosts()
    ]
    if json_:
        output.print_json(rows)
        return
    table = output.table("HOST", "ROLE", "ZONE", "ADDRESS", "NAMESPACE")
    for host in found.hosts():
        addresses = ", ".join(host.addresses) or "-"
        space = found.namespace(host.name)
        table.add_row(host.name, host.role, host.zone or "-", addresses, space)
    output.out().print(table)


@lab.command("exec", context_settings={"ignore_unknown_options": True})
@named
@click.argument("host")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(name: str, host: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on HOST (write -- before it); its output and exit code are those of this."""
    record.need_root()
    found = record.find(name)
    argv = resolving.inside(found, found.host(host).name, list(command))
    done = subprocess.run(argv, check=False)
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


@lab.command()
@named
@click.option("--list", "list_", is_flag=True, help="Say which faults there are.")
@as_json
@click.argument("kind", required=False)
@click.argument("node", required=False)
def fault(name: str, list_: bool, json_: bool, kind: str | None, node: str | None) -> None:
    """Break NODE in the way KIND, as a foreign root process would."""
    if list_:
        _list_faults(json_=json_)
        return
    if kind is None or node is None:
        raise click.UsageError("name a KIND and a NODE, or ask with --list")
    record.need_root()
    chosen = faults.kind_of(kind)
    found = record.find(name)
    output.out().print(chosen.inject(found, found.node(node)), markup=False)


def _list_faults(*, json_: bool) -> None:
    if json_:
        output.print_json([{"kind": f.kind, "summary": f.summary} for f in faults.FAULTS.values()])
        return
    table = output.table("KIND", "WHAT HAPPENS")
    for each in faults.FAULTS.values():
        table.add_row(each.kind, each.summary)
    output.out().print(table)


@lab.command()
@named
@click.argument("verb", type=click.Choice(control.VERBS))
@click.argument("argument", default="")
def api(name: str, verb: str, argument: str) -> None:
    """Break the API of a lab that is up with --cloud aws, or end an instance by it.

    throttle SECONDS, refuse TABLE, slow MILLISECONDS, stale SECONDS, no-credentials; heal undoes all.
    stop NODE and terminate NODE end the instance that stands for a node; it is replaced.
    """
    record.need_root()
    found = record.find(name)
    if found.cloud != "aws":
        raise RefusedError(f"lab {name} has no API; bring it up with --cloud aws")
    output.out().print(control.ask(vpc.control_path(found.directory), verb, argument), markup=False)


@lab.command()
@named
@click.argument("node", required=False)
def heal(name: str, node: str | None) -> None:
    """Undo the faults of NODE, or of all; return when it is healthy again."""
    record.need_root()
    found = record.find(name)
    nodes = (found.node(node),) if node else found.nodes()
    faults.heal(found, nodes)
    say(f"{', '.join(nodes)}: healthy")


@lab.command()
@named
@as_json
def status(name: str, json_: bool) -> None:
    """What `natgate status` says on a node that is active, or else on one that answers."""
    answer = agents.status(record.find(name))
    if json_:
        output.print_json(answer)
    else:
        show_status(answer)


@lab.command()
@named
@click.argument("host")
def logs(name: str, host: str) -> None:
    """What the programs of HOST have written."""
    record.need_root()
    found = record.find(name)
    path = found.log(found.host(host).name)
    if path.exists():
        sys.stdout.write(path.read_text(errors="replace"))


@lab.command()
def schema() -> None:
    """The JSON Schema of a scene file."""
    output.print_json(published(Scene))


@lab.command()
@click.argument("scene", default=catalogue.DEFAULT_SCENE)
def show(scene: str) -> None:
    """The YAML of SCENE, to start a scene of your own from."""
    sys.stdout.write(catalogue.text_of(scene))


@lab.command("list")
@as_json
def list_(json_: bool) -> None:
    """The built-in scenes, and the labs that are up."""
    scenes = [
        {"name": name, "title": catalogue.prepared(name).title} for name in catalogue.built_in()
    ]
    labs = [{"name": name, "scene": _scene_of(name)} for name in record.names()]
    if json_:
        output.print_json({"scenes": scenes, "labs": labs})
        return
    table = output.table("SCENE", "TITLE")
    for row in scenes:
        table.add_row(row["name"], row["title"])
    output.out().print(table)
    output.out().print()
    up_now = output.table("LAB", "SCENE")
    for found in labs:
        up_now.add_row(found["name"], found["scene"] or "-")
    output.out().print(up_now if labs else "no lab is up")


def _scene_of(name: str) -> str | None:
    """The scene of a lab; None if the lab was never finished or cannot be read."""
    try:
        return record.find(name).scene.name
    except NatgateError:
        return None
