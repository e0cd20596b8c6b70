"""What the operator writes of steering (who moves the routes) and of the fence (who decides)."""

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field

from natgate.model.fields import Duration, Endpoint, Model, Port


class NoSteering(Model):
    """Routes are moved by somebody else, or there is one node only."""

    kind: Literal["none"] = Field(description="natgate moves no routes")


class LabSteering(Model):
    """Routes live in a router made of a network namespace (`natgate lab`)."""

    kind: Literal["lab"] = Field(description="natgate moves the routes of the lab's router")
    router: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="the router's namespace; the lab fills it in",
    )
    tables: dict[str, int] = Field(
        default_factory=dict, description="kernel table of each route table; filled in by the lab"
    )


LinkName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$", description="a link, the same on every node"
    ),
]


class VrrpSteering(Model):
    """Addresses move from node to node on a flat network (keepalived, unicast VRRPv3)."""

    kind: Literal["vrrp"] = Field(description="keepalived moves addresses between the nodes")
    interface: LinkName = Field(
        description="the link of the hosts' segment: adverts and inside addresses"
    )
    fixed_interface: LinkName | None = Field(
        default=None, description="the link of the fixed addresses; `interface` if left out"
    )
    router_id: int = Field(
        ge=1, le=255, description="virtual router id; no other router of the segment has it"
    )
    inside: tuple[IPv4Address, ...] = Field(
        min_length=1, description="addresses that hosts use as their next hop"
    )
    advert_interval: Duration = Field(
        default=0.05, description="one advert each; the active node is dead after three and a bit"
    )

    @property
    def outer_interface(self) -> str:
        """The link of the fixed addresses."""
        return self.fixed_interface or self.interface


class FrrSteering(Model):
    """Routes are announced by BGP through the FRR that runs on each node."""

    kind: Literal["frr"] = Field(description="natgate announces the routes through FRR's bgpd")
    routers: tuple[IPv4Address, ...] = Field(
        min_length=1,
        description="the BGP neighbours that forward to the nodes; a node takes those it has a "
        "session with",
    )
    vty_dir: str = Field(
        default="/run/frr",
        pattern=r"^/[A-Za-z0-9._{}/-]*$",
        description="where bgpd has its vty; {node} in it is the name of the node",
    )


TableId = Annotated[
    str, Field(pattern=r"^rtb-[0-9a-f]{8,17}$", description="id of a route table of the VPC")
]


class AwsSteering(Model):
    """Routes live in the route tables of a VPC, and addresses on its network interfaces."""

    kind: Literal["aws"] = Field(description="natgate moves EC2 routes and addresses")
    region: str = Field(
        pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", description="such as ap-northeast-1"
    )
    tables: dict[str, TableId] = Field(
        default_factory=dict,
        description="ids of route tables by their names in this spec; one left out is found by its "
        "tags natgate:group (network.name) and natgate:table (its name)",
    )
    elastic: dict[IPv4Address, IPv4Address] = Field(
        default_factory=dict,
        description="elastic addresses, each with the address of a gateway that it stands for, "
        "which lies in a node subnet and moves as a secondary private address",
    )
    adopt: bool = Field(
        default=False, description="lead routes away from targets that natgate did not make"
    )
    deadline: Duration = Field(
        default=10.0, description="how long one reading or moving may take, all tries included"
    )
    publish_interval: Duration = Field(
        default=5.0,
        description="how often each node says to CloudWatch whether it is healthy; at once if that "
        "changes",
    )

    def availability_zone(self, zone: str) -> str:
        """What AWS calls a zone of the spec: its name, or the region with that letter."""
        return zone if zone.startswith(self.region) else f"{self.region}{zone}"


Steering = Annotated[
    NoSteering | LabSteering | VrrpSteering | FrrSteering | AwsSteering,
    Field(discriminator="kind"),
]


class NoFence(Model):
    """Nobody decides between the nodes: no node ever hands out ports from another's share."""

    kind: Literal["none"] = Field(description="there is no fence")


class EtcdFence(Model):
    """An etcd cluster of one, three or five members (3.4 or later, gRPC)."""

    kind: Literal["etcd"] = Field(description="claims are keys below natgate/fence/")
    endpoints: tuple[Endpoint, ...] = Field(
        min_length=1, description="its members; each call tries all of them within the timeout"
    )
    timeout: Duration = Field(default=0.1, description="how long a claim may take, all in all")
    ca_file: str | None = Field(
        default=None, description="certificates that vouch for the members; needed for https"
    )
    cert_file: str | None = Field(
        default=None, description="this node's certificate, to which etcd gives its rights"
    )
    key_file: str | None = Field(
        default=None, description="the certificate's key, readable by its owner only"
    )
    user: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$",
        description="a user of etcd, where certificates do not give the rights",
    )
    password_env: str | None = Field(
        default=None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="environment variable with the user's password",
    )
    insecure: bool = Field(
        default=False, description="allow http beyond loopback: anybody on the way can claim"
    )


class WitnessFence(Model):
    """A third machine that runs `natgate witness`, authenticated with the heartbeat key."""

    kind: Literal["witness"] = Field(description="claims are kept by the witness")
    address: IPv4Address = Field(description="the witness's own address, where it listens")
    port: Port = Field(default=4650, description="UDP")
    timeout: Duration = Field(default=0.1, description="how long a claim may take, all in all")


Fence = Annotated[NoFence | EtcdFence | WitnessFence, Field(discriminator="kind")]
