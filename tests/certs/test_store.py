"""Certificates on disk: made once, kept, renewed, private; and good for mutual TLS."""

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from certs.authority import create_authority, issue_client, issue_server
from certs.errors import CertificateError
from certs.files import write_atomic
from certs.inspection import inspect_certificate, inspect_file
from certs.store import ROLES, SERVERS, CertificateStore, load

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> CertificateStore:
    made = CertificateStore(tmp_path / "certs")
    made.ensure(now=NOW)
    return made


def contents(store: CertificateStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.directory.iterdir()}


def test_everything_is_there_and_private(store: CertificateStore) -> None:
    names = {"ca", *(f"server-{name}" for name in SERVERS), *(f"client-{role}" for role in ROLES)}
    assert set(contents(store)) == {f"{n}.crt" for n in names} | {f"{n}.key" for n in names}
    assert store.directory.stat().st_mode & 0o777 == 0o700
    for path in store.directory.glob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    for path in store.certificates():
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_second_call_changes_nothing(store: CertificateStore) -> None:
    before = contents(store)
    assert store.ensure(now=NOW + timedelta(days=300)) == []
    assert contents(store) == before


def test_what_is_about_to_expire_is_issued_anew_and_the_authority_stays(
    store: CertificateStore,
) -> None:
    authority = store.authority.read_bytes()
    written = store.ensure(now=NOW + timedelta(days=340))
    assert len(written) == len(SERVERS) + len(ROLES)
    assert store.authority.read_bytes() == authority
    assert inspect_file(store.client("worker")[0]).left(NOW) > timedelta(days=600)


def test_a_new_authority_brings_all_certificates_anew(store: CertificateStore) -> None:
    store.authority.unlink()
    assert len(store.ensure(now=NOW)) == 1 + len(SERVERS) + len(ROLES)


@pytest.mark.parametrize("left", ["crt", "key"])
def test_half_a_pair_is_made_whole(store: CertificateStore, left: str) -> None:
    certificate, key = store.client("worker")
    (certificate if left == "key" else key).unlink()
    assert store.ensure(now=NOW) == [certificate]


def test_a_key_of_another_certificate_is_replaced(store: CertificateStore) -> None:
    certificate, key = store.client("worker")
    key.write_bytes(store.client("gateway")[1].read_bytes())
    assert store.ensure(now=NOW) == [certificate]
    assert load(certificate, key).certificate.not_valid_after_utc > NOW


def test_a_file_that_is_no_certificate_is_named(store: CertificateStore) -> None:
    certificate, _ = store.client("worker")
    certificate.write_text("not one")
    with pytest.raises(CertificateError, match=r"client-worker\.crt"):
        store.ensure(now=NOW)
    with pytest.raises(CertificateError, match=r"client-worker\.crt"):
        inspect_file(certificate)


def test_what_a_server_certificate_says(store: CertificateStore) -> None:
    info = inspect_file(store.server("redis")[0])
    assert info.common_name == "redis"
    assert info.issuer == "Countersign local CA"
    assert info.names == ("localhost", "127.0.0.1", "::1")
    assert info.purposes == ("server",)
    assert not info.is_authority
    assert info.left(NOW) == timedelta(days=365)
    assert inspect_file(store.authority).is_authority


def test_a_certificate_never_outlives_its_authority() -> None:
    authority = create_authority(now=NOW, validity=timedelta(days=10))
    issued = issue_client(authority, "worker", now=NOW, validity=timedelta(days=365))
    assert issued.certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_the_chain_passes_the_web_pkis_checks() -> None:
    authority = create_authority(now=NOW, validity=timedelta(days=900))
    hosts = ("localhost", "::1")
    server = issue_server(authority, "x", hosts, now=NOW, validity=timedelta(days=90))
    builder = PolicyBuilder().store(Store([authority.certificate])).time(NOW)
    for subject in (x509.DNSName("localhost"), x509.IPAddress(ip_address("::1"))):
        assert builder.build_server_verifier(subject).verify(server.certificate, [])
    client = issue_client(authority, "worker", now=NOW, validity=timedelta(days=90))
    verified = builder.build_client_verifier().verify(client.certificate, [])
    assert verified.subjects == [x509.DNSName("worker")]
    with pytest.raises(x509.verification.VerificationError):
        builder.build_client_verifier().verify(server.certificate, [])


def test_bytes_that_are_no_certificate() -> None:
    with pytest.raises(CertificateError):
        inspect_certificate(b"-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize("client", ["worker", None])
def test_mutual_tls_takes_a_role_and_refuses_nobody(tmp_path: Path, client: str | None) -> None:
    store = CertificateStore(tmp_path)
    store.ensure(now=datetime.now(UTC))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(store.authority))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(*store.server("gateway"))
    context = ssl.create_default_context(cafile=str(store.authority))
    if client is not None:
        context.load_cert_chain(*store.client(client))
    left, right = socket.socketpair()
    names: list[object] = []
    thread = threading.Thread(target=_serve, args=(server, left, names))
    thread.start()
    try:
        with context.wrap_socket(right, server_hostname="localhost") as connection:
            connection.settimeout(10)
            if client is None:
                with pytest.raises(ssl.SSLError):
                    connection.recv(1)
            else:
                assert connection.recv(1) == b"."
    finally:
        thread.join()
    assert names == ([] if client is None else [client])


def _serve(context: ssl.SSLContext, plain: socket.socket, names: list[object]) -> None:
    with plain:
        plain.settimeout(10)
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                certificate = connection.getpeercert() or {}
                subject = [field[0] for field in certificate.get("subject", ())]
                names.append(dict(subject)["commonName"])  # type: ignore[arg-type]
                connection.sendall(b".")
        except ssl.SSLError:
            return


def test_a_write_replaces_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_atomic(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["directory"]
