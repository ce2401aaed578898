"""Attack: reading everything but Vault. Secrets went through; none is to be found.

The second half is the positive control: a secret planted in each kind of source, in each form, is
found, so that finding none means something.
"""

import base64
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import pytest
from redis.exceptions import RedisError

from deploy.demo.search import search
from deploy.demo.sources import processes
from tests.canary import scan
from tests.servers.marks import TASKS, Marks
from tests.servers.servers import Servers
from tests.servers.stack import Producer, Stack


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Producer]]:
    """A stack of this module's own; Redis notes every command in its slow log."""
    marks = Marks(tmp_path_factory.mktemp("marks"))
    logs = tmp_path_factory.mktemp("watched-logs")
    with Servers(tmp_path_factory.mktemp("watched")) as servers, Stack(servers, logs) as stack:
        servers.redis("superuser").config_set("slowlog-log-slower-than", 0)
        servers.redis("superuser").config_set("slowlog-max-len", 10_000)
        stack.build_catalog(TASKS)
        stack.start("gateway")
        stack.start("dispatcher")
        stack.start("worker", **marks.settings)
        yield stack, stack.producer("acme")


def secret(prefix: str = "tok_") -> str:
    return prefix + token_hex(14)


def webhook(**changes: Any) -> dict[str, Any]:
    return {"url": "https://partner.example/hook", "event": "paid", "body": {}} | changes


def test_secrets_of_jobs_are_nowhere_but_in_vault(watched: tuple[Stack, Producer]) -> None:
    stack, acme = watched
    made: list[str] = []

    def new(prefix: str = "tok_") -> str:
        made.append(secret(prefix))
        return made[-1]

    capture = {"invoice": "INV-1", "amount": 1, "currency": "CHF"}
    ran = [
        acme.run("webhooks.deliver", webhook(signing_secret=new("whsec_"))),
        acme.run("payments.capture", capture | {"card_token": new()}),
        acme.run("documents.archive", {"document": "d", "text": "t", "storage_key": new()}),
        acme.run("test.leak", {"token": new(), "note": "declared"}),
        acme.run("test.leak_error", {"token": new()}),
        acme.run("test.leak", {"token": new('quote" \\ü\n')}),
        acme.run("demo.echo", {"value": {"password": new("pw-"), "deep": [{"api_key": new()}]}}),
        acme.run("webhooks.deliver", webhook(body={"client_secret": new()}, signing_secret=new())),
        acme.run("demo.fail", {"reason": f"Authorization: Bearer {new('ghp_')}{token_hex(4)}"}),
    ]
    assert [item["status"] for item in ran].count("succeeded") == 7
    refused = [
        acme.submit("webhooks.deliver", webhook(signing_secret=new(), event="NOT " + new())),
        acme.submit("demo.nothing", {"token": new()}),
        acme.submit("test.leak", {"token": [new()]}),
        acme.submit("test.leak", {"token": {"$secret": new()}}),
        acme.call("POST", "/v1/jobs", b'{"task": "demo.echo", "args": {"value": ' + new().encode()),
        acme.send("POST", "/v1/jobs", {"authorization": f"Bearer {new()}"}, b"{}"),
        acme.call("GET", f"/v1/jobs/{new()}"),
    ]
    assert all(400 <= answer.status < 500 for answer in refused)
    told = "".join([json.dumps(ran), *(answer.data.decode() for answer in refused)])
    assert [each for each in made if each in told] == []
    found = scan(stack, made)
    assert found.hits == ()
    assert found.places > 50
    assert found.secrets == len(made) >= 18


def test_secrets_of_a_job_whose_process_died(watched: tuple[Stack, Producer]) -> None:
    stack, acme = watched
    made = secret()
    job_id = acme.submit("test.use", {"name": "late", "token": made}, delay=600).json["id"]
    assert scan(stack, [made]).hits == ()
    assert acme.call("DELETE", f"/v1/jobs/{job_id}").status < 300
    assert scan(stack, [made]).hits == ()


def nested(value: bytes) -> bytes:
    return base64.b64encode(b"{" + base64.b64encode(b'x{"a": "' + value + b'"}') + b"}")


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda value: b"a" + value + b"b",
    "base64 at 0": lambda value: base64.b64encode(value + b"tail"),
    "base64 at 1": lambda value: base64.b64encode(b"h" + value + b"tail"),
    "base64 at 2": lambda value: base64.b64encode(b"he" + value + b"tail"),
    "URL-safe base64": lambda value: base64.urlsafe_b64encode(b"\xff\xfe" + value),
    "hex": lambda value: value.hex().encode(),
    "URL": lambda value: quote(value, safe="").encode(),
    "JSON": lambda value: json.dumps({"a": value.decode()}).encode(),
    "gzip": lambda value: b"head" + gzip.compress(b"a" * 50 + value) + b"tail",
    "zlib": lambda value: b"head" + zlib.compress(b"a" * 50 + value),
    "base64 in base64": nested,
    "gzip in base64": lambda value: base64.b64encode(gzip.compress(value)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", ["tok_", 'quote" \\ü'])
def test_a_planted_secret_is_found_in_each_form(form: str, prefix: str) -> None:
    made = secret(prefix)
    planted = [("planted", FORMS[form](made.encode()))]
    assert search([made], planted).hits
    assert search([secret(prefix)], planted).hits == ()


def in_redis(stack: Stack, database: int = 0) -> Any:
    client: Any = stack.servers.redis("superuser", database)
    return client


PLANTS: dict[str, tuple[Callable[[Stack, str], object], str]] = {
    "string": (lambda s, x: in_redis(s).set("plant", x), "redis-0:"),
    "hash": (lambda s, x: in_redis(s).hset("plant", "f", x), "redis-0:"),
    "field": (lambda s, x: in_redis(s).hset("plant", x, "v"), "redis-0:"),
    "list": (lambda s, x: in_redis(s, 1).lpush("plant", "a", x), "redis-1:"),
    "set": (lambda s, x: in_redis(s).sadd("plant", x), "redis-0:"),
    "zset": (lambda s, x: in_redis(s, 1).zadd("plant", {x: 1}), "redis-1:"),
    "stream": (lambda s, x: in_redis(s).xadd("plant", {"f": x}), "redis-0:"),
    "key": (lambda s, x: in_redis(s).set(f"plant:{x}", "v"), "redis-0:"),
    "slow log": (lambda s, x: in_redis(s).get(x), "redis:slowlog"),
    "ACL log": (lambda s, x: denied(s, x), "redis:acl-log"),
    "append-only file": (lambda s, x: written_and_deleted(s, x), "file:redis"),
    "log": (lambda s, x: (s.logs / "planted.log").write_text(x), "file:"),
}


def denied(stack: Stack, made: str) -> None:
    client: Any = stack.servers.redis("worker")
    with suppress(RedisError):
        client.get(made)


def written_and_deleted(stack: Stack, made: str) -> None:
    client = in_redis(stack)
    client.set("plant", made)
    client.delete("plant")


@pytest.mark.parametrize("place", PLANTS)
def test_a_planted_secret_is_found_in_each_place(
    watched: tuple[Stack, Producer], place: str
) -> None:
    stack, _ = watched
    plant, where = PLANTS[place]
    made = secret()
    plant(stack, made)
    try:
        hits = scan(stack, [made]).hits
        assert [hit for hit in hits if hit.startswith(where)]
    finally:
        for database in (0, 1):
            in_redis(stack, database).delete("plant", f"plant:{made}")


@pytest.mark.parametrize("part", ["cmdline", "environ"])
def test_a_planted_secret_is_found_in_a_process(part: str) -> None:
    made = secret()
    command = [sys.executable, "-c", "import sys; print(); sys.stdout.flush(); input()"]
    if part == "cmdline":
        command.append(made)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | ({"PLANTED": made} if part == "environ" else {}),
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        hits = search([made], processes(os.getpid())).hits
        process.communicate(b"\n")
    assert [hit for hit in hits if f"/{part}" in hit]
