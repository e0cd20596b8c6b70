"""A bundle is named after its bytes, and the same input gives the same bytes."""

import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from natgate.agent.aws_bundle import UNITS, write_bundle
from natgate.model.error import RefusedError

REFEREE = "natgate.model.error"


def sources(folder: Path) -> dict[str, list[Path]]:
    """A wheel and a package, with a file between them that is neither."""
    for name in ("a.whl", "b.deb", "notes.txt"):
        (folder / name).write_text(name)
    return {"wheels": [folder / "a.whl"], "packages": [folder]}


def test_the_same_input_has_the_same_name(tmp_path: Path) -> None:
    """A template names it; only a change replaces instances."""
    files = sources(tmp_path)
    names = {write_bundle(tmp_path / out, "spec", **files, referee=REFEREE) for out in ("x", "y")}
    assert len(names) == 1
    assert write_bundle(tmp_path / "x", "other", **files, referee=REFEREE) not in names


def test_the_name_vouches_for_every_byte(tmp_path: Path) -> None:
    """The digest of SHA256SUMS, which has those of the archives."""
    name = write_bundle(tmp_path / "out", "spec", **sources(tmp_path), referee=REFEREE)
    folder = tmp_path / "out" / name
    sums = (folder / "SHA256SUMS").read_bytes()
    assert hashlib.sha256(sums).hexdigest() == name
    for line in sums.decode().splitlines():
        digest, file = line.split("  ")
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest


def test_it_holds_what_a_node_and_the_referee_need(tmp_path: Path) -> None:
    """Spec, wheels, packages and units; the referee's modules apart."""
    name = write_bundle(tmp_path / "out", "spec", **sources(tmp_path), referee=REFEREE)
    with tarfile.open(tmp_path / "out" / name / "bundle.tar") as archive:
        held = set(archive.getnames())
    units = {f"units/{place}" for place in UNITS.values()}
    assert held == {"spec.yaml", "wheels/a.whl", "packages/b.deb", *units}
    with zipfile.ZipFile(tmp_path / "out" / name / "referee.zip") as function:
        assert "natgate/model/error.py" in function.namelist()


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """A file that is no wheel, a directory without any, and one that is not there."""
    files = sources(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    for wheel, sentence in (
        (tmp_path / "notes.txt", r"does not end with \.whl"),
        (empty, "no wheels: name at least one"),
        (tmp_path / "gone.whl", "cannot read .*gone.whl: No such file"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            write_bundle(tmp_path / "out", "spec", [wheel], files["packages"], referee=REFEREE)
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot write"):
        write_bundle(tmp_path / "file", "spec", **files, referee=REFEREE)


def test_what_is_not_there_is_told_as_that(tmp_path: Path) -> None:
    """A folder that was not made is no file with a wrong name."""
    with pytest.raises(RefusedError, match=r"cannot read .*/wheels: No such file"):
        write_bundle(tmp_path, "spec", [tmp_path / "wheels"], [tmp_path], referee=REFEREE)
