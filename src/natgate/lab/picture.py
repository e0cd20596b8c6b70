"""A scene as a picture of text: pure."""

from natgate.lab.scene import Scene, admitted, subnet_of

Lines = list[str]


def draw(scene: Scene) -> str:
    """The zones side by side, the VPC below them, and below it what lies behind each router."""
    zones = [_zone(scene, zone) for zone in scene.spec.network.zones]
    rows = [_beside(zones, index) for index in range(max(len(box) for box in zones))]
    middles = _middles(zones)
    rows.append(_joined(middles))
    rows += [" " * middles[0] + row for row in _outside(scene)]
    return "\n".join(row.rstrip() for row in rows)


def _zone(scene: Scene, zone: str) -> Lines:
    """A box with the clients and nodes of a zone."""
    members = [
        ("client", client.name, str(client.address))
        for client in scene.clients
        if getattr(subnet_of(scene, client.address), "zone", None) == zone
    ]
    members += [("node", n.name, str(n.address)) for n in scene.spec.nodes if n.zone == zone]
    names = max((len(name) for _, name, _ in members), default=0)
    inner = [f" {role:<6} {name:<{names}} {address} " for role, name, address in members]
    width = max([len(line) for line in inner] + [len(zone) + 9])
    half = width // 2
    return [
        f"┌─ zone {zone} " + "─" * (width - len(zone) - 8) + "┐",
        *(f"│{line:<{width}}│" for line in inner),
        "└" + "─" * half + "┬" + "─" * (width - half - 1) + "┘",
    ]


def _beside(boxes: list[Lines], index: int) -> str:
    """One row through all boxes; shorter boxes are lengthened before their last line."""
    height = max(len(box) for box in boxes)
    parts = []
    for box in boxes:
        filler = "│" + " " * (len(box[0]) - 2) + "│"
        stretched = box[:-1] + [filler] * (height - len(box)) + box[-1:]
        parts.append(stretched[index])
    return "  ".join(parts)


def _middles(boxes: list[Lines]) -> list[int]:
    """The column at which each box is joined to the rest."""
    columns, left = [], 0
    for box in boxes:
        columns.append(left + box[-1].index("┬"))
        left += len(box[0]) + 2
    return columns


def _joined(middles: list[int]) -> str:
    """The line that gathers all boxes into one trunk, below the first."""
    row = [" "] * middles[0] + ["─"] * (middles[-1] - middles[0] + 1)
    for column in middles[1:-1]:
        row[column] = "┴"
    row[middles[-1]] = "┘"
    row[middles[0]] = "├" if len(middles) > 1 else "│"
    return "".join(row)


def _outside(scene: Scene) -> Lines:
    ranges = ", ".join(map(str, scene.spec.network.ranges))
    rows = [f"vpc {ranges}: every packet crosses its route tables"]
    if scene.fabric == "flat":
        rows = [f"segment {ranges}: hosts find each other by ARP"]
    for gateway in scene.spec.gateways:
        addresses = ", ".join(str(fixed.address) for fixed in gateway.addresses)
        rows.append(f"│   gateway {gateway.name}: clients leave as {addresses}")
    if (asked := scene.resolver) is not None:
        for each in asked.forwards:
            way = f"asks {each.to} for {each.zone} from {asked.endpoint}"
            rows.append(f"│   {asked.name} {asked.address} {way}")
    for router in scene.routers:
        rows.append(f"router {router.name} {router.address}, before {router.prefix}")
        for target in scene.targets:
            if target.router == router.name:
                admits = ", ".join(map(str, admitted(scene, target))) or "nobody"
                rows.append(f"├── target {target.name} {target.address}, admits only {admits}")
    return [*rows[:-1], rows[-1].replace("├", "└")]
