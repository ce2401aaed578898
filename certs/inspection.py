"""What a certificate says: subject, names, purpose, expiry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.errors import CertificateError

_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """The fields of a certificate that people and checks ask for."""

    common_name: str
    issuer: str
    names: tuple[str, ...]
    purposes: tuple[str, ...]
    is_authority: bool
    not_before: datetime
    not_after: datetime
    sha256: str

    def left(self, now: datetime) -> timedelta:
        """How long the certificate is still valid; negative once it has expired."""
        return self.not_after - now


def inspect_certificate(pem: bytes) -> CertificateInfo:
    """Read one PEM certificate.

    Raises:
        CertificateError: where the bytes are not one.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        return CertificateInfo(
            common_name=_common_name(certificate.subject),
            issuer=_common_name(certificate.issuer),
            names=_names(certificate),
            purposes=_purposes(certificate),
            is_authority=_is_authority(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        )
    except ValueError:
        raise CertificateError("not a PEM certificate") from None


def inspect_file(path: Path) -> CertificateInfo:
    """Read the PEM certificate in a file.

    Raises:
        CertificateError: where it cannot be read; the message names the file.
    """
    try:
        return inspect_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error
    except CertificateError as error:
        raise CertificateError(f"{path}: {error}") from error


def _common_name(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attributes[0].value) if attributes else ""


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    dns = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return (*dns, *(str(address) for address in addresses))


def _purposes(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return ()
    return tuple(_PURPOSES.get(oid, oid.dotted_string) for oid in extension.value)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return extension.value.ca
