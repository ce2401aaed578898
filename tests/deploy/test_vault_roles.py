"""What each role's Vault policy allows and refuses, asked of a real OpenBao."""

import base64
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import hvac
import pytest
from hvac.exceptions import Forbidden

from deploy.local.paths import HOST
from deploy.local.vault_provision import SECRETS_LIVE
from tests.servers.servers import Role, Servers

pytestmark = pytest.mark.servers

ROLES: tuple[Role, ...] = ("gateway", "dispatcher", "worker", "security")
SECRETS, CONFIG = "countersign-secrets", "countersign-config"
MESSAGE = base64.b64encode(b"to be signed").decode()

Action = Callable[[Any, str], object]


def write(mount: str, path: str) -> Action:
    return lambda client, unique: client.secrets.kv.v2.create_or_update_secret(
        mount_point=mount, path=path.format(unique), secret={"card": "x"}
    )


def read(mount: str, path: str) -> Action:
    return lambda client, unique: client.secrets.kv.v2.read_secret_version(
        mount_point=mount, path=path.format(unique), raise_on_deleted_version=True
    )


def listing(mount: str, path: str) -> Action:
    return lambda client, unique: client.secrets.kv.v2.list_secrets(mount_point=mount, path=path)


def metadata(mount: str, path: str) -> Action:
    return lambda client, unique: client.secrets.kv.v2.read_secret_metadata(
        mount_point=mount, path=path.format(unique)
    )


def destroy(mount: str, path: str) -> Action:
    return lambda client, unique: client.secrets.kv.v2.delete_metadata_and_all_versions(
        mount_point=mount, path=path.format(unique)
    )


def sign(key: str) -> Action:
    return lambda client, unique: client.secrets.transit.sign_data(name=key, hash_input=MESSAGE)


def key(name: str) -> Action:
    return lambda client, unique: client.secrets.transit.read_key(name=name)


def call(method: str, path: str, **body: Any) -> Action:
    return lambda client, unique: client.adapter.request(
        method, f"/v1/{path.format(unique)}", json=body or None
    )


JOB, NEW_JOB, GRANT = "jobs/fast/t/{}", "jobs/fast/new/{}", "producers/acme/{}"

TABLE: list[tuple[str, str, Action]] = [
    ("write a job's secret", "g", write(SECRETS, NEW_JOB)),
    ("write over a job's secret", "", write(SECRETS, JOB)),
    ("read a job's secret", "w", read(SECRETS, JOB)),
    ("read its metadata", "", metadata(SECRETS, JOB)),
    ("list jobs", "s", listing(SECRETS, "jobs/fast/t")),
    ("delete a job's secret", "gw", destroy(SECRETS, JOB)),
    ("grant a secret", "s", write(SECRETS, GRANT)),
    ("read a granted secret", "w", read(SECRETS, GRANT)),
    ("withdraw a granted secret", "s", destroy(SECRETS, GRANT)),
    ("write elsewhere", "", write(SECRETS, "other/{}")),
    ("change the secrets' mount", "", call("post", f"{SECRETS}/config", max_versions=1)),
    ("register a producer", "s", write(CONFIG, "producers/{}")),
    ("read a registration", "gs", read(CONFIG, "producers/{}")),
    ("list registrations", "gs", listing(CONFIG, "producers")),
    ("write the keyring", "s", write(CONFIG, "keyring")),
    ("read the keyring", "gdws", read(CONFIG, "keyring")),
    ("read other configuration", "s", read(CONFIG, "keyring2")),
    ("sign a job", "g", sign("countersign-job")),
    ("sign a result", "w", sign("countersign-result")),
    ("read the job key", "gws", key("countersign-job")),
    ("read the result key", "gws", key("countersign-result")),
    ("rotate the job key", "s", call("post", "transit/keys/countersign-job/rotate")),
    (
        "configure it",
        "s",
        call("post", "transit/keys/countersign-job/config", auto_rotate_period=0),
    ),
    ("export it", "", call("get", "transit/export/signing-key/countersign-job")),
    ("back it up", "", call("get", "transit/backup/countersign-job")),
    ("delete it", "", call("delete", "transit/keys/countersign-job")),
    ("make a key", "", call("post", "transit/keys/mine", type="ed25519")),
    ("make a token", "", call("post", "auth/token/create", policies=["root"])),
    ("write a policy", "", call("put", "sys/policies/acl/countersign-worker", policy="")),
    ("read a policy", "", call("get", "sys/policies/acl/countersign-worker")),
    ("take a secret id", "", call("post", "auth/approle/role/gateway/secret-id")),
    ("list mounts", "", call("get", "sys/mounts")),
    ("seal", "", call("put", "sys/seal")),
    ("renew its token", "gdws", call("post", "auth/token/renew-self")),
]


@pytest.fixture(scope="module")
def unique(servers: Servers) -> Iterator[str]:
    """A name that is there: in every place that a row reads or deletes."""
    name = uuid4().hex
    write(CONFIG, "producers/{}")(servers.vault("security"), name)
    for path in ("keyring", "keyring2"):
        write(CONFIG, path)(servers.vault("security"), name)
    yield name
    # No registration, and other tests list them all.
    servers.vault("security").secrets.kv.v2.delete_metadata_and_all_versions(
        path=f"producers/{name}", mount_point=CONFIG
    )


@pytest.mark.parametrize(("what", "roles", "action"), TABLE, ids=[row[0] for row in TABLE])
def test_who_may(servers: Servers, unique: str, what: str, roles: str, action: Action) -> None:
    may = ""
    for role in ROLES:
        destroy(SECRETS, JOB)(servers.vault("gateway"), unique)
        write(SECRETS, JOB)(servers.vault("gateway"), unique)
        write(SECRETS, GRANT)(servers.vault("security"), unique)
        if allowed(action, servers.vault(role), unique):
            may += role[0]
    assert may == roles, what


def allowed(action: Action, client: Any, unique: str) -> bool:
    try:
        action(client, unique)
    except Forbidden:
        return False
    return True


def test_a_secret_that_nobody_deletes_goes_by_itself(servers: Servers) -> None:
    name = uuid4().hex
    written = write(SECRETS, JOB)(servers.vault("gateway"), name)
    assert isinstance(written, dict)
    written_at, deleted_at = (
        datetime.fromisoformat(written["data"][name]) for name in ("created_time", "deletion_time")
    )
    assert deleted_at - written_at == timedelta(hours=int(SECRETS_LIVE.removesuffix("h")))


def test_signing_keys_do_not_leave(servers: Servers) -> None:
    for name in ("countersign-job", "countersign-result"):
        data = servers.vault("security").secrets.transit.read_key(name=name)["data"]
        assert data["type"] == "ed25519"
        assert data["exportable"] is False
        assert data["allow_plaintext_backup"] is False
        assert data["deletion_allowed"] is False


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_log_in_with_its_certificate(servers: Servers, role: Role) -> None:
    client = by_certificate(servers, role)
    try:
        answer = client.auth.cert.login(name=role, use_token=False)
        assert answer["auth"]["policies"] == [f"countersign-{role}"]
    finally:
        client.adapter.close()


def test_a_certificate_gives_its_own_role_only(servers: Servers) -> None:
    client = by_certificate(servers, "worker")
    try:
        with pytest.raises(hvac.exceptions.InvalidRequest):
            client.auth.cert.login(name="gateway", use_token=False)
    finally:
        client.adapter.close()


def by_certificate(servers: Servers, role: Role) -> Any:
    certificate, private = servers.paths.certs.client(role)
    return hvac.Client(
        url=f"https://{HOST}:{servers.ports.vault}",
        verify=str(servers.paths.certs.authority),
        cert=(str(certificate), str(private)),
    )
