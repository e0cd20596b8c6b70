"""The sentences of docs/reference that no code can tell."""

SPEC = """\
One YAML file describes one network with any number of gateways. `natgate check FILE` reports every
mistake at once, each with its line; `natgate schema` prints the JSON Schema for editors. Unknown keys
are refused. A duration is written with its unit: `50ms`, `1.5s`, `2m`, `1h`, `30d`. A prefix has no host bits.
"""

SCENE = """\
A scene is the spec that the agents get, and what stands around it. `natgate lab show` prints the
built-in scene to start from; the guide is [writing a scene](../guides/scenes.md).
"""

DEMO = """\
`natgate lab demo --json` prints one document; progress goes to standard error.
"""

WARNINGS = """\
`natgate warnings` lists what is true now; a warning goes when its cause does. `critical` means that
traffic is or may be lost, `warning` that something wants a look, `info` that a limit is known.
"""

EXIT_CODES = """\
`natgate lab exec` exits with the code of the program that it runs. Each error is one sentence on
standard error, one line for each place in a file.
"""

ROUTES = """\
A `natgate.routes/v1` file (YAML or JSON) has all hosts that a packet may meet, with their routes; `natgate lab routes`
writes it from kernels, and `natgate trace --routes` reads it. [Traces](../guides/trace.md) tells how to write one.
"""

STATUS = """\
`natgate status --json` prints what the agent of this node knows, about all nodes and gateways of the
spec; `natgate lab status --json` asks an agent of a lab. Keys are added within a version, never renamed.
"""

STATUS_KEYS = {
    "version": "the version of this document",
    "node": "the node that answers",
    "generation": "how many specs this node has applied; 0 before the first",
    "warnings": "what is wrong now, see [warnings](warnings.md)",
    "warnings[].code": "the kind of warning",
    "warnings[].severity": "`info`, `warning` or `critical`",
    "warnings[].subject": "the node or gateway it is about",
    "warnings[].text": "a sentence",
    "active": "the nodes that carry a gateway",
    "nodes": "every node of the spec",
    "nodes[].name": "its name",
    "nodes[].zone": "its zone",
    "nodes[].address": "its own address",
    "nodes[].healthy": "whether it may carry every gateway that names it",
    "nodes[].agent": "`answers`, or `silent` while heartbeats stay away",
    "nodes[].drained": "whether an operator asked that it carry nothing",
    "nodes[].settled": "whether it has been healthy for the hold-down, and may take over at once",
    "nodes[].reasons": "why it is not healthy, as sentences",
    "gateways": "every gateway of the spec",
    "gateways[].name": "its name",
    "gateways[].mode": "how its nodes share the work",
    "gateways[].zones": "where its nodes stand; with one zone, it is lost with that",
    "gateways[].addresses": "its fixed addresses",
    "gateways[].timeouts": "how long its flows may be idle, in seconds",
    "gateways[].timeouts.tcp": "an established TCP connection",
    "gateways[].timeouts.udp": "a UDP stream",
    "gateways[].active": "the node that receives what returns: its first route leads there; or null",
    "gateways[].epoch": "the highest epoch of its shares",
    "gateways[].shares": "what its nodes carry of it: one share in all, or one for each node",
    "gateways[].shares[].name": "the gateway's name; `GATEWAY@NODE` in an active-active gateway",
    "gateways[].shares[].home": "the node that carries it when all is well",
    "gateways[].shares[].carrier": "the node that its first route leads to, or null",
    "gateways[].shares[].epoch": "how many times it changed hands, as far as this node knows",
    "gateways[].shares[].ports": "its block: the ports and echo ids of each address",
    "gateways[].shares[].hands_out_here": "whether the node that answers gives these ports out",
    "gateways[].shares[].claim": "who owns the block by the word of the fence, or null",
    "epoch": "the highest epoch of all gateways",
    "replication": "how flow replication fares on the node that answers, or null",
    "maintenance": "whether an operator asked that nothing be moved by itself",
}

API = """\
The agent listens on `agent.sock` in its state directory, open to its own user only; no command
ever comes from a network. A failure answers 422 (a mistake in the spec), 409 (refused now) or 500, with `error`,
`message` and `exit_code` in JSON. `curl --unix-socket /var/lib/natgate/agent.sock http://agent/v1/status`.
"""

METRICS = """\
`natgate metrics` shows them on each node; the guide is [metrics](../guides/metrics.md). A metric that is not
measured is not there: what each leaves out is said with it.
"""

CLOUDS = """\
What measures the same at AWS (namespace `AWS/NATGateway`) and at Alibaba Cloud (`acs_nat_gateway`).
natgate has no figure for `ConnectionEstablishedCount` and `IdleTimeoutCount`: only a rule for every packet, or a
message for every flow, would tell. Failed port allocations are known of all addresses together only
(`natgate_conntrack_errors_total`); `natgate_ports_used_ratio` tells of each address before it fails.
"""

COUNTERS = """\
`GET /v1/counters` answers packets by name, on this node, since the table was made.
"""

COUNTER_NAMES = {
    "invalid": "dropped: conntrack could not place them, so they would skip translation",
    "no_address": "dropped: an entry covers them, and all its addresses are withdrawn",
    "no_entry": "dropped: from inside to beyond the network, and no entry covers them",
    "handed_over": "led to the node whose port it is (active-active gateways)",
    "no_block": "dropped: this node gives out no ports of the gateway now, or the protocol has none",
    "not_a_node": "dropped: sent to the tunnel between the nodes by somebody else",
    "client_limit": "dropped: the host has as many flows as gateways[].ports.per_client allows",
    "guard": "dropped by the egress guard or by another classifier of the same links",
    "over_bandwidth ADDRESS DIRECTION": "dropped: the address carried more than its limit, `in` or `out`",
    "GATEWAY/ENTRY": "first packets of flows that the entry has translated",
}
