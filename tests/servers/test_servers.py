"""The fixture itself: it runs, every role gets in, and it survives a kill."""

import pytest

from tests.servers.servers import Role, Servers

pytestmark = pytest.mark.servers

ROLES: tuple[Role, ...] = ("gateway", "dispatcher", "worker", "security")


@pytest.mark.parametrize("role", [*ROLES, "operator", "superuser"])
def test_every_role_reaches_redis(servers: Servers, role: Role) -> None:
    assert servers.redis(role).ping() is True
    assert servers.redis(role, 1).ping() is True


@pytest.mark.parametrize("role", ROLES)
def test_every_role_logs_in_to_vault_with_its_own_policy_alone(
    servers: Servers, role: Role
) -> None:
    token = servers.vault(role).auth.token.lookup_self()["data"]
    assert token["policies"] == [f"countersign-{role}"]
    assert token["type"] == "service"
    assert token["renewable"] is True
    assert token["explicit_max_ttl"] == 0
    assert 3500 < token["creation_ttl"] <= 3600


def test_both_servers_come_back_after_a_kill(clean_servers: Servers) -> None:
    clean_servers.redis("superuser").set("cs:job:x", "kept")
    clean_servers.local.stop_redis(kill=True)
    clean_servers.local.stop_vault(kill=True)
    clean_servers.restore()
    assert clean_servers.redis("superuser").get("cs:job:x") == b"kept"
    assert clean_servers.vault("gateway").auth.token.lookup_self()["data"]["ttl"] > 0
