"""Step 3: references become values, and only this job's own or a producer's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from backends.errors import VaultDenied
from signing.references import job_secret_path
from signing.strict_json import JsonObject, JsonValue
from tests.signing.builders import JOB_ID
from tests.workers.builders import claimed, job_id
from workers.errors import SecretUnusable
from workers.resolve import own_secret_path, resolve

OWN = job_secret_path("fast", "payments.capture", JOB_ID)
OTHER = job_secret_path("fast", "payments.capture", job_id(7))


def reference(path: str = OWN, name: str = "card", version: int = 1) -> JsonObject:
    return {"$secret": f"vault:countersign-secrets/{path}#{name}@{version}"}


@dataclass
class Reader:
    """Holds the same fields everywhere and writes down what was read."""

    fields: Mapping[str, JsonValue] = field(default_factory=lambda: {"card": "tok", "pin": "1234"})
    read_so_far: list[tuple[str, str, int]] = field(default_factory=list)

    def read(self, mount: str, path: str, version: int) -> Mapping[str, JsonValue]:
        self.read_so_far.append((mount, path, version))
        return self.fields


def test_values_take_their_references_places() -> None:
    reader = Reader()
    args: JsonObject = {
        "card": reference(),
        "deep": [{"pin": reference(name="pin")}, 1, None, "text"],
        "granted": reference("producers/shop/key", version=3),
    }
    ready = resolve(claimed(args=args), reader)
    assert ready.args == {
        "card": "tok",
        "deep": [{"pin": "1234"}, 1, None, "text"],
        "granted": "tok",
    }
    assert ready.secrets == ("tok", "1234", "tok")
    assert reader.read_so_far == [
        ("countersign-secrets", OWN, 1),
        ("countersign-secrets", "producers/shop/key", 3),
    ]


def test_a_secret_that_is_structured_gives_all_its_texts() -> None:
    reader = Reader({"card": {"number": "4242", "months": [1, "two"]}})
    ready = resolve(claimed(args={"card": reference()}), reader)
    assert ready.args == {"card": {"number": "4242", "months": [1, "two"]}}
    assert set(ready.secrets) >= {"4242", "two"}


@pytest.mark.parametrize(
    "argument",
    [
        reference(OTHER),
        reference(f"{OWN}/more"),
        reference(f"jobs/slow/payments.capture/{JOB_ID}"),
        {"$secret": f"vault:countersign-config/{OWN}#card@1"},
        {"$secret": "vault:countersign-secrets/producers#card@1"},
        {"$secret": "vault:countersign-secrets/producers/../jobs/x#card@1"},
        {"$secret": f"vault:countersign-secrets/{OWN}#card"},
        {"$secret": 1},
        {"$secret": None},
        {"$secret": [reference()]},
        {**reference(), "more": 1},
        reference(name="absent"),
    ],
    ids=str,
)
def test_anything_else_is_unusable(argument: JsonValue) -> None:
    reader = Reader()
    with pytest.raises(SecretUnusable):
        resolve(claimed(args={"card": argument}), reader)
    assert all(path == OWN for _, path, _ in reader.read_so_far)


def test_what_the_reader_raises_is_passed_on() -> None:
    class Denied(Reader):
        def read(self, mount: str, path: str, version: int) -> Mapping[str, JsonValue]:
            raise VaultDenied("no")

    with pytest.raises(VaultDenied):
        resolve(claimed(args={"card": reference()}), Denied())


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({}, None),
        ({"a": [1, {"b": "text"}]}, None),
        ({"a": {"$secret": 1}}, None),
        ({"a": reference("producers/shop/key")}, None),
        ({"a": reference(OTHER)}, None),
        ({"a": [{"b": reference()}]}, OWN),
    ],
)
def test_the_path_of_a_jobs_own_secrets(args: JsonObject, path: str | None) -> None:
    assert own_secret_path(claimed(args=args)) == path


def test_secrets_are_not_in_a_repr() -> None:
    assert "tok" not in repr(resolve(claimed(args={"card": reference()}), Reader()))
