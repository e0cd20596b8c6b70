"""Names in a lab: dnsmasq on the network's resolver, and on each target that answers names.

Nothing is cached, so that each question of a client goes all the way.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address

from natgate.lab import namespace
from natgate.lab.record import Lab
from natgate.lab.scene import Scene
from natgate.model.resolver import DNS_PORT, Resolver

PROGRAM = "/usr/sbin/dnsmasq"

_OF_EACH = """\
keep-in-foreground
log-facility=-
log-queries=extra
pid-file=
no-resolv
no-hosts
cache-size=0
bind-interfaces
"""

_WITH_RESOLVER = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


def configurations(scene: Scene) -> dict[str, str]:
    """The dnsmasq.conf of each host that answers names."""
    found = {}
    if scene.resolver is not None:
        found[scene.resolver.name] = _forwarding(scene.resolver)
    for target in scene.targets:
        if target.answers:
            found[target.name] = _answering(target.address, target.answers)
    return found


def _forwarding(resolver: Resolver) -> str:
    """Names of other zones are refused: the resolver asks nobody for them."""
    asked = (f"server=/{each.zone}/{each.to}@{resolver.endpoint}" for each in resolver.forwards)
    return _OF_EACH + "\n".join((f"listen-address={resolver.address}", *asked)) + "\n"


def _answering(address: IPv4Address, answers: Mapping[str, IPv4Address]) -> str:
    """All other names do not exist."""
    known = (f"host-record={name},{found}" for name, found in answers.items())
    return _OF_EACH + "\n".join((f"listen-address={address}", "local=/#/", *known)) + "\n"


def start(lab: Lab) -> None:
    """Start what answers names, and write down for each client whom it asks."""
    for host, text in configurations(lab.scene).items():
        written = lab.state(host) / "dnsmasq.conf"
        written.write_text(text)
        argv = [PROGRAM, f"--conf-file={written}"]
        namespace.start(lab.namespace(host), argv, log=lab.log(host), env={})
    if lab.scene.resolver is not None:
        for client in lab.scene.clients:
            written = lab.state(client.name) / "resolv.conf"
            written.write_text(f"nameserver {lab.scene.resolver.address}\n")
            written.chmod(0o644)


def missing(lab: Lab) -> str | None:
    """A sentence while a host that answers names does not listen."""
    listing = ["ss", "--no-header", "--listening", "--numeric", "--udp", f"sport = :{DNS_PORT}"]
    for host in configurations(lab.scene):
        if not namespace.run(namespace.inside(lab.namespace(host), listing)):
            return f"the dnsmasq of {host} does not listen; its log is {lab.log(host)}"
    return None


def inside(lab: Lab, host: str, argv: list[str]) -> list[str]:
    """The command that runs `argv` on a host, as the same process; a client's asks its resolver."""
    asked = lab.state(host) / "resolv.conf"
    if asked.exists():
        argv = ["unshare", "--mount", "--", "sh", "-c", _WITH_RESOLVER, str(asked), *argv]
    return namespace.inside(lab.namespace(host), argv)
