"""Certificates of an authority that lives in a test's directory, made by the openssl program."""

from dataclasses import dataclass
from pathlib import Path

from tests.namespaces import execute


@dataclass(frozen=True, slots=True)
class Authority:
    """Who vouches for servers and clients."""

    directory: Path

    @property
    def certificate(self) -> str:
        """The file that others trust."""
        return str(self.directory / "ca.pem")

    def issue(self, name: str, *, address: str | None = None) -> tuple[str, str]:
        """Certificate and key of somebody, as files; with an address it may be a server."""
        request, signed, key = (
            str(self.directory / f"{name}.{end}") for end in ("csr", "pem", "key")
        )
        extensions = self.directory / f"{name}.ext"
        use = f"serverAuth,clientAuth\nsubjectAltName=IP:{address}" if address else "clientAuth"
        extensions.write_text(f"extendedKeyUsage={use}\n")
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        execute("openssl", "req", *new, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        by = ["-CA", self.certificate, "-CAkey", str(self.directory / "ca.key"), "-CAcreateserial"]
        execute(
            "openssl", "x509", "-req", "-in", request, *by, "-days", "2", "-out", signed,
            "-extfile", str(extensions),
        )  # fmt: skip
        return signed, key


def authority(directory: Path) -> Authority:
    """A new authority."""
    directory.mkdir()
    new = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(directory / "ca.key"), "-out", str(directory / "ca.pem")]
    execute("openssl", "req", *new, *files, "-days", "2", "-subj", "/CN=authority")
    return Authority(directory)
