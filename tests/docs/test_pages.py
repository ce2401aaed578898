"""What the pages point to is there: links, files, make targets, commands, JSON."""

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest

from deploy.cli.main import countersign
from tests.docs.pages import (
    FILE_MARK,
    MARKS,
    PAGES,
    ROOT,
    Block,
    all_blocks,
    anchors,
    blocks,
    links,
    prose,
    quoted,
)

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)

_OURS = re.compile(
    r"(?:signing|backends|gateway|workers|certs|deploy|tests|docs|examples)/[\w./-]*"
)
_MAKE = re.compile(r"\bmake ([a-z-]+)")
_END = re.compile(r"[();<>|&]+")
_LANGUAGES = {"sh", "python", "json", "text"}


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path):
        url = urlsplit(target)
        if url.scheme:
            assert url.scheme == "https", target
            continue
        there = (path.parent / url.path).resolve() if url.path else path
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not url.fragment or url.fragment in anchors(there), target


@each_page
def test_files_that_are_named_exist(path: Path) -> None:
    named = [text for text in quoted(path) if _OURS.fullmatch(text)]
    assert [text for text in named if not (ROOT / text).exists()] == []


@each_page
def test_make_targets_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    shell = "\n".join(block.text for block in all_blocks("sh") if block.page == path)
    in_prose = [match[1] for text in quoted(path) if (match := _MAKE.fullmatch(text))]
    for name in [*_MAKE.findall(shell), *in_prose]:
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name


def test_every_page_can_be_reached() -> None:
    reached = {ROOT / "README.md"}
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        for target in links(path):
            there = (path.parent / urlsplit(target).path).resolve()
            if there in PAGES and there not in reached:
                reached.add(there)
                waiting.append(there)
    assert reached == set(PAGES)


def test_every_block_has_a_known_language_and_mark() -> None:
    for block in (block for path in PAGES for block in blocks(path)):
        assert block.language in _LANGUAGES, block.place
        assert block.mark in MARKS or block.mark.startswith(FILE_MARK), block.place


def test_fences_are_closed() -> None:
    for path in PAGES:
        assert "```" not in prose(path), path


@pytest.mark.parametrize("block", all_blocks("json"), ids=lambda block: block.place)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


def commands(block: Block) -> list[list[str]]:
    """The calls of `countersign` in a block, as words."""
    found = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if "countersign" not in line:
            continue
        words = shlex.shlex(re.sub(r"\s# .*$", "", line), posix=True, punctuation_chars=True)
        words.commenters = ""
        words.wordchars += "$@:,[]{}%+!^*"
        call: list[str] = []
        for word in [*words, ";"]:
            if not _END.fullmatch(word):
                call.append(word)
                continue
            if call[:1] == ["countersign"]:
                found.append(call[1:])
            call = []
    return found


CALLS = [(block.place, call) for block in all_blocks("sh") for call in commands(block)]


@pytest.mark.parametrize(("place", "call"), CALLS, ids=lambda value: " ".join(value)[:60])
def test_a_command_has_its_options(place: str, call: list[str]) -> None:
    context = click.Context(countersign, info_name="countersign")
    command: click.Command = countersign
    words = list(call)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, place
        command = found
        context = click.Context(command, parent=context)
    given, rest, _ = command.make_parser(context).parse_args(words)
    assert rest == [], place
    for parameter in command.get_params(context):
        if parameter.required and not parameter.envvar:
            assert given.get(parameter.name), (place, parameter.name)


def test_a_command_that_is_not_there_is_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        test_a_command_has_its_options("nowhere", ["demo", "--loud"])
    with pytest.raises(AssertionError):
        test_a_command_has_its_options("nowhere", ["doctor"])


def test_the_commands_of_every_tutorial_are_looked_at() -> None:
    named = {" ".join(call[:2]) for _, call in CALLS}
    assert {"producers add", "catalog build", "certs init", "up", "worker"} <= named
    assert {"submit --wait", "status --wait"} <= named
