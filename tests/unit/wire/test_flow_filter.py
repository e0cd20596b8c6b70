"""The filter of the event socket; tests/kernel/test_flow_events.py runs it in the kernel."""

from natgate.wire.flow_filter import translated_only


def test_the_program_is_nine_instructions() -> None:
    """It ends with dropping or taking the whole message."""
    program = translated_only()
    assert len(program) == 9 * 8
    assert program[-16:] == bytes.fromhex("0600000000000000 06000000ffffffff")
