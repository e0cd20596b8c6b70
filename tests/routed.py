"""Small networks with routes, for tests of traces."""

from ipaddress import IPv4Address

from natgate.model.spec import Spec
from natgate.model.topology import RoutedHost, Topology
from natgate.model.trace import Hop, Packet, Protocol, Trace
from natgate.plan.trace import predict
from natgate.wire.topology import parse_routes
from tests.specs import replaced

WORLD = "192.0.2.9"

ROUTES = """\
apiVersion: natgate.routes/v1
hosts:
  - name: client
    role: client
    links: [{name: eth0, segment: c, addresses: [10.10.0.5]}]
    tables:
      main: [{to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}]
  - name: web
    role: client
    links: [{name: eth0, segment: w, addresses: [10.10.0.6]}]
    tables:
      main: [{to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}]
  - name: vpc
    role: router
    forwards: true
    links:
      - {name: pc, segment: c, addresses: [169.254.0.1]}
      - {name: pw, segment: w, addresses: [169.254.0.1]}
      - {name: pn, segment: n, addresses: [169.254.0.1]}
      - {name: pi, segment: i, addresses: [169.254.0.1]}
    rules:
      - {pref: 0, table: local}
      - {pref: 10, iif: pc, table: clients}
      - {pref: 10, iif: pw, table: clients}
      - {pref: 10, iif: pn, table: nodes}
      - {pref: 10, iif: pi, table: edge}
      - {pref: 20, iif: pc, stops: unreachable}
    tables:
      clients:
        - {to: 0.0.0.0/0, via: 10.10.0.20, link: pn}
        - {to: 10.10.0.5/32, link: pc}
        - {to: 10.10.0.6/32, link: pw}
        - {to: 198.18.0.0/15, type: throw}
      nodes:
        - {to: 0.0.0.0/0, via: 192.0.2.1, link: pi}
        - {to: 10.10.0.6/32, link: pw}
        - {to: 10.10.0.5/32, link: pc}
      edge:
        - {to: 203.0.113.0/24, via: 10.10.0.20, link: pn}
        - {to: 10.10.0.0/24, via: 10.10.0.20, link: pn}
        - {to: 198.51.100.0/24, via: 10.10.0.20, link: pn}
  - name: node-a
    role: node
    forwards: true
    links: [{name: eth0, segment: n, addresses: [10.10.0.20]}]
    tables:
      main:
        - {to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}
        - {to: 203.0.113.1/32, type: blackhole}
  - name: internet
    role: router
    forwards: true
    links:
      - {name: eth0, segment: i, addresses: [192.0.2.1]}
      - {name: p0, segment: t}
    tables:
      main:
        - {to: 0.0.0.0/0, via: 169.254.0.1, link: eth0}
        - {to: 192.0.2.9/32, link: p0}
        - {to: 192.0.2.0/24, type: prohibit}
  - name: world
    role: target
    links: [{name: eth0, segment: t, addresses: [192.0.2.9]}]
    tables:
      main: [{to: 0.0.0.0/0, via: 192.0.2.1, link: eth0}]
"""
"""Around the spec of `tests.gateways`: two clients, one node, and a server in the world."""

DIVIDED = """\
apiVersion: natgate.routes/v1
hosts:
  - name: client
    role: client
    links: [{name: eth0, segment: c, addresses: [10.10.0.33]}]
    tables:
      main: [{to: 0.0.0.0/0, via: 10.10.0.52, link: eth0}]
  - name: node-a
    role: node
    forwards: true
    links:
      - {name: eth0, segment: outside, addresses: [10.10.0.20]}
      - {name: ng-vx, segment: tunnel}
    rules:
      - {pref: 0, table: local}
      - {pref: 7800, mark: 0x4e470002, table: hand}
      - {pref: 32766, table: main}
    tables:
      hand: [{to: 0.0.0.0/0, via: 10.10.0.52, link: ng-vx}]
      main: [{to: 10.10.0.85/32, type: blackhole}]
  - name: node-c
    role: node
    forwards: true
    links:
      - {name: eth1, segment: c, addresses: [10.10.0.52]}
      - {name: eth0, segment: outside}
      - {name: ng-vx, segment: tunnel}
    tables:
      main:
        - {to: 0.0.0.0/0, via: 192.168.100.20, link: eth0}
        - {to: 10.10.0.85/32, type: blackhole}
  - name: target
    role: target
    links: [{name: eth0, segment: outside, addresses: [192.168.100.20]}]
    tables:
      main: [{to: 10.10.0.85/32, via: 10.10.0.20, link: eth0}]
"""
"""Around source 000's spec, active-active: the target answers to node-a, the client asks node-c."""


def routed(*replacements: tuple[str, str]) -> Topology:
    """The first one, with pieces replaced; each must occur."""
    return parse_routes(replaced(ROUTES, *replacements))


def host(topology: Topology, name: str) -> RoutedHost:
    """A host that the topology has."""
    found = topology.host(name)
    assert found is not None, name
    return found


def packet(
    source: str, destination: str, protocol: Protocol = "tcp", port: int | None = 443
) -> Packet:
    """The first packet of a flow."""
    return Packet(
        protocol=protocol,
        source=IPv4Address(source),
        destination=IPv4Address(destination),
        destination_port=port,
    )


def walked(topology: Topology, spec: Spec, start: str, sent: Packet) -> Trace:
    """The way of a packet that a host makes."""
    return predict(topology, spec, host(topology, start), sent)


def names(trace: Trace) -> list[str]:
    """The hosts of a trace."""
    return [hop.host for hop in trace.hops]


def at(trace: Trace, name: str) -> Hop:
    """The hop of a host."""
    return next(hop for hop in trace.hops if hop.host == name)
