"""Settings: every error names the setting and the mend, and tells nothing of the value."""

from pathlib import Path
from typing import Any

import pytest

from backends.environment import Environment
from backends.settings import (
    AmqpSettings,
    broker_settings,
    environment_of,
    process_environment,
    redis_settings,
    vault_settings,
)
from signing.errors import SettingError

NAME = "COUNTERSIGN_REDIS_LEDGER_URL"
BROKER = "COUNTERSIGN_BROKER_URL"


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    """All settings, with files that can be read."""
    files = {}
    for name in ("PASSWORD", "CA", "CERT", "KEY", "ROLE_ID", "SECRET_ID", "JWT"):
        (tmp_path / name).write_text(f" the-{name.lower()}\n", encoding="utf-8")
        files[name] = str(tmp_path / name)
    return {
        NAME: "rediss://gateway@redis.example:6380/3",
        "COUNTERSIGN_REDIS_PASSWORD_FILE": files["PASSWORD"],
        "COUNTERSIGN_TLS_CA": files["CA"],
        "COUNTERSIGN_TLS_CERT": files["CERT"],
        "COUNTERSIGN_TLS_KEY": files["KEY"],
        "COUNTERSIGN_VAULT_ADDR": "https://vault.example:8200/",
        "COUNTERSIGN_VAULT_ROLE_ID_FILE": files["ROLE_ID"],
        "COUNTERSIGN_VAULT_SECRET_ID_FILE": files["SECRET_ID"],
        "COUNTERSIGN_VAULT_ROLE": "a-role",
        "COUNTERSIGN_VAULT_JWT_FILE": files["JWT"],
    }


def refusal(read: Any) -> str:
    """Give the message of the refusal."""
    with pytest.raises(SettingError) as caught:
        read()
    assert caught.value.code == "setting_invalid"
    assert caught.value.__cause__ is None
    return caught.value.message


def test_a_text() -> None:
    env = Environment({"A": " x ", "EMPTY": "  "})
    assert env.text("A") == "x"
    assert env.text("EMPTY", "default") == "default"
    assert env.text("NONE", "") == ""
    for name in ("EMPTY", "NONE"):
        assert refusal(lambda name=name: env.text(name)).startswith(f"{name} is not set: set it")


def test_a_whole_number() -> None:
    assert Environment({"A": "007"}).integer("A", 1, least=0, most=9) == 7
    assert Environment({}).integer("A", 5, least=0, most=9) == 5


@pytest.mark.parametrize(
    "text", ["10", "-1", "1.5", "x", "0x1", "1e1", "\u00b2", "\u0663", "9" * 5000, "1_0", "+1"]
)
def test_what_is_no_whole_number_within_bounds(text: str) -> None:
    said = refusal(lambda: Environment({"A": text}).integer("A", 1, least=0, most=9))
    assert said == "A is not a whole number from 0 to 9: correct it"


def test_a_choice() -> None:
    env = Environment({"A": "two", "B": "canary"})
    assert env.choice("A", ("one", "two"), "one") == "two"
    assert env.choice("NONE", ("one", "two"), "one") == "one"
    said = refusal(lambda: env.choice("B", ("one", "two"), "one"))
    assert said == "B is none of one, two: set one of them"


def test_words() -> None:
    assert Environment({"A": " x, y ,,z,"}).words("A") == ("x", "y", "z")
    assert Environment({}).words("A", "x") == ("x",)
    said = refusal(lambda: Environment({"A": " , ,"}).words("A"))
    assert said == "A is an empty list: name at least one"


def test_files(tmp_path: Path) -> None:
    secret, empty, odd = tmp_path / "secret", tmp_path / "empty", tmp_path / "odd"
    secret.write_text(" s3cret \n")
    empty.write_text("\n")
    odd.write_bytes(b"canary\xff")
    env = Environment(
        {
            "A": str(secret),
            "EMPTY": str(empty),
            "ODD": str(odd),
            "GONE": str(tmp_path / "gone"),
            "DIRECTORY": str(tmp_path),
        }
    )
    assert env.file("A") == secret
    assert env.secret_file("A") == "s3cret"
    for name in ("GONE", "DIRECTORY"):
        said = refusal(lambda name=name: env.file(name))
        assert said == f"{name} names a file that cannot be read: correct it"
    said = refusal(lambda: env.secret_file("EMPTY"))
    assert said == "EMPTY names an empty file: write the secret into it"
    said = refusal(lambda: env.secret_file("ODD"))
    assert said == "ODD names a file that is not UTF-8 text: correct it"


def test_redis(values: dict[str, str]) -> None:
    found = redis_settings(environment_of(values), NAME)
    assert (found.host, found.port, found.database) == ("redis.example", 6380, 3)
    assert (found.user, found.password) == ("gateway", "the-password")
    assert found.address == "redis.example:6380"
    assert "the-password" not in repr(found)


def test_redis_has_a_usual_port_and_database(values: dict[str, str]) -> None:
    values[NAME] = "rediss://gateway@[::1]"
    found = redis_settings(environment_of(values), NAME)
    assert (found.host, found.port, found.database) == ("::1", 6379, 0)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://u@h/0", "is not a TLS connection: use rediss://user@host:port/database"),
        ("unix:///x", "is not a TLS connection: use rediss://user@host:port/database"),
        ("text", "is not a TLS connection: use rediss://user@host:port/database"),
        ("rediss://u:canary@h/0", "holds a password: put it into COUNTERSIGN_REDIS_PASSWORD_FILE"),
        ("rediss://h/0", "is not of the form rediss://user@host:port/database"),
        ("rediss://u@/0", "is not of the form rediss://user@host:port/database"),
        ("rediss://u@h:0/0", "is not of the form rediss://user@host:port/database"),
        ("rediss://u@h/x", "is not of the form rediss://user@host:port/database"),
        ("rediss://u@h/\u00b2", "is not of the form rediss://user@host:port/database"),
        ("rediss://u@h/1/2", "is not of the form rediss://user@host:port/database"),
        ("rediss://u@h/" + "9" * 5000, "is not of the form rediss://user@host:port/database"),
        ("rediss://u@h:x/0", "is not a URL: correct it"),
        ("rediss://u@h:70000/0", "is not a URL: correct it"),
        ("rediss://u@[::1/0", "is not a URL: correct it"),
    ],
)
def test_another_redis_url_is_refused(values: dict[str, str], url: str, said: str) -> None:
    values[NAME] = url
    assert refusal(lambda: redis_settings(environment_of(values), NAME)) == f"{NAME} {said}"


def test_the_broker_is_redis_or_rabbitmq_by_its_url(values: dict[str, str]) -> None:
    values[BROKER] = values[NAME]
    assert broker_settings(environment_of(values)) == redis_settings(environment_of(values), NAME)
    values[BROKER] = "amqps://worker@[::1]:5699/a%2Fb"
    found = broker_settings(environment_of(values))
    assert isinstance(found, AmqpSettings)
    assert (found.host, found.port, found.vhost, found.user) == ("::1", 5699, "a/b", "worker")
    values[BROKER] = "amqps://worker@rabbit.example/countersign"
    found = broker_settings(environment_of(values))
    assert found.address == "rabbit.example:5671"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://u@h/v", "is not a TLS connection: use rediss://user@host:port/database or "),
        ("text", "is not a TLS connection: use rediss://user@host:port/database or "),
        ("redis://u@h/0", "is not a TLS connection: use rediss://user@host:port/database or "),
        ("rediss://h/0", "is not of the form rediss://user@host:port/database"),
        ("amqps://u:canary@h/v", "holds a password: on RabbitMQ the certificate is the login"),
        ("amqps://u:@h/v", "holds a password: on RabbitMQ the certificate is the login"),
        ("amqps://h/v", "is not of the form amqps://user@host:port/vhost"),
        ("amqps://u@h", "is not of the form amqps://user@host:port/vhost"),
        ("amqps://u@h/", "is not of the form amqps://user@host:port/vhost"),
        ("amqps://u@h:0/v", "is not of the form amqps://user@host:port/vhost"),
        ("amqps://u@h/v?heartbeat=0", "is not of the form amqps://user@host:port/vhost"),
        ("amqps://u@h:x/v", "is not a URL: correct it"),
    ],
)
def test_another_broker_url_is_refused(values: dict[str, str], url: str, said: str) -> None:
    values[BROKER] = url
    assert refusal(lambda: broker_settings(environment_of(values))).startswith(f"{BROKER} {said}")


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        "COUNTERSIGN_REDIS_PASSWORD_FILE",
        "COUNTERSIGN_TLS_CA",
        "COUNTERSIGN_TLS_CERT",
        "COUNTERSIGN_TLS_KEY",
    ],
)
def test_redis_misses_each_setting(values: dict[str, str], name: str) -> None:
    del values[name]
    assert refusal(lambda: redis_settings(environment_of(values), NAME)).startswith(
        f"{name} is not set: set it"
    )


@pytest.mark.parametrize(
    ("auth", "role", "secret"),
    [
        (None, "the-role_id", "the-secret_id"),
        ("approle", "the-role_id", "the-secret_id"),
        ("cert", "a-role", ""),
        ("kubernetes", "a-role", "the-jwt"),
    ],
)
def test_vault(values: dict[str, str], auth: str | None, role: str, secret: str) -> None:
    if auth:
        values["COUNTERSIGN_VAULT_AUTH"] = auth
    found = vault_settings(environment_of(values))
    assert found.address == "https://vault.example:8200"
    assert (found.auth, found.role) == (auth or "approle", role)
    assert (found.secret_file.read_text().strip() if found.secret_file else "") == secret
    assert "the-" not in repr(found).replace(str(found.tls), "")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://vault:8200", "is not a TLS address: use https://host:port"),
        ("vault:8200", "is not a TLS address: use https://host:port"),
        ("https://", "is not a TLS address: use https://host:port"),
        ("https://vault:x", "is not a URL: correct it"),
    ],
)
def test_another_vault_address_is_refused(values: dict[str, str], address: str, said: str) -> None:
    values["COUNTERSIGN_VAULT_ADDR"] = address
    message = refusal(lambda: vault_settings(environment_of(values)))
    assert message == f"COUNTERSIGN_VAULT_ADDR {said}"


@pytest.mark.parametrize(
    ("auth", "name"),
    [
        ("approle", "COUNTERSIGN_VAULT_ADDR"),
        ("approle", "COUNTERSIGN_VAULT_ROLE_ID_FILE"),
        ("approle", "COUNTERSIGN_VAULT_SECRET_ID_FILE"),
        ("cert", "COUNTERSIGN_VAULT_ROLE"),
        ("kubernetes", "COUNTERSIGN_VAULT_ROLE"),
        ("kubernetes", "COUNTERSIGN_VAULT_JWT_FILE"),
        ("cert", "COUNTERSIGN_TLS_KEY"),
    ],
)
def test_vault_misses_each_setting(values: dict[str, str], auth: str, name: str) -> None:
    values["COUNTERSIGN_VAULT_AUTH"] = auth
    del values[name]
    assert refusal(lambda: vault_settings(environment_of(values))).startswith(
        f"{name} is not set: set it"
    )


def test_another_way_in_is_refused(values: dict[str, str]) -> None:
    values["COUNTERSIGN_VAULT_AUTH"] = "token"
    said = refusal(lambda: vault_settings(environment_of(values)))
    assert said == ("COUNTERSIGN_VAULT_AUTH is none of approle, cert, kubernetes: set one of them")


def test_the_processs_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_TEST", "x")
    assert process_environment().text("COUNTERSIGN_TEST") == "x"
