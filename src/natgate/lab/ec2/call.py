"""A call of the AWS API as it comes over HTTP, and how a refusal is written down: pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

REQUEST_ID = "59dbff89-35bd-4eac-99ed-be587EXAMPLE"

FORM = "application/x-www-form-urlencoded"
_SCOPE = re.compile(r"Credential=(?P<key>[^/,]*)/[0-9]*/(?P<region>[^/]*)/(?P<service>[^/]*)/")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/(?P<action>\w+)")
_EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_SCALING_NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"


class RefusalError(Exception):
    """AWS says no: its code, its words, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass(slots=True, kw_only=True)
class Call:
    """One call; `values` are the parameters of the query protocol and may be changed.

    `origin` is the WSGI request that it came in.
    """

    service: str
    region: str
    action: str
    source: str
    key: str = ""
    values: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A parameter; empty if it was not given."""
        return self.values.get(name, "")

    def need(self, name: str) -> str:
        """A parameter that must be there."""
        if not self.get(name):
            raise RefusalError("MissingParameter", f"The request must contain the parameter {name}")
        return self.values[name]

    def flag(self, name: str) -> bool:
        """Whether a parameter is true."""
        return self.get(name).lower() == "true"

    def members(self, prefix: str) -> list[str]:
        """The parameters `prefix.1`, `prefix.2`, ... or `prefix.member.1`."""
        numbered = re.compile(rf"{re.escape(prefix)}\.(?:member\.)?([0-9]+)(?:\.PrivateIpAddress)?")
        found = {
            int(match[1]): value
            for name, value in self.values.items()
            if (match := numbered.fullmatch(name))
        }
        return [found[number] for number in sorted(found)]

    @property
    def changes(self) -> bool:
        """Whether the call may change anything."""
        return not self.action.startswith(("Describe", "Get", "List"))

    def encoded(self) -> bytes:
        """The body again, with what was changed in the parameters."""
        return urlencode(self.values).encode() if self.values else self.body


def read_call(
    headers: Mapping[str, str], path: str, body: bytes, *, source: str, query: str = ""
) -> Call:
    """The call in an HTTP request; `headers` by their names in lower case."""
    scope = _SCOPE.search(headers.get("authorization", ""))
    target, cbor = headers.get("x-amz-target", ""), _CBOR_PATH.search(path)
    values: dict[str, str] = {}
    if headers.get("content-type", "").startswith(FORM) or not (target or cbor):
        values = dict(parse_qsl(body.decode(errors="replace") or query, keep_blank_values=True))
    if cbor is not None:
        action = cbor["action"]
    else:
        action = values.get("Action", "") or target.rpartition(".")[2]
    return Call(
        service=scope["service"] if scope else "",
        region=scope["region"] if scope else "",
        key=scope["key"] if scope else "",
        action=action,
        source=source,
        values=values,
        body=body,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def done(self) -> bool:
        """Whether the call was accepted."""
        return self.status < 300  # noqa: PLR2004 (HTTP)


def xml_of(value: object) -> str:
    """Nested mappings as XML elements; each item of a list is an `item` or `member`."""
    if isinstance(value, Mapping):
        return "".join(f"<{k}>{xml_of(v)}</{k}>" for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return "".join(f"<item>{xml_of(each)}</item>" for each in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def answer(call: Call, content: Mapping[str, object]) -> Answer:
    """What a call of a query protocol is answered with."""
    name, inner = f"{call.action}Response", xml_of(content)
    if call.service == "ec2":
        text = (
            f'<{name} xmlns="{_EC2_NAMESPACE}"><requestId>{REQUEST_ID}</requestId>{inner}</{name}>'
        )
    else:
        inner = inner.replace("<item>", "<member>").replace("</item>", "</member>")
        result, told = f"{call.action}Result", f"<RequestId>{REQUEST_ID}</RequestId>"
        text = (
            f'<{name} xmlns="{_SCALING_NAMESPACE}"><{result}>{inner}</{result}>'
            f"<ResponseMetadata>{told}</ResponseMetadata></{name}>"
        )
    return Answer(status=200, headers=(("Content-Type", "text/xml"),), body=text.encode())


def refusal(call: Call, error: RefusalError) -> Answer:
    """How a service writes down an error, by the protocol that the call came in."""
    code, message = escape(error.code), escape(error.message)
    told = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    kind, body = "text/xml", b""
    extra: tuple[tuple[str, str], ...] = ()
    if not call.values:
        # CloudWatch and EventBridge speak JSON; both name the error in this header too.
        kind = "application/x-amz-json-1.1"
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        extra = (("x-amzn-query-error", f"{error.code};Sender"),)
    elif call.service == "ec2":
        inner = f"<Errors>{told}</Errors><RequestID>{REQUEST_ID}</RequestID>"
        body = f"<Response>{inner}</Response>".encode()
    else:
        inner = f"{told}<RequestId>{REQUEST_ID}</RequestId>"
        body = f"<ErrorResponse>{inner}</ErrorResponse>".encode()
    return Answer(status=error.status, headers=(("Content-Type", kind), *extra), body=body)
