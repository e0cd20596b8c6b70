"""What is uploaded for a deployment on AWS: one archive for nodes, one for the referee, digests.

The same input gives the same bytes, so the digest of SHA256SUMS is the bundle's name: a changed
bundle has another one, which is what tells CloudFormation to replace instances and function.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import natgate
from natgate.agent.closure import closure
from natgate.model.error import RefusedError

REFEREE = "natgate.agent.referee"
UNITS = {
    "natgate.service": "natgate.service",
    "natgate-aws-join.service": "natgate-aws-join.service",
    "natgate-aws.conf": "natgate.service.d/aws.conf",
}
"""Files of packaging/, and where each goes below /etc/systemd/system."""


def write_bundle(
    output: Path, spec: str, wheels: Iterable[Path], packages: Iterable[Path], referee: str
) -> str:
    """Write a folder below `output`, named after the digest that it returns; all of it or nothing."""
    node = {
        "spec.yaml": spec.encode(),
        **_read("wheels", wheels, {".whl"}),
        **_read("packages", packages, {".deb", ".rpm"}),
        **{f"units/{place}": _unit(name) for name, place in UNITS.items()},
    }
    files = {"bundle.tar": _tar(node), "referee.zip": _zip(closure(referee))}
    sums = "".join(f"{_digest(data)}  {name}\n" for name, data in sorted(files.items()))
    files["SHA256SUMS"] = sums.encode()
    bundle = _digest(files["SHA256SUMS"])
    folder = output / bundle
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise RefusedError(f"cannot write {folder}: {error.strerror}") from None
    return bundle


def _read(folder: str, paths: Iterable[Path], endings: set[str]) -> dict[str, bytes]:
    """Files by the place where they go; a directory stands for those in it that end so."""
    found: dict[str, bytes] = {}
    for path in paths:
        files = _listed(path)
        for file in files:
            if file.suffix in endings:
                found[f"{folder}/{file.name}"] = _bytes(file)
            elif file == path:
                known = " or ".join(sorted(endings))
                raise RefusedError(f"{file} does not end with {known}; leave it out")
    if not found:
        known = " or ".join(sorted(endings))
        raise RefusedError(f"no {folder}: name at least one file that ends with {known}")
    return found


def _listed(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            return sorted(path.iterdir())
        path.stat()
    except OSError as error:
        raise RefusedError(f"cannot read {path}: {error.strerror}") from None
    return [path]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RefusedError(f"cannot read {file}: {error.strerror}") from None


def _unit(name: str) -> bytes:
    """A file of packaging/: in a wheel it lies inside the package, else beside src."""
    package = Path(natgate.__file__).parent
    places = (package / "packaging" / name, package.parents[1] / "packaging" / name)
    return _bytes(next((place for place in places if place.is_file()), places[0]))


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
