"""NAT events as IPFIX; tests/kernel/test_log_export.py has them read by nfcapd."""

import struct
from ipaddress import IPv4Address

import numpy as np

from natgate.model.log_rows import OPEN
from natgate.model.logged import FULL, Held
from natgate.wire.flow_record import rows_of
from natgate.wire.ipfix import ALLOCATED, DELETED, PORT_BLOCK, SESSION, SESSION_WITH_PEER, Encoder
from tests.unit.wire.columns import columns, sent

NOW = 1_764_252_000_123
ROWS = rows_of(
    columns(*[sent(source_port=1024 + n) for n in range(100)]), NOW, live=OPEN, kept=FULL
)


def head(message: bytes) -> tuple[int, ...]:
    """Version, length, time, sequence and domain, then the set's number and length."""
    return struct.unpack_from(">HHIIIHH", message)


def test_templates_name_the_elements_of_the_registry() -> None:
    """RFC 8158, table 2 and section 5.4: numbers and sizes; templates do not move the sequence."""
    encoder = Encoder(7)
    message = encoder.templates(NOW)
    assert head(message)[:6] == (10, len(message), NOW // 1000, 0, 7, 2)
    found, at = {}, 20
    while at < len(message):
        number, count = struct.unpack_from(">HH", message, at)
        fields = struct.unpack_from(f">{2 * count}H", message, at + 4)
        found[number] = dict(zip(fields[::2], fields[1::2], strict=True))
        at += 4 + 4 * count
    session = {230: 1, 323: 8, 8: 4, 225: 4, 4: 1, 7: 2, 227: 2}
    assert found[SESSION] == session
    assert found[SESSION_WITH_PEER] == session | {12: 4, 226: 4, 11: 2, 228: 2}
    assert found[PORT_BLOCK] == {230: 1, 323: 8, 8: 4, 225: 4, 361: 2, 362: 2}
    assert head(encoder.templates(NOW))[3] == 0


def test_sessions_fit_datagrams_and_are_counted() -> None:
    """Each message has at most 1,400 bytes and says how many records came before it."""
    messages = list(Encoder(1).sessions(ROWS, DELETED, ROWS["stop"], NOW, with_peer=False))
    counts = [(len(each) - 20) // 22 for each in messages]
    assert sum(counts) == 100
    assert max(map(len, messages)) <= 1400
    assert [head(each)[3] for each in messages] == [sum(counts[:n]) for n in range(len(counts))]
    first = struct.unpack_from(">BQIIBHH", messages[0], 20)
    assert first == (
        DELETED,
        2001,
        int(IPv4Address("10.1.0.10")),
        int(IPv4Address("203.0.113.1")),
        17,
        1024,
        2000,
    )


def test_a_session_with_its_peer_says_it_before_and_after_translation() -> None:
    """Natgate translates the source of a flow from inside only."""
    events = np.full(1, DELETED)
    (message,) = Encoder(1).sessions(ROWS[:1], events, ROWS["stop"][:1], NOW, with_peer=True)
    peer = int(IPv4Address("198.51.100.7"))
    assert head(message)[5] == SESSION_WITH_PEER
    assert struct.unpack_from(">IIHH", message, 20 + 22) == (peer, peer, 53, 53)


def test_a_block_is_one_record() -> None:
    """Its host, address, first and last port."""
    host, address = IPv4Address("10.1.0.10"), IPv4Address("203.0.113.1")
    held = Held(host=host, address=address, first=1025, last=2048, since=1)
    (message,) = Encoder(1).blocks(ALLOCATED, [held], 5, NOW)
    assert head(message)[5] == PORT_BLOCK
    found = struct.unpack_from(">BQIIHH", message, 20)
    assert found == (ALLOCATED, 5, int(host), int(address), 1025, 2048)


def test_the_sequence_begins_anew_after_its_last_number() -> None:
    """It has 32 bits."""
    encoder = Encoder(1)
    encoder._sequence = (1 << 32) - 1  # noqa: SLF001 (it would take hours)
    list(encoder.sessions(ROWS[:2], DELETED, ROWS["stop"][:2], NOW, with_peer=False))
    assert head(encoder.templates(NOW))[3] == 1
