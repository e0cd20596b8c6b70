"""What an error of AWS means."""

import pytest

from natgate.wire.aws_error import AWAY, THROTTLED, harmless, passing, sentence


def told(code: str, message: str = "", resource: str = "") -> str:
    """The sentence for an error of one call."""
    return sentence(
        code=code, message=message, service="ec2", operation="ReplaceRoute", resource=resource
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "the AWS credentials have expired (ExpiredToken at ec2:ReplaceRoute)"),
        ("AuthFailure", "AWS does not know these credentials (AuthFailure at ec2:ReplaceRoute)"),
        (
            "UnauthorizedOperation",
            "not authorised: ec2:ReplaceRoute on rtb-1; allow it in the policy",
        ),
        ("RequestLimitExceeded", "AWS throttled ec2:ReplaceRoute on rtb-1 until the deadline"),
        ("InternalError", "AWS failed at ec2:ReplaceRoute on rtb-1 until the deadline"),
        ("InvalidRouteTableID.NotFound", "there is no such route table: rtb-1; correct steering"),
        ("Other", "ec2:ReplaceRoute on rtb-1 failed: Other: as it is"),
    ],
)
def test_every_error_is_a_sentence_with_a_way_out(code: str, words: str) -> None:
    """It names the action, and where it is of use the resource."""
    assert told(code, "as it is", "rtb-1").startswith(words)


def test_a_call_about_nothing_in_particular_names_its_action() -> None:
    """There is no empty place in the sentence."""
    assert told("Other", "no") == "ec2:ReplaceRoute failed: Other: no"


def test_only_what_passes_is_tried_again() -> None:
    """Throttling and failures of AWS itself do; a refusal does not."""
    assert passing("Throttling") == THROTTLED
    assert passing("ServiceUnavailable") == AWAY
    assert passing("UnauthorizedOperation") is None


def test_nothing_secret_is_repeated() -> None:
    """Neither keys nor tokens, whatever AWS writes into its message; nor more than a line."""
    token = "FwoGZXIvYXdzEJr/" * 4
    message = f"The canonical\nstring was AKIAIOSFODNN7EXAMPLE x-amz-security-token:{token} end"
    assert harmless(message) == "The canonical string was ... x-amz-security-token:... end"
    assert (
        harmless("Invalid endpoint: http://me:word@host:x") == "Invalid endpoint: http://...@host:x"
    )
    assert "secret" not in told("SignatureDoesNotMatch", "secret")
    assert len(harmless("word " * 100)) < 210
