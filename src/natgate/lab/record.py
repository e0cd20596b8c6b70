"""A lab that is up, as it lies on the disk: /run/natgate/lab/NAME.

Making this directory is what takes the name; it goes last when a lab is taken down.
"""

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from natgate.lab import catalogue, namespace, network, vpc
from natgate.lab.scene import Host, Scene, hosts
from natgate.model.error import RefusedError
from natgate.model.spec import Spec

ROOT = Path("/run/natgate/lab")
KEY_ENV = "NATGATE_HEARTBEAT_KEY"
AWS = "cloud-aws"
"""A file by which a lab is known to have its routes in an API."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A lab by name, with the scene it was made from."""

    name: str
    scene: Scene
    cloud: vpc.Cloud = "lab"

    @property
    def directory(self) -> Path:
        """Where its files lie: scene.yaml, spec.yaml, key, and HOST/log."""
        return ROOT / self.name

    def spec(self) -> Spec:
        """What its agents get."""
        vty_dir = str(self.daemons("{node}"))
        return network.with_steering(self.scene.spec, self.name, KEY_ENV, vty_dir, self.cloud)

    def hosts(self) -> tuple[Host, ...]:
        """Every machine: those of the scene, and the cloud's API if there is one."""
        return (*hosts(self.scene), *((vpc.host(),) if self.cloud == "aws" else ()))

    def host(self, name: str) -> Host:
        """The host of that name; RefusedError if the lab has none."""
        known = {host.name: host for host in self.hosts()}
        if name not in known:
            raise RefusedError(f"lab {self.name} has no host {name}; it has {', '.join(known)}")
        return known[name]

    def nodes(self) -> tuple[str, ...]:
        """The names of its nodes."""
        return tuple(node.name for node in self.scene.spec.nodes)

    def node(self, name: str) -> str:
        """`name` itself if it is a node; else RefusedError."""
        if name not in self.nodes():
            raise RefusedError(
                f"lab {self.name} has no node {name}; it has {', '.join(self.nodes())}"
            )
        return name

    def namespace(self, host: str) -> str:
        """The namespace of a host."""
        return network.namespace(self.name, host)

    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of all hosts."""
        return tuple(self.namespace(host.name) for host in self.hosts())

    def state(self, host: str) -> Path:
        """The directory of a host: a node's agent keeps its state there."""
        return self.directory / host

    def daemons(self, host: str) -> Path:
        """Where a host's routing daemons have their files; another user than root owns it."""
        return self.directory / "frr" / host

    def log(self, host: str) -> Path:
        """Where the host's programs write."""
        return self.state(host) / "log"


def check_name(name: str) -> str:
    """`name` itself if a lab may be called so; else RefusedError."""
    if not _NAME.fullmatch(name):
        raise RefusedError(
            f"{name!r} is no name for a lab; take a lower-case letter, then up to 20 letters, "
            "digits or hyphens"
        )
    return name


def need_root() -> None:
    """Refuse to go on without the rights to make namespaces."""
    if os.geteuid() != 0:
        raise RefusedError("a lab is made of network namespaces, which needs root; run it as root")


def claim(lab: Lab) -> None:
    """Take the name and write down what the lab is; RefusedError if the name is in use."""
    in_use = RefusedError(
        f"lab {lab.name} is already up; choose another --name or run natgate lab down "
        f"--name {lab.name}"
    )
    if namespace.existing(network.namespace(lab.name, "")):
        raise in_use
    ROOT.mkdir(parents=True, exist_ok=True)
    try:
        lab.directory.mkdir(mode=0o700)
    except FileExistsError:
        raise in_use from None


def write(lab: Lab) -> None:
    """Write down what the lab is, and what its agents get."""
    for host in lab.hosts():
        lab.state(host.name).mkdir(mode=0o700)
    (lab.directory / "spec.yaml").write_text(catalogue.as_yaml(lab.spec()))
    (lab.directory / "key").touch(mode=0o600)
    (lab.directory / "key").write_text(secrets.token_hex(32))
    if lab.cloud == "aws":
        (lab.directory / AWS).touch()
    (lab.directory / "scene.yaml").write_text(catalogue.as_yaml(lab.scene))


def find(name: str) -> Lab:
    """The lab of that name; RefusedError if it is not up."""
    path = ROOT / check_name(name) / "scene.yaml"
    try:
        text = path.read_text()
    except FileNotFoundError:
        if name in names():
            raise RefusedError(
                f"lab {name} was never finished; take it away with natgate lab down --name {name}"
            ) from None
        raise RefusedError(
            f"no lab {name} is up; bring it up with natgate lab up --name {name}"
        ) from None
    except PermissionError:
        need_root()
        raise
    cloud: vpc.Cloud = "aws" if (path.parent / AWS).exists() else "lab"
    return Lab(name=name, scene=catalogue.read_scene(text, str(path)), cloud=cloud)


def names() -> tuple[str, ...]:
    """The labs of which anything is there: a directory or a namespace."""
    found = {entry.name for entry in ROOT.glob("*")}
    found |= {entry.split(".")[1] for entry in namespace.existing("ng.")}
    return tuple(sorted(found))


def forget(name: str) -> None:
    """Take the lab's directory away, and those above it if no lab is left."""
    shutil.rmtree(ROOT / name, ignore_errors=True)
    with suppress(OSError):
        ROOT.rmdir()
        ROOT.parent.rmdir()
