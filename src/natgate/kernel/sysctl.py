"""Kernel settings below /proc/sys, read and written without remembering anything."""

from pathlib import Path

from natgate.model.error import HostError, RefusedError

ROOT = Path("/proc/sys")


def read(key: str) -> str | None:
    """The value of a key such as net/ipv4/ip_forward; None if this kernel does not have it."""
    try:
        return (ROOT / key).read_text().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"cannot read {key}: {error.strerror}") from None


def write(key: str, value: str) -> None:
    """Set a key; RefusedError if the kernel lacks it or forbids it."""
    try:
        (ROOT / key).write_text(f"{value}\n")
    except FileNotFoundError:
        hint = "load the module nf_conntrack" if "conntrack" in key else "the link may be gone"
        raise RefusedError(f"this kernel has no setting {key}: {hint}") from None
    except PermissionError:
        raise RefusedError(f"setting {key} is forbidden: run as root, outside containers") from None
    except OSError as error:
        raise HostError(f"cannot set {key} to {value}: {error.strerror}") from None


def links() -> tuple[str, ...]:
    """Every link that has settings of its own, the loopback left out."""
    names = (path.name for path in (ROOT / "net/ipv4/conf").iterdir())
    return tuple(sorted(set(names) - {"all", "default", "lo"}))
