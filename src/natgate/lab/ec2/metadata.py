"""The instance metadata service, version 2 only: no answer without a token."""

import json
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from natgate.lab.ec2.fleet import Member
from natgate.lab.ec2.taught import ACCOUNT
from natgate.lab.vpc import KEY_ID, REGION, SECRET

ROLE = "natgate-node"
TOKEN, TTL = "HTTP_X_AWS_EC2_METADATA_TOKEN", "HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS"
LONGEST = 21600


class Metadata:
    """A WSGI application that knows a caller by its source address."""

    def __init__(self, member_at: Callable[[str], Member | None]) -> None:
        self._member_at = member_at
        self._tokens: dict[str, float] = {}

    def __call__(self, environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        """Answer one HTTP request."""
        status, body = self._answer(environ)
        start(status, [("Content-Type", "text/plain")])
        return [body.encode()]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, str]:
        path = environ.get("PATH_INFO", "").rstrip("/")
        if path == "/latest/api/token":
            return self._token(environ)
        if self._tokens.get(environ.get(TOKEN, ""), 0) < time.monotonic():
            return "401 Unauthorized", ""
        member = self._member_at(environ.get("REMOTE_ADDR", ""))
        if member is None:
            return "404 Not Found", ""
        return self._look(member, path)

    def _token(self, environ: dict[str, Any]) -> tuple[str, str]:
        ttl = environ.get(TTL, "")
        if environ.get("REQUEST_METHOD") != "PUT" or "HTTP_X_FORWARDED_FOR" in environ:
            return "403 Forbidden", ""
        if not ttl.isdigit() or not 1 <= int(ttl) <= LONGEST:
            return "400 Bad Request", ""
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(ttl)
        return "200 OK", token

    def _look(self, member: Member, path: str) -> tuple[str, str]:
        values = _values(member)
        prefix = f"{path.removeprefix('/latest')}/"
        if (found := values.get(path.removeprefix("/latest"))) is not None:
            return "200 OK", found
        below = (each.removeprefix(prefix) for each in values if each.startswith(prefix))
        listed = dict.fromkeys(
            each.partition("/")[0] + ("/" if "/" in each else "") for each in below
        )
        return ("200 OK", "\n".join(listed)) if listed else ("404 Not Found", "")


def _values(member: Member) -> dict[str, str]:
    interface, zone = member.instance.nics[0], member.instance.availability_zone
    mac = interface.mac_address
    macs = f"/meta-data/network/interfaces/macs/{mac}"
    credentials = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": KEY_ID,
        "SecretAccessKey": SECRET,
        "Token": "natgate-lab",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    identity = {
        "accountId": ACCOUNT,
        "region": REGION,
        "availabilityZone": zone,
        "instanceId": member.instance.id,
        "privateIp": interface.private_ip_address,
    }
    addresses = [each["PrivateIpAddress"] for each in interface.private_ip_addresses]
    tags = {tag["key"]: tag["value"] for tag in member.instance.get_tags()}
    return {
        "/meta-data/instance-id": member.instance.id,
        "/meta-data/local-ipv4": interface.private_ip_address,
        "/meta-data/mac": mac,
        "/meta-data/placement/availability-zone": zone,
        "/meta-data/placement/region": REGION,
        "/meta-data/autoscaling/target-lifecycle-state": "InService",
        "/meta-data/iam/security-credentials/natgate-node": json.dumps(credentials),
        f"{macs}/interface-id": interface.id,
        f"{macs}/device-number": "0",
        f"{macs}/local-ipv4s": "\n".join(addresses),
        f"{macs}/subnet-id": interface.subnet_id,
        f"{macs}/vpc-id": interface.vpc_id,
        "/dynamic/instance-identity/document": json.dumps(identity),
        **{f"/meta-data/tags/instance/{key}": value for key, value in tags.items()},
    }
