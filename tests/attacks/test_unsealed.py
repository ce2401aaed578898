"""Attack: messages that nobody sealed, in every form that Celery itself would take."""

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.target import Target, b64, dump

OURS = "application/vnd.countersign.dsse+json"


class Touch:
    """Unpickling one makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def celery_message(body: str, content_type: str, encoding: str = "utf-8", **headers: Any) -> bytes:
    """What Celery's own publisher would write, for `test.mark`."""
    job_id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    return dump(
        {
            "body": body,
            "content-encoding": encoding,
            "content-type": content_type,
            "headers": {"lang": "py", "task": "test.mark", "id": job_id, "retries": 0, **headers},
            "properties": {
                "correlation_id": job_id,
                "reply_to": "x",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "fast"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": "1",
            },
        }
    )


ARGUMENTS = json.dumps([[], {"name": "forged"}, {}]).encode()


def test_plain_json(target: Target) -> None:
    target.refuses(celery_message(b64(ARGUMENTS), "application/json"), "content_type_refused")


def test_plain_json_under_our_content_type(target: Target) -> None:
    target.refuses(celery_message(b64(ARGUMENTS), OURS), "seal_malformed")


@pytest.mark.parametrize(
    ("content_type", "encoding", "reason"),
    [
        ("application/x-python-serialize", "binary", "content_type_refused"),
        (OURS, "binary", "seal_malformed"),
        (None, "binary", "content_type_refused"),
    ],
)
def test_pickle_is_not_loaded(
    target: Target, tmp_path: Path, content_type: str, encoding: str, reason: str
) -> None:
    made = tmp_path / "made-by-pickle"
    body = b64(pickle.dumps(Touch(made)))
    target.refuses(celery_message(body, content_type, encoding), reason)
    assert not made.exists()


def test_yaml_is_not_loaded(target: Target, tmp_path: Path) -> None:
    made = tmp_path / "made-by-yaml"
    body = b64(f"!!python/object/apply:pathlib.Path.touch [{made}]".encode())
    target.refuses(celery_message(body, "application/x-yaml"), "content_type_refused")
    assert not made.exists()


def test_a_wrapper_of_the_auth_serializer(target: Target) -> None:
    separator = "\x00\x01"
    inner = separator.join(["signer", b64(b"sig"), "application/json", "utf-8", b64(ARGUMENTS)])
    body = b64(base64.b64encode(inner.encode()))
    target.refuses(celery_message(body, "application/data"), "content_type_refused")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.countersign.dsse+json; charset=utf-8",
        "APPLICATION/VND.COUNTERSIGN.DSSE+JSON",
        "application/json, application/vnd.countersign.dsse+json",
        "",
        None,
        True,
        ["application/vnd.countersign.dsse+json"],
        {"application/vnd.countersign.dsse+json": 1},
    ],
    ids=repr,
)
def test_nearly_our_content_type(target: Target, content_type: Any) -> None:
    message = target.genuine.message | {"content-type": content_type}
    target.refuses(dump(message), "content_type_refused")


@pytest.mark.parametrize(
    "encoding",
    ["utf-16", "utf-7", "rot13", "zlib", "gzip", "bz2", "hex", "idna", "", None, 8, ["utf-8"]],
    ids=repr,
)
def test_content_encoding_tricks(target: Target, encoding: Any) -> None:
    message = target.genuine.message | {"content-encoding": encoding}
    target.refuses(dump(message), "content_type_refused")


@pytest.mark.parametrize("encoding", ["base32", "zip", "", 1, ["base64"], {"base64": 1}], ids=repr)
def test_body_encoding_tricks(target: Target, encoding: Any) -> None:
    message = target.genuine.message
    message["properties"]["body_encoding"] = encoding
    target.refuses(dump(message), "message_malformed")


@pytest.mark.parametrize(
    "compression",
    ["application/x-gzip", "gzip", "bzip2", "lzma", "zstd", "brotli", 1, None],
    ids=repr,
)
def test_nothing_is_decompressed(target: Target, compression: Any) -> None:
    squeezed = b64(zlib.compress(target.genuine.message["body"].encode()))
    target.refuses(celery_message(squeezed, OURS, compression=compression), "seal_malformed")


def test_a_compression_header_on_a_genuine_seal_is_not_followed(target: Target) -> None:
    message = target.genuine.message
    message["headers"]["compression"] = "application/x-gzip"
    target.refuses(dump(message), "replayed")
