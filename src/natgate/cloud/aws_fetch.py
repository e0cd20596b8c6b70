"""Gets an object from S3 with the role of this instance: `python3 - BUCKET KEY REGION SUFFIX FILE`.

User data runs this text before anything is installed: not every image has a program of AWS's, but
each has the Python of cloud-init. So it needs the standard library only, and Python 3.9.
"""

import hashlib
import hmac
import json
import pathlib
import sys
import time
import urllib.request

METADATA = "http://169.254.169.254/latest"
EMPTY = hashlib.sha256(b"").hexdigest()


def credentials() -> dict[str, str]:
    """AccessKeyId, SecretAccessKey and Token of the instance's role, by IMDSv2."""
    asking = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
    token = {"X-aws-ec2-metadata-token": read(f"{METADATA}/api/token", asking, "PUT").decode()}
    roles = f"{METADATA}/meta-data/iam/security-credentials/"
    role = read(roles, token).decode().split()[0]
    found: dict[str, str] = json.loads(read(roles + role, token))
    return found


def signed(host: str, path: str, region: str, keys: dict[str, str], stamp: str) -> dict[str, str]:
    """The headers of a GET by Signature Version 4, for a `path` without characters to be quoted.

    `stamp` is the time in UTC, such as 20261127T081500Z.
    """
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    headers = {
        "host": host,
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": stamp,
        "x-amz-security-token": keys["Token"],
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = hashlib.sha256(f"GET\n{path}\n\n{lines}\n{names}\n{EMPTY}".encode()).hexdigest()
    key = f"AWS4{keys['SecretAccessKey']}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{request}"):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={keys['AccessKeyId']}/{scope}"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
    )
    return headers


def read(url: str, headers: dict[str, str], method: str = "GET") -> bytes:
    """The body that an URL answers with."""
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (ours and AWS's)
        body: bytes = answer.read()
    return body


def main(bucket: str, key: str, region: str, suffix: str, file: str) -> None:
    """Two minutes of tries: an instance may be there before its role and the way to S3."""
    host, path = f"{bucket}.s3.{region}.{suffix}", f"/{key}"
    for left in reversed(range(24)):
        try:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            headers = signed(host, path, region, credentials(), stamp)
            pathlib.Path(file).write_bytes(read(f"https://{host}{path}", headers))
        except (OSError, IndexError) as error:
            if not left:
                sys.exit(f"natgate: s3://{bucket}/{key} cannot be fetched: {error}")
            time.sleep(5)
        else:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
