"""The certificate authority and what it issues: ECDSA P-256, clock and validity passed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANIZATION: Final = "Countersign"
#: A certificate counts a little before it was made: clocks of two machines differ.
SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM; for files that only their owner reads."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def create_authority(*, now: datetime, validity: timedelta) -> Credential:
    """Make a new authority that signs end certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Countersign local CA")
    builder = (
        _builder(name, name, key, now, validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Credential(builder.sign(key, hashes.SHA256()), key)


def issue_server(
    authority: Credential,
    name: str,
    hosts: tuple[str, ...],
    *,
    now: datetime,
    validity: timedelta,
) -> Credential:
    """Issue a server's certificate for host names and addresses."""
    alternatives = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    return _issue(
        authority, name, ExtendedKeyUsageOID.SERVER_AUTH, alternatives, now=now, validity=validity
    )


def issue_client(
    authority: Credential, role: str, *, now: datetime, validity: timedelta
) -> Credential:
    """Issue a role's client certificate; the role is its common name and its DNS name."""
    alternatives = x509.SubjectAlternativeName([x509.DNSName(role)])
    return _issue(
        authority, role, ExtendedKeyUsageOID.CLIENT_AUTH, alternatives, now=now, validity=validity
    )


def _issue(
    authority: Credential,
    name: str,
    purpose: x509.ObjectIdentifier,
    alternatives: x509.SubjectAlternativeName,
    *,
    now: datetime,
    validity: timedelta,
) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1())
    # Never valid beyond the authority: what it signs would stop counting without a word.
    left = authority.certificate.not_valid_after_utc - now
    builder = (
        _builder(authority.certificate.subject, _name(name), key, now, min(validity, left))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    return Credential(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    validity: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_name(host: str) -> x509.GeneralName:
    address: IPv4Address | IPv6Address
    try:
        address = ip_address(host)
    except ValueError:
        return x509.DNSName(host)
    return x509.IPAddress(address)
