"""An instance in its first minute: `python -m tests.kernel.aws_instance ROOT BUCKET CERTIFICATE`.

Runs /user-data in ROOT, in namespaces of its own, with nothing but loopback: IMDS has its real
address there, S3 its real name with a certificate that ROOT trusts, and SSM is asked by http.
Every process in here ends with this one. What was asked of them goes to standard output as JSON.
"""

import json
import ssl
import subprocess
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.aws_signature import KEYS, is_signed

METADATA, SSM = ("169.254.169.254", 80), ("127.0.0.1", 8080)
SECRET = "a heartbeat key of tests"  # noqa: S105 (of tests)
LENT = {**KEYS, "Code": "Success", "Expiration": "2099-01-01T00:00:00Z"}
ROLE = "/latest/meta-data/iam/security-credentials/"


class Answers(BaseHTTPRequestHandler):
    """Answers for AWS; `bucket` is a directory, `seen` collects what was asked."""

    def __init__(self, bucket: Path, seen: list[str], *args: Any) -> None:  # noqa: ANN401
        self.bucket, self.seen = bucket, seen
        super().__init__(*args)

    def do_PUT(self) -> None:
        """IMDSv2: a token."""
        self._answer(b"a token" if "X-aws-ec2-metadata-token-ttl-seconds" in self.headers else None)

    def do_GET(self) -> None:
        """IMDS with the token, or an object of the bucket if the request is signed."""
        if self.path.startswith("/latest/"):
            known = {ROLE: b"node-role\n", f"{ROLE}node-role": json.dumps(LENT).encode()}
            good = self.headers["X-aws-ec2-metadata-token"] == "a token"
            self._answer(known.get(self.path) if good else None)
            return
        good = is_signed(dict(self.headers.items()), self.path)
        file = self.bucket / self.path.lstrip("/")
        self._answer(file.read_bytes() if good and file.is_file() else None)

    def do_POST(self) -> None:
        """SSM: the one parameter."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = asked == {"Name": "/natgate/main/heartbeat-key", "WithDecryption": True}
        answer = {"Parameter": {"Name": asked["Name"], "Value": SECRET}}
        self._answer(json.dumps(answer).encode() if good else None)

    def log_message(self, *_: object) -> None:
        """Nothing: `seen` has it."""

    def _answer(self, body: bytes | None) -> None:
        self.seen.append(f"{self.command} {self.path} {'refused' if body is None else 'ok'}")
        self.send_response(403 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")


def main(root: str, bucket: str, certificate: str) -> int:
    """The exit code of the script."""
    for command in (
        "ip link set lo up",
        "ip address add 169.254.169.254/32 dev lo",
        f"mount -t proc proc {root}/proc",
        f"mount -t sysfs sysfs {root}/sys",
        f"mount --rbind /dev {root}/dev",
    ):
        subprocess.run(command.split(), check=True)
    seen: list[str] = []
    make = partial(Answers, Path(bucket), seen)
    servers = [ThreadingHTTPServer(place, make) for place in (METADATA, SSM, ("127.0.0.1", 443))]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers[-1].socket = context.wrap_socket(servers[-1].socket, server_side=True)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SSL_CERT_FILE": "/trusted.pem",
        "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:8080",
    }
    argv = ["chroot", root, "bash", "/user-data"]
    done = subprocess.run(argv, env=environment, stdout=sys.stderr, check=False)
    sys.stdout.write(json.dumps(seen))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
