"""A pair of links, and the classifier between links, as rtnetlink messages."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from natgate.wire import redirect
from natgate.wire.netlink import attributes, text
from natgate.wire.rtnetlink import NEW_FILTER, NEW_LINK


@given(st.integers(1, 2**22), st.integers(0, 10**6))
def test_a_link_says_whose_it_is(process: int, number: int) -> None:
    """In at most 15 bytes, as the kernel wants it."""
    name = redirect.name_of(process, number)
    assert len(name) <= 15
    assert redirect.process_of(name) == process


@given(st.text(max_size=15))
def test_other_links_are_nobodys(name: str) -> None:
    """A name that only begins like that is somebody else's."""
    assert redirect.process_of(f"eth{name}") is None
    assert redirect.process_of("ngdry") is None
    assert redirect.process_of("ngdry00000zz00") is None
    assert redirect.process_of("ngdry0000001000") is None


def test_a_pair_has_an_end_in_each_namespace() -> None:
    """Both with the addresses to which frames are sent, and neither switched on."""
    message = redirect.add_pair("probe", "ngdry000000100", 7)
    assert message.type == NEW_LINK
    outer = attributes(message.body[16:])
    assert (text(outer[3]), outer[1]) == ("probe", redirect.INNER_MAC)
    info = attributes(outer[18])
    assert text(info[1]) == "veth"
    peer = attributes(info[2])[1]
    inner = attributes(peer[16:])
    assert (text(inner[3]), inner[1]) == ("ngdry000000100", redirect.OUTER_MAC)
    assert struct.unpack("=I", inner[28])[0] == 7
    assert struct.unpack_from("=BxHiII", message.body)[3:] == (0, 0)


def test_links_are_switched_on_and_deleted_by_their_index() -> None:
    """No other field matters."""
    assert struct.unpack("=BxHiII", redirect.switch_on(9).body) == (0, 0, 9, 1, 1)
    assert struct.unpack("=BxHiII", redirect.delete_link(9).body) == (0, 0, 9, 0, 0)


def test_every_ipv4_packet_comes_in_by_the_other_link() -> None:
    """One key that fits all, and an action that takes the packet to the other link's ingress."""
    message = redirect.redirect(9, 4)
    assert message.type == NEW_FILTER
    _, link, handle, parent, info = struct.unpack_from("=BxxxiIII", message.body)
    assert (link, handle, parent) == (9, 0, 0xFFFFFFF2)
    assert struct.pack("=H", info & 0xFFFF) == b"\x08\x00"
    found = attributes(message.body[20:])
    assert text(found[1]) == "u32"
    options = attributes(found[2])
    assert len(options[5]) == 32
    action = attributes(attributes(options[7])[1])
    assert text(action[1]) == "mirred"
    assert struct.unpack("=IIiiiiI", attributes(action[2])[2]) == (0, 0, 4, 0, 0, 3, 4)
