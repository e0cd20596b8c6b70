"""Runs a command with the privileges of packaging/natgate.service, or of another $UNIT there.

`python -m tests.house.confined CAPABILITIES STATE COMMAND...`, in a mount namespace of its own: everything but
STATE, /proc, /sys and /dev is read-only; only the named capabilities, the unit's address families
and its system calls are left, and no page may be writable and executable (Linux 6.3).
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable

from tests.house.unit_file import UNIT, settings

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_CAPBSET_DROP = 38, 65, 24
LAST_CAPABILITY = 40
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_NETLINK": 16, "AF_PACKET": 17}
MAX_FAMILY = 46
EXPANDER = "systemd-analyze"
"""Without it (as in a container) the groups of system calls are not known, and not filtered."""

ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1
EQUAL = 4

LIBC = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of libseccomp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def prctl(option: int, value: int) -> None:
    """Ask the kernel about this process; OSError if it is refused."""
    if LIBC.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def freeze_files(state: str) -> None:
    """ProtectSystem=strict: read-only, but for the state directory."""
    for argv in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "--bind", state, state],
        ["mount", "-o", "remount,bind,ro", "/"],
    ):
        subprocess.run(argv, check=True)


def drop_capabilities(kept: Iterable[str]) -> None:
    """CapabilityBoundingSet: the next program gets no others."""
    numbers = {CAPABILITIES[name] for name in kept}
    for number in range(LAST_CAPABILITY + 1):
        if number not in numbers:
            prctl(PR_CAPBSET_DROP, number)


def system_calls(filters: Iterable[str]) -> set[str]:
    """The names that SystemCallFilter= allows, its groups expanded by systemd itself."""
    allowed: set[str] = set()
    for value in filters:
        names = {name for word in value.lstrip("~").split() for name in expand(word)}
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed


def expand(word: str) -> set[str]:
    """The system calls of a group, as this machine's systemd knows it."""
    if not word.startswith("@"):
        return {word}
    argv = [EXPANDER, "syscall-filter", word]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    inner = [line.split()[0] for line in lines[1:] if line.strip() and line.strip()[0] != "#"]
    return {name for each in inner for name in expand(each)}


def filter_calls(allowed: set[str], families: set[int]) -> None:
    """SystemCallFilter and RestrictAddressFamilies: whatever else is asked for gets EPERM."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    calls = ctypes.c_void_p(seccomp.seccomp_init(REFUSE if allowed else ALLOW))
    for name in allowed:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        seccomp.seccomp_rule_add(calls, ctypes.c_uint32(ALLOW), number, 0)
    sockets = ctypes.c_void_p(seccomp.seccomp_init(ALLOW))
    number = seccomp.seccomp_syscall_resolve_name(b"socket")
    for family in set(range(MAX_FAMILY)) - families:
        equal = Comparison(arg=0, op=EQUAL, a=family, b=0)
        refuse = ctypes.c_uint32(REFUSE)
        seccomp.seccomp_rule_add_array(sockets, refuse, number, 1, ctypes.byref(equal))
    for chosen in (sockets, calls):
        if seccomp.seccomp_load(chosen):
            raise OSError("the system call filter was refused")


def main(capabilities: str, state: str, *command: str) -> None:
    """Confine this process, and become the command."""
    unit = settings(UNIT.with_name(os.environ.get("UNIT", UNIT.name)))
    allowed = system_calls(unit["SystemCallFilter"]) if shutil.which(EXPANDER) else set()
    families = {FAMILIES[name] for name in unit["RestrictAddressFamilies"][0].split()}
    freeze_files(state)
    drop_capabilities(capabilities.split())
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    filter_calls(allowed, families)
    prctl(PR_SET_MDWE, 1)
    os.execv(command[0], command)  # noqa: S606 (as systemd does)


if __name__ == "__main__":
    main(*sys.argv[1:])
