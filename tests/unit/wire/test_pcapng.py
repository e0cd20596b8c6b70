"""Files of captured packets, read back block by block."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from natgate.wire.pcapng import (
    RAW,
    Captured,
    Interface,
    Statistics,
    render_header,
    render_packet,
    render_statistics,
)

U64 = st.integers(0, 2**64 - 1)
INTERFACES = (
    Interface(name="eth0 before", description="in", snaplen=64),
    Interface(name="eth0 after", description="out", link_type=RAW),
)
PACKETS = st.builds(
    Captured,
    interface=st.integers(0, 9),
    time_ns=U64,
    data=st.binary(max_size=90),
    length=st.integers(0, 65535),
    outgoing=st.booleans(),
    comment=st.text(max_size=20),
)


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """The blocks of a file; both lengths of each must agree."""
    found, at = [], 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert size % 4 == 0
        assert struct.unpack_from("<I", data, at + size - 4)[0] == size
        found.append((kind, data[at + 8 : at + size - 4]))
        at += size
    return found


def options(data: bytes) -> dict[int, bytes]:
    """Options up to the end of them, after which nothing may follow."""
    found: dict[int, bytes] = {}
    at = 0
    while True:
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert at + 4 == len(data)
            return found
        found[code] = data[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4


def test_a_file_begins_with_its_section_and_its_interfaces() -> None:
    """Names, link types, and times in nanoseconds."""
    section, first, second = blocks(render_header("natgate", INTERFACES))
    assert section[0] == 0x0A0D0D0A
    assert struct.unpack_from("<IHHq", section[1]) == (0x1A2B3C4D, 1, 0, -1)
    assert options(section[1][16:]) == {4: b"natgate"}
    assert (first[0], struct.unpack_from("<HHI", first[1])) == (1, (1, 0, 64))
    assert options(first[1][8:]) == {2: b"eth0 before", 3: b"in", 9: b"\x09"}
    assert struct.unpack_from("<HHI", second[1]) == (101, 0, 0)


@given(PACKETS)
def test_a_packet_is_read_back_as_it_was(packet: Captured) -> None:
    """Its time, both its lengths, its direction, and its comment if it has one."""
    ((kind, body),) = blocks(render_packet(packet))
    assert kind == 6
    interface, high, low, size, length = struct.unpack_from("<IIIII", body)
    assert (interface, high << 32 | low) == (packet.interface, packet.time_ns)
    assert (size, length) == (len(packet.data), packet.length)
    assert body[20 : 20 + size] == packet.data
    found = options(body[20 + (size + 3) // 4 * 4 :])
    assert struct.unpack("<I", found[2])[0] == (2 if packet.outgoing else 1)
    assert found.get(1, b"").decode() == packet.comment
    assert (1 in found) == bool(packet.comment)


def test_a_long_comment_is_cut_between_letters() -> None:
    """An option has at most 65535 bytes."""
    packet = Captured(
        interface=0, time_ns=0, data=b"", length=0, outgoing=False, comment="ä" * 40_000
    )
    ((_, body),) = blocks(render_packet(packet))
    assert options(body[20:])[1].decode() == "ä" * 32_767


@given(U64, U64, U64, U64)
def test_the_counts_of_an_interface_are_read_back(a: int, b: int, c: int, d: int) -> None:
    """When it began and ended, how many were seen, how many were dropped."""
    statistics = Statistics(interface=1, started_ns=a, ended_ns=b, received=c, dropped=d)
    ((kind, body),) = blocks(render_statistics(statistics))
    assert (kind, struct.unpack_from("<I", body)[0]) == (5, 1)
    found = options(body[12:])
    for code, value in ((2, a), (3, b)):
        high, low = struct.unpack("<II", found[code])
        assert high << 32 | low == value
    assert [struct.unpack("<Q", found[code])[0] for code in (4, 5)] == [c, d]
