"""What an EC2 instance is told of itself: the instance metadata service, version 2 only.

Every request carries a token that a PUT gave (EC2 user guide, "Use IMDSv2"); version 1, which any
request that can be tricked out of a program reaches, is never used.
"""

import os
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from natgate.model.error import HostError

ENDPOINT, DEFAULT = "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254"
"""boto3's own variable, and where the service is on every instance."""

TIMEOUT = 1.0
TOKEN_LIVES = 21600
"""Seconds for which a token is asked for, the most there is; a new one is taken a minute before."""

_TOKEN, _DATA = "/latest/api/token", "/latest/meta-data/"
_LONGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """This instance: its id, its availability zone, and its first network interface."""

    id: str
    zone: str
    interface: str


class Metadata:
    """The service of this instance; HostError where there is none, as outside EC2."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint or os.environ.get(ENDPOINT) or DEFAULT
        self._token: str | None = None
        self._until = 0.0

    def instance(self) -> Instance:
        """Who this is."""
        mac = self._need("mac")
        return Instance(
            id=self._need("instance-id"),
            zone=self._need("placement/availability-zone"),
            interface=self._need(f"network/interfaces/macs/{mac}/interface-id"),
        )

    def read(self, path: str) -> str | None:
        """One value, None if there is none of that name."""
        for _ in range(2):
            status, text = self._ask("GET", _DATA + path, {"X-aws-ec2-metadata-token": self._key()})
            if status != HTTPStatus.UNAUTHORIZED:
                break
            self._token = None
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise HostError(f"instance metadata: {path} was answered by status {status}")
        return text.strip()

    def _need(self, path: str) -> str:
        value = self.read(path)
        if not value:
            raise HostError(f"instance metadata: this instance has no {path}")
        return value

    def _key(self) -> str:
        now = time.monotonic()
        if self._token is None or now >= self._until:
            lives = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_LIVES)}
            status, text = self._ask("PUT", _TOKEN, lives)
            if status != HTTPStatus.OK:
                raise HostError(f"instance metadata: no token was given (status {status})")
            self._token, self._until = text.strip(), now + TOKEN_LIVES - 60
        return self._token

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        host, port = self._where()
        try:
            with closing(HTTPConnection(host, port, timeout=TIMEOUT)) as connection:
                connection.request(method, path, headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.read(_LONGEST).decode()
        except (OSError, HTTPException, UnicodeDecodeError):
            raise HostError(
                f"no instance metadata at {self._endpoint}: this is no EC2 instance, or its "
                "metadata service is off"
            ) from None

    def _where(self) -> tuple[str, int | None]:
        try:
            where = urlsplit(self._endpoint)
            host, port = where.hostname, where.port
        except ValueError:  # a bracket that is not closed, or a port that is no number
            host, port = None, None
        if host is None or where.scheme != "http":
            raise HostError(f"{ENDPOINT} is {self._endpoint}, which is no http://address")
        return host, port
