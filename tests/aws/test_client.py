"""Calls to AWS end within their deadline, and their errors are sentences without secrets."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from natgate.cloud.aws_client import AwsClient, AwsError, filters
from natgate.model.error import RefusedError
from tests.aws.account import REGION, Account

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "T0ken" * 20


def error_of(client: AwsClient) -> AwsError:
    """What a call that fails says."""
    with closing(client), pytest.raises(AwsError) as caught:
        asyncio.run(client.call("ec2", "DescribeRouteTables"))
    return caught.value


def test_without_boto3_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the extra."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(
        RefusedError, match=r"steering aws needs boto3: pip install 'natgate\[aws\]'"
    ):
        AwsClient(REGION, 1.0)


def test_missing_credentials_are_told(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what gives some."""
    del account
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    assert "no AWS credentials are there; give the instance a role" in str(
        error_of(AwsClient(REGION, 2.0))
    )


def test_half_of_the_credentials_are_none(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key without its secret is told like no key."""
    del account
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no AWS credentials are there" in str(error_of(AwsClient(REGION, 2.0)))


@pytest.mark.parametrize(
    "code",
    ["SignatureDoesNotMatch", "ExpiredToken", "UnauthorizedOperation", "InvalidParameterValue"],
)
def test_no_error_holds_a_secret(account: Account, code: str) -> None:
    """Whatever AWS repeats of the request."""
    message = f"The canonical request was {KEY} x-amz-security-token:{TOKEN} {SECRET}"
    account.faults.append(lambda _, __: (code, message))
    error = error_of(account.client())
    assert error.code == code
    assert not any(secret in str(error) for secret in (KEY, SECRET, TOKEN))
    assert error.__suppress_context__


@pytest.fixture
def silent() -> Iterator[str]:
    """An endpoint that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_endpoint_that_does_not_answer_ends_at_the_deadline(
    account: Account, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told then, and neither later nor sooner than is worth while."""
    del account
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    began = time.monotonic()
    error = error_of(AwsClient(REGION, 0.6))
    assert time.monotonic() - began < 1.2
    assert "ec2:DescribeRouteTables had no answer within 0.6 s" in str(error)


def test_an_endpoint_that_is_not_there_is_tried_until_the_deadline(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says where to look."""
    del account
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    error = error_of(AwsClient(REGION, 0.5))
    assert f"the endpoint of ec2 in {REGION} is out of reach" in str(error)


def test_what_boto3_itself_refuses_is_told(account: Account) -> None:
    """A parameter that there is not is a mistake of natgate, and no trace for its user."""
    client = account.client()
    with pytest.raises(AwsError, match="ec2:CreateRoute was not called: ParamValidationError"):
        asyncio.run(client.call("ec2", "CreateRoute", "rtb-1", Unheard="of"))


def test_a_list_in_pages_is_read_to_its_end(account: Account) -> None:
    """Each page names the next one."""
    pages: list[dict[str, Any]] = [{"Subnets": [1, 2], "NextToken": "more"}, {"Subnets": [3]}]

    def turn(operation: str, given: Mapping[str, Any]) -> None:
        number = 1 if given.get("NextToken") == "more" else 0
        account.stale[operation] = pages[number]

    account.faults.append(turn)
    client = account.client()
    wanted = {"Filters": filters(vpc_id="vpc-1")}
    found = asyncio.run(client.pages("ec2", "DescribeSubnets", "Subnets", **wanted))
    assert found == {"Subnets": [1, 2, 3]}
    assert account.calls["DescribeSubnets"] == 2
