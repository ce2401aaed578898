"""Step 3: secret values go to Vault in one write, references stand in their places."""

import asyncio
from typing import Any

import pytest

from backends.errors import VaultUnavailable
from gateway import strip as module
from gateway.admit import admit
from gateway.authenticate import authenticate
from gateway.places import replace_at
from gateway.strip import secret_path, strip
from gateway.types import Admitted
from signing.references import parse_reference
from signing.strict_json import JsonValue
from tests.gateway.fakes import BOOK, STRIPE_KEY, FakeStore, directory, raw_request
from tests.signing.builders import JOB_ID


def admitted(args: dict[str, Any], task: str = "payments.capture") -> Admitted:
    authenticated = authenticate(raw_request({"task": task, "args": args}), directory())
    return admit(authenticated, BOOK, job_id=JOB_ID, max_bytes=10_000)


def test_a_job_without_secrets_is_not_written() -> None:
    store, job = FakeStore(), admitted({"amount": 5})
    stripped = asyncio.run(strip(job, store))
    assert stripped.args == {"amount": 5}
    assert not stripped.stored
    assert store.written == {}


def test_every_secret_is_a_field_of_one_write_and_a_reference_to_it() -> None:
    store = FakeStore()
    job = admitted({"value": {"a": STRIPE_KEY, "b": [1, STRIPE_KEY]}}, task="demo.echo")
    stripped = asyncio.run(strip(job, store))
    path = f"jobs/fast/demo.echo/{JOB_ID}"
    assert secret_path(job) == path
    assert store.written == {path: {"s0": STRIPE_KEY, "s1": STRIPE_KEY}}
    assert stripped.stored
    value: Any = stripped.args["value"]
    references = [parse_reference(item["$secret"]) for item in (value["a"], value["b"][1])]
    assert [(r.path, r.field, r.version) for r in references] == [(path, "s0", 1), (path, "s1", 1)]
    assert value["b"][0] == 1


def test_the_admitted_arguments_stay_as_they_were() -> None:
    job = admitted({"card": "4111 1111"})
    asyncio.run(strip(job, FakeStore()))
    assert job.args == {"card": "4111 1111"}


def test_where_vault_does_not_take_them_nothing_goes_on() -> None:
    store = FakeStore(write_error=VaultUnavailable("down"))
    with pytest.raises(VaultUnavailable):
        asyncio.run(strip(admitted({"card": "4111 1111"}), store))


def test_values_of_a_job_are_not_shown() -> None:
    job = admitted({"card": "4111 1111"})
    stripped = asyncio.run(strip(job, FakeStore()))
    assert "4111" not in repr(job)
    assert "4111" not in repr(stripped)


def test_arguments_are_an_object_after_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_a_list(args: JsonValue, replacements: dict[str, JsonValue]) -> JsonValue:
        return [replace_at(args, replacements)]

    monkeypatch.setattr(module, "replace_at", to_a_list)
    with pytest.raises(TypeError):
        asyncio.run(strip(admitted({"card": "4111 1111"}), FakeStore()))
