"""A gateway with every kind of entry, for tests of entries and of packets."""

from natgate.model.spec import Spec
from natgate.wire.config import parse_spec
from tests.specs import replaced

ENTRIES = """\
apiVersion: natgate/v1
network:
  name: main
  ranges: [10.10.0.0/24]
  address_ranges: [203.0.113.0/24]
  zones: [a]
  subnets:
    - {name: clients-a, zone: a, cidr: 10.10.0.0/28}
    - {name: clients-b, zone: a, cidr: 10.10.0.32/28}
    - {name: nodes-a, zone: a, cidr: 10.10.0.16/28, kind: node}
nodes:
  - {name: node-a, zone: a, address: 10.10.0.20}
gateways:
  - name: web
    addresses:
      - {address: 203.0.113.1}
      - {address: 203.0.113.2}
      - {address: 203.0.113.3}
      - {address: 203.0.113.4}
      - {address: 203.0.113.5}
      - {address: 203.0.113.6}
    snat:
      - {name: all, network: true, addresses: [203.0.113.1]}
      - {name: subnet, subnets: [clients-b], addresses: [203.0.113.2]}
      - {name: host, hosts: [10.10.0.5], addresses: [203.0.113.3]}
      - {name: mail, hosts: [10.10.0.5], addresses: [203.0.113.2], ports: [25, 465/587], protocols: [tcp]}
      - {name: icmp, hosts: [10.10.0.5], addresses: [203.0.113.1], protocols: [icmp]}
      - {name: near, sources: [10.10.0.4/30], destinations: [198.51.100.0/24], addresses: [203.0.113.6]}
    dnat:
      - {name: http, address: 203.0.113.1, protocol: tcp, port: 80, target: 10.10.0.6, target_port: 8080}
      - {name: range, address: 203.0.113.1, protocol: both, port: 10/20, target: 10.10.0.6, target_port: 110/120}
      - {name: high, address: 203.0.113.2, protocol: udp, port: 5000, target: 10.10.0.7, port_override: true}
      - {name: few, address: 203.0.113.3, protocol: tcp, port: 22, target: 10.10.0.7, clients: [198.51.100.0/24]}
      - {name: every, address: 203.0.113.4, protocol: any, port: any, target: 10.10.0.7}
    own:
      - {name: one, address: 203.0.113.5, host: 10.10.0.8}
    health: {upstream: [{kind: icmp, address: 198.51.100.1}]}
"""


def every_entry(*replacements: tuple[str, str]) -> Spec:
    """The spec, with pieces replaced; each must occur."""
    return parse_spec(replaced(ENTRIES, *replacements))
