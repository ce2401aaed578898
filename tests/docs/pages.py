"""Reading the pages: code blocks with their marks, tables, headings and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
#: What may stand behind a block's language, and which tests take it.
MARKS: Final = ("", "run", "stack", "security", "files")
FILE_MARK: Final = "file="

_FENCE = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the mark behind it, its text, and where it begins."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def page(name: str) -> Path:
    """A page by its path from the checkout's root."""
    found = ROOT / name
    assert found in PAGES
    return found


def blocks(path: Path, language: str | None = None, mark: str | None = None) -> list[Block]:
    """The fenced blocks of a page, all or those of a language and a mark."""
    text = path.read_text("utf-8")
    found = [
        Block(path, text.count("\n", 0, match.start()) + 1, match[1], match[2] or "", match[3])
        for match in _FENCE.finditer(text)
    ]
    return [
        block
        for block in found
        if language in (None, block.language) and mark in (None, block.mark)
    ]


def all_blocks(*languages: str) -> list[Block]:
    """The blocks of these languages in all pages."""
    return [block for path in PAGES for block in blocks(path) if block.language in languages]


def prose(path: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", path.read_text("utf-8"))


def links(path: Path) -> list[str]:
    """The targets of a page's links."""
    return _LINK.findall(prose(path))


def anchors(path: Path) -> set[str]:
    """The fragments that lead to a page's headings."""
    return {_anchor(match[1]) for match in _HEADING.finditer(prose(path))}


def quoted(path: Path) -> list[str]:
    """What stands in back ticks outside of blocks."""
    return _QUOTED.findall(prose(path))


def rows(path: Path, *header: str) -> list[list[str]]:
    """The rows of every table of a page that has this header, cell by cell."""
    found: list[list[str]] = []
    taking = False
    for cells in _lines_of_tables(path):
        if cells == list(header):
            taking = True
        elif not cells:
            taking = False
        elif taking and not set(cells[0]) <= {"-", ":"}:
            found.append(cells)
    return found


def _lines_of_tables(path: Path) -> Iterator[list[str]]:
    for line in prose(path).splitlines():
        yield [cell.strip() for cell in line.strip("|").split("|")] if line[:1] == "|" else []


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")
