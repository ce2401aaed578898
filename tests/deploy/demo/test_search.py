"""The search finds what is there, in each form, and nothing else."""

import base64
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from deploy.demo.search import search
from deploy.demo.sources import descendants, files, printable, processes, texts

SECRET = "tok/42+é ?&secret"
WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda s: s,
    "base64": base64.b64encode,
    "base64 after one byte": lambda s: base64.b64encode(b"x" + s + b"y"),
    "base64 after two bytes": lambda s: base64.b64encode(b"xy" + s + b"z"),
    "URL-safe base64": lambda s: base64.urlsafe_b64encode(b"xyz" + s),
    "hex": lambda s: s.hex().encode(),
    "upper-case hex": lambda s: s.hex().upper().encode(),
    "URL": lambda s: quote(s.decode(), safe="").encode(),
    "JSON": lambda s: json.dumps({"a": s.decode()}).encode(),
    "gzip": gzip.compress,
    "base64 in gzip": lambda s: gzip.compress(base64.b64encode(s)),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_secret_is_found_however_it_is_written(write: Callable[[bytes], bytes]) -> None:
    data = b"before " + write(SECRET.encode()) + b" after"
    scan = search([SECRET], [("clean", b"nothing here"), ("dirty", data)])
    assert scan.hits
    assert all(hit.startswith("dirty (") for hit in scan.hits)


def test_a_search_tells_how_much_it_looked_at() -> None:
    scan = search(["a-secret", "another"], [("one", b"12345"), ("two", b"1\x1f\x8b\x08not gzip")])
    assert (scan.places, scan.bytes_read, scan.secrets, scan.hits) == (2, 17, 2, ())


def test_no_hit_quotes_the_secret() -> None:
    assert SECRET not in str(search([SECRET], [("x", SECRET.encode())]))


def test_the_leaves_of_replies() -> None:
    reply = {b"key": [b"a", (b"b", 1.5)], "text": {b"c"}}
    assert list(texts(reply)) == [b"key", b"a", b"b", b"1.5", b"text", b"c"]


def test_files_are_named_from_their_directory(tmp_path: Path) -> None:
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / "deep" / "a.log").write_bytes(b"line")
    assert list(files(tmp_path / "logs")) == [("file:logs/deep/a.log", b"line")]


def test_arguments_and_environment_of_descendants() -> None:
    command = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()", SECRET]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env={"X": SECRET}) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in descendants(os.getpid())
        hits = search([SECRET], processes(os.getpid())).hits
        child.communicate()
    expected = {f"process:{child.pid}/{part} (as it is)" for part in ("cmdline", "environ")}
    assert set(hits) == expected


def test_a_key_with_control_characters_can_be_printed() -> None:
    assert printable(b"fast\x06\x163\xff") == "fast\\x06\\x163\\\\xff"
