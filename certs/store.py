"""The directory of certificates that a local installation runs on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Credential, create_authority, issue_client, issue_server
from certs.errors import CertificateError
from certs.files import PRIVATE, PUBLIC, write_atomic

SERVERS: Final = ("redis", "vault", "gateway", "rabbitmq")
ROLES: Final = ("gateway", "dispatcher", "worker", "security", "operator", "superuser")
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
AUTHORITY_VALIDITY: Final = timedelta(days=3650)
VALIDITY: Final = timedelta(days=365)
#: What is valid for less than this is issued anew.
RENEW_BEFORE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CertificateStore:
    """Names of the files: `ca.crt`, `server-<name>.crt`, `client-<role>.crt`, each with `.key`."""

    directory: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate: what everyone trusts."""
        return self.directory / "ca.crt"

    def server(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of a server."""
        return self._pair(f"server-{name}")

    def client(self, role: str) -> tuple[Path, Path]:
        """Certificate and key of a role."""
        return self._pair(f"client-{role}")

    def certificates(self) -> list[Path]:
        """Every certificate in the directory."""
        return sorted(self.directory.glob("*.crt"))

    def ensure(
        self,
        *,
        now: datetime,
        validity: timedelta = VALIDITY,
        hosts: tuple[str, ...] = LOCAL_HOSTS,
    ) -> list[Path]:
        """Issue what is missing, unreadable, foreign or about to expire; give what was written.

        The key is written before its certificate, so that a crash between the two leaves a
        pair that does not match, which the next call issues anew.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        written: list[Path] = []
        authority = self._usable(self._pair("ca"), None, now, AUTHORITY_VALIDITY)
        if authority is None:
            authority = create_authority(now=now, validity=AUTHORITY_VALIDITY)
            written.append(_write(self._pair("ca"), authority))
        for name in SERVERS:
            if self._usable(self.server(name), authority, now, validity) is None:
                issued = issue_server(authority, name, hosts, now=now, validity=validity)
                written.append(_write(self.server(name), issued))
        for role in ROLES:
            if self._usable(self.client(role), authority, now, validity) is None:
                issued = issue_client(authority, role, now=now, validity=validity)
                written.append(_write(self.client(role), issued))
        return written

    def _pair(self, stem: str) -> tuple[Path, Path]:
        return self.directory / f"{stem}.crt", self.directory / f"{stem}.key"

    def _usable(
        self,
        pair: tuple[Path, Path],
        issuer: Credential | None,
        now: datetime,
        validity: timedelta,
    ) -> Credential | None:
        if not all(path.exists() for path in pair):
            return None
        found = load(*pair)
        certificate = found.certificate
        if found.key.public_key() != certificate.public_key():
            return None
        if certificate.not_valid_after_utc - now < min(RENEW_BEFORE, validity / 3):
            return None
        if issuer is not None and not _issued_by(certificate, issuer.certificate):
            return None
        return found


def load(certificate: Path, key: Path) -> Credential:
    """Read a certificate and its key.

    Raises:
        CertificateError: where a file is not what its name says.
    """
    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise CertificateError(
            f"cannot read {certificate} or its key; remove both to have them made anew"
        ) from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{key} is not an elliptic-curve key")
    return Credential(parsed, private)


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError):
        return False
    return True


def _write(pair: tuple[Path, Path], credential: Credential) -> Path:
    certificate, key = pair
    write_atomic(key, credential.key_pem(), PRIVATE)
    write_atomic(certificate, credential.certificate_pem(), PUBLIC)
    return certificate
