"""conntrackd's configuration, and what it counts."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from natgate.model.error import BugError
from natgate.wire.conntrackd import Pairing, Stats, parse_stats, render_conntrackd

PAIRING = Pairing(
    local=IPv4Address("10.10.0.69"),
    peer=IPv4Address("10.10.0.101"),
    link="eth0",
    port=3780,
    directory="/var/lib/natgate/replication",
    ignored=(IPv4Address("10.10.0.68"), IPv4Address("10.10.0.100")),
    limit=262144,
)

PRINTED = """\
cache internal:
current active connections:\t           3
connections created:\t\t           7\tfailed:\t           1

external inject:
connections created:\t\t           4\tfailed:\t           2
connections updated:\t\t           5\tfailed:\t           0
connections destroyed:\t\t           6\tfailed:\t           9

traffic processed:
                   0 Bytes                         0 Pckts

UDP traffic (active device=eth0):
                 236 Bytes sent                  118 Bytes recv
                   4 Pckts sent                    2 Pckts recv
                   8 Error send                    0 Error recv

message tracking:
                  10 Malformed msgs               11 Lost msgs
"""


def test_it_speaks_from_its_own_address_to_one_peer() -> None:
    """Reliable, straight into the peer's kernel, and nothing that the nodes say themselves."""
    text = render_conntrackd(PAIRING)
    for line in (
        "Mode FTFW {",
        "DisableExternalCache yes",
        "IPv4_address 10.10.0.69",
        "IPv4_Destination_Address 10.10.0.101",
        "Port 3780",
        "Interface eth0",
        "LockFile /var/lib/natgate/replication/lock",
        "HashLimit 524288",
        "Syslog no",
    ):
        assert line in text
    ignored = text.partition("Address Ignore")[2]
    for address in ("127.0.0.1", "10.10.0.68", "10.10.0.69", "10.10.0.100", "10.10.0.101"):
        assert f"IPv4_address {address}\n" in ignored
    assert text.count("{") == text.count("}")


def test_echoes_are_not_replicated() -> None:
    """Conntrackd loses their translated id: a replica would leave with one that lies in no block."""
    accepted = render_conntrackd(PAIRING).partition("Protocol Accept")[2].partition("}")[0]
    assert accepted.split() == ["{", "TCP", "UDP"]


def test_the_buffer_of_kernel_events_is_large() -> None:
    """32 MiB at least, or bursts overrun it; it may grow, and not without end."""
    text = render_conntrackd(PAIRING)
    assert "NetlinkBufferSize 33554432\n" in text
    assert "NetlinkBufferSizeMaxGrowth 268435456\n" in text


@pytest.mark.parametrize(
    "odd",
    [
        {"link": "eth0; x"},
        {"link": ""},
        {"directory": "relative"},
        {"directory": "/with space"},
        {"directory": "/a\n}"},
    ],
)
def test_what_is_not_one_word_is_never_written(odd: dict[str, str]) -> None:
    """A name cannot become a second line of the configuration."""
    with pytest.raises(BugError):
        render_conntrackd(replace(PAIRING, **odd))  # type: ignore[arg-type]


QUEUES = """\
queue txqueue:
current elements:\t\t           1

queue rsqueue:
current elements:\t\t          42
maximum elements:\t\t      131072
"""


def test_what_the_peer_has_not_confirmed_is_how_far_it_lags() -> None:
    """Messages wait to be sent, and are kept until they are confirmed."""
    assert parse_stats(PRINTED, QUEUES).behind == 43


def test_events_that_were_never_told_are_counted() -> None:
    """Only the kernel knows what they said, so what lives is told again by natgate."""
    assert parse_stats(PRINTED, runtime="\tnetlink overrun:\t\t           2\n").overruns == 2


def test_it_does_not_send_the_peers_flows_back_as_new() -> None:
    """They would be made anew there, and one with another port if a packet is quicker."""
    text = render_conntrackd(PAIRING)
    assert "StartupResync no\n" in text
    assert "NetlinkOverrunResync no\n" in text


def test_its_counters_are_read() -> None:
    """Injected are replicas made or renewed here; failed ones are told."""
    assert parse_stats(PRINTED) == Stats(
        flows=3,
        injected=9,
        failed=2,
        sent_bytes=236,
        received_bytes=118,
        send_errors=8,
        lost=11,
        malformed=10,
    )


def test_other_text_is_refused() -> None:
    """A conntrackd that says something else is not taken for one without flows."""
    with pytest.raises(ValueError, match="not what conntrackd"):
        parse_stats("can't connect: is conntrackd running?")


def test_a_counter_that_is_missing_is_zero() -> None:
    """An older conntrackd that says less is still read."""
    text = "external inject:\nconnections created:\t 1\tfailed:\t 0\ntraffic processed:"
    assert parse_stats(text) == Stats(injected=1)
