"""A metadata service that refuses whoever shows no token, as one does that requires version 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar


@dataclass(slots=True)
class Service:
    """What it says, and what it was asked: method, path, and whether the token was good."""

    values: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    tokens: int = 0
    endpoint: str = ""
    gives_tokens: bool = True

    @property
    def token(self) -> str:
        """The one token that is good now."""
        return f"token-{self.tokens}"


def values(instance: str, zone: str, interface: str) -> dict[str, str]:
    """What the service of an instance says."""
    mac = "02:00:00:00:00:01"
    return {
        "instance-id": instance,
        "placement/availability-zone": zone,
        "mac": mac,
        f"network/interfaces/macs/{mac}/interface-id": interface,
    }


@contextmanager
def serving() -> Iterator[Service]:
    """A service on loopback."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        about: ClassVar[Service] = service

        def do_PUT(self) -> None:
            lives = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            good = lives.isdigit() and self.path == "/latest/api/token" and service.gives_tokens
            service.asked.append(("PUT", self.path, good))
            service.tokens += good
            self._say(200 if good else 403, service.token if good else "")

        def do_GET(self) -> None:
            good = self.headers.get("X-aws-ec2-metadata-token") == service.token
            service.asked.append(("GET", self.path, good))
            value = service.values.get(self.path.removeprefix("/latest/meta-data/"))
            if not good:
                self._say(401, "")
            elif value is None:
                self._say(404, "")
            else:
                self._say(500 if value == "broken" else 200, value)

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
