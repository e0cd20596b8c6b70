"""What an error of an AWS API means, in one sentence that carries nothing secret.

A message of AWS is repeated only where it is known to be harmless: that of SignatureDoesNotMatch,
say, holds the headers of the request, with the session's token.
"""

import re

DRY_RUN = "DryRunOperation"
"""The code by which EC2 says that a call would have been allowed."""

_THROTTLED = frozenset(
    {
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_AWAY = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_KEYS = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NO_TABLE = frozenset({"InvalidRouteTableID.NotFound"})
_SECRET = re.compile(
    r"\b(?:A[KS]IA|AROA|AIDA)[A-Z0-9]{12,}\b|[A-Za-z0-9+/=_-]{32,}|(?<=//)[^/\s@]+(?=@)"
)
_MOST = 200

THROTTLED, AWAY = "throttled", "away"
NO_CREDENTIALS = (
    "no AWS credentials are there; give the instance a role, or set the environment of boto3"
)


def passing(code: str) -> str | None:
    """Whether it is worth trying again after a while: THROTTLED, AWAY, or None if it is not."""
    if code in _THROTTLED:
        return THROTTLED
    return AWAY if code in _AWAY else None


def sentence(*, code: str, message: str, service: str, operation: str, resource: str) -> str:
    """An error in words; `resource` is what the call was about, empty if nothing in particular."""
    action = f"{service}:{operation}"
    on = f" on {resource}" if resource else ""
    meanings = (
        (_EXPIRED, f"the AWS credentials have expired ({code} at {action}); renew them"),
        (_UNKNOWN_KEYS, f"AWS does not know these credentials ({code} at {action}); see the role"),
        (_REFUSED, f"not authorised: {action}{on}; allow it in the policy of the role in use"),
        (_THROTTLED, f"AWS throttled {action}{on} until the deadline ({code})"),
        (_AWAY, f"AWS failed at {action}{on} until the deadline ({code})"),
        (_NO_TABLE, f"there is no such route table: {resource}; correct steering.tables"),
    )
    other = f"{action}{on} failed: {code}: {harmless(message)}"
    return next((meaning for codes, meaning in meanings if code in codes), other)


def harmless(message: str) -> str:
    """A message of AWS without what looks like a key or a token, and not longer than a line."""
    line = " ".join(_SECRET.sub("...", message).split())
    return line if len(line) <= _MOST else f"{line[:_MOST]}..."
