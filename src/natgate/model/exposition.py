"""What the operator writes of metrics: where they can be fetched, and into which file they go."""

from ipaddress import IPv4Address

from pydantic import Field

from natgate.model.fields import Duration, Model

OWN = "node"
"""In place of an address: the node's own one, so that a spec serves every node."""


class Exposition(Model):
    """Where metrics can be read, beside `natgate metrics`; nothing unless asked for."""

    listen: str | None = Field(
        default=None,
        pattern=r"^(node|[0-9]{1,3}(\.[0-9]{1,3}){3}):[0-9]{1,5}$",
        examples=["127.0.0.1:9646"],
        description="address and port of the Prometheus endpoint; node:PORT is the node's own address",
    )
    token_file: str | None = Field(
        default=None,
        description="file with the bearer token that scrapers must send, readable by its owner "
        "only; needed beyond loopback",
    )
    token_env: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="environment variable with that token, at least 16 characters",
    )
    textfile: str | None = Field(
        default=None,
        pattern=r"^/[A-Za-z0-9._{}/-]+\.prom$",
        description="file for node_exporter's textfile collector; {node} in it is the node's name",
    )
    interval: Duration = Field(default=15.0, description="how often the file is written")

    @property
    def place(self) -> tuple[str, int] | None:
        """Host, which may be `OWN`, and port; None if nothing listens."""
        if self.listen is None:
            return None
        host, _, port = self.listen.partition(":")
        return host, int(port)


def exposition_problem(exposition: Exposition) -> str | None:
    """Why an endpoint cannot be had like this; None if it can."""
    place = exposition.place
    if place is None:
        return None
    host, port = place
    if not 0 < port < 1 << 16:
        return f"{port} is no port"
    try:
        loopback = host != OWN and IPv4Address(host).is_loopback
    except ValueError:
        return f"{host} is no IPv4 address"
    if not loopback and not (exposition.token_file or exposition.token_env):
        return "beyond loopback scrapers must show a token: set metrics.token_file or token_env"
    return None
