"""The script that makes a fresh instance a node: everything comes from one bucket, checked.

An instance in a closed network reaches no package mirror. Its trust hangs on one digest, which is
in the script: that of SHA256SUMS, which has those of everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from natgate.wire.cloudformation_setup import Deployment, Resource

System = Literal["debian-12", "amazon-linux-2023"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What differs between systems: `image` is the public SSM parameter of its newest image."""

    image: str
    python: str
    install: str
    packages: tuple[str, ...]


GROUNDS: Mapping[System, Ground] = {
    "debian-12": Ground(
        image="/aws/service/debian/release/12/latest/amd64",
        python="python3",
        # Images have newer versions of some: those stay.
        install="dpkg --install --refuse-downgrade --skip-same-version packages/*.deb",
        packages=(
            "ca-certificates",
            "conntrack",
            "conntrackd",
            "iproute2",
            "libnftables1",
            "netbase",
            "nftables",
            "procps",
            "python3-venv",
        ),
    ),
    "amazon-linux-2023": Ground(
        image="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        python="python3.11",
        install="dnf --assumeyes --disablerepo='*' install packages/*.rpm",
        packages=(
            "conntrack-tools",
            "iproute",
            "nftables",
            "procps-ng",
            "python3.11",
            "python3.11-pip",
        ),
    ),
}
"""What a node needs that an image may lack; the bundle has these and what they need themselves."""

VARIABLES = ("BUCKET", "PREFIX", "BUNDLE", "REGION", "SUFFIX", "KEY_PARAMETER")
"""What the head of the script sets."""

BUCKET = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
PREFIX = r"[A-Za-z0-9_-][A-Za-z0-9_./-]*[A-Za-z0-9_-]"
BUNDLE = r"[0-9a-f]{64}"
KEY_PARAMETER = r"/[A-Za-z0-9_./-]+"
"""What the first of them may be: nothing that a shell or an URL would have to quote."""

_KEY = """\
import os, sys, boto3
name, file = sys.argv[1:]
got = boto3.client("ssm").get_parameter(Name=name, WithDecryption=True)
with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as key:
    key.write(got["Parameter"]["Value"])
"""

_BODY = """\
umask 022
export DEBIAN_FRONTEND=noninteractive

# 1. The bundle, by the role of this instance; nothing of it is used before it is checked.
install -d -m 700 /var/lib/natgate-bundle
cd /var/lib/natgate-bundle
fetch() {{
    python3 - "$BUCKET" "$PREFIX/$BUNDLE/$1" "$REGION" "$SUFFIX" "$1" <<'PYTHON'
{fetch}PYTHON
}}
fetch SHA256SUMS
echo "$BUNDLE  SHA256SUMS" | sha256sum --check --strict --quiet
fetch bundle.tar
sha256sum --check --strict --quiet --ignore-missing SHA256SUMS
tar --extract --no-same-owner --file bundle.tar

# 2. Programs of the system, from files.
{install}

# 3. natgate, from files.
install -d -m 755 /opt/natgate
{python} -m venv --clear /opt/natgate/.venv
/opt/natgate/.venv/bin/pip install --quiet --disable-pip-version-check --no-index \\
    --find-links wheels 'natgate[aws]'
ln -sf /opt/natgate/.venv/bin/natgate /usr/local/bin/natgate

# 4. The spec, and the key of the heartbeats, which is in no log and in no list of processes.
install -d -m 700 /etc/natgate
install -m 600 spec.yaml /etc/natgate/spec.yaml
install -d -m 700 "$(dirname {key_file})"
AWS_DEFAULT_REGION=$REGION /opt/natgate/.venv/bin/python - "$KEY_PARAMETER" {key_file} <<'PYTHON'
{key}PYTHON

# 5. The units: first the node's address, then the agent.
cp -R units/. /etc/systemd/system/
systemctl daemon-reload
# The one would flush the rules of the agent, the other would have its port.
for unit in nftables.service conntrackd.service; do
    systemctl disable "$unit" || true
    systemctl stop "$unit" || true
done
systemctl enable natgate-aws-join.service natgate.service
systemctl start --no-block natgate-aws-join.service natgate.service
"""


def user_data(
    plan: Deployment, system: System, fetch: str, values: Mapping[str, object]
) -> Resource:
    """The script as an Fn::Join: `fetch` is the text of a program, `values` those of VARIABLES."""
    head: list[object] = [f"#!/bin/bash\n# Makes this instance a node of {plan.group}.\n"]
    head.append("set -euo pipefail\n")
    for name in VARIABLES:
        head += [f"{name}='", values[name], "'\n"]
    return {"Fn::Join": ["", [*head, _body(plan, system, fetch)]]}


def script(plan: Deployment, system: System, fetch: str, values: Mapping[str, str]) -> str:
    """The same as text, for an instance that is made by other means."""
    return "".join(user_data(plan, system, fetch, values)["Fn::Join"][1])


def _body(plan: Deployment, system: System, fetch: str) -> str:
    ground = GROUNDS[system]
    return _BODY.format(
        fetch=fetch,
        install=ground.install,
        python=ground.python,
        key_file=_quoted(plan.key_file),
        key=_KEY,
    )


def _quoted(text: str) -> str:
    """One word of a shell, whatever it holds."""
    return "'" + text.replace("'", "'\\''") + "'"
