"""Telling the demonstration: acts and checks as they come, and the table at the end."""

import json
import shutil
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import click

from deploy.demo.check import Check
from deploy.demo.messages import Message

_NARROW: Final = 80
_VALUE: Final = 25
_VERDICT: Final = 5
_GAPS: Final = 6


@dataclass(slots=True)
class Report:
    """Prints for people or, one JSON object per line, for programs."""

    as_json: bool
    echo: Callable[[str], None] = click.echo
    checks: list[Check] = field(default_factory=list)
    _acts: int = 0

    def act(self, title: str) -> None:
        """Begin an act."""
        self._acts += 1
        if self.as_json:
            self._write("act", number=self._acts, title=title)
        else:
            self.echo(click.style(f"\n{self._acts}. {title}", bold=True))

    def check(self, check: Check) -> None:
        """Keep a check and tell it."""
        self.checks.append(check)
        if self.as_json:
            self._write("check", **as_document(check))
        else:
            self.echo(f"{_verdict(check)}  {check.statement}: {check.seen}")

    def show(self, message: Message) -> None:
        """Show a message, byte by byte as it lies in Redis, and what is sealed in it."""
        text = message.raw.decode("utf-8", "backslashreplace")
        if self.as_json:
            self._write("message", key=message.key, raw=text)
            return
        key = message.key.encode("unicode_escape").decode("ascii")
        self.echo(f"\nOne message of list {key}, all its {len(message.raw)} bytes:\n")
        self.echo(textwrap.indent("\n".join(_sliced(text, _width() - 4)), "    "))
        self.echo("\nand what is sealed in it, base64 undone:\n")
        self.echo(textwrap.indent(json.dumps(message.claims, indent=2), "    ") + "\n")

    def finish(self, seconds: float) -> bool:
        """Tell the table, or the summary for programs; give whether every statement is true."""
        true = sum(check.holds for check in self.checks)
        all_true = bool(self.checks) and true == len(self.checks)
        if self.as_json:
            self._write(
                "summary",
                all_true=all_true,
                true=true,
                false=len(self.checks) - true,
                seconds=round(seconds, 1),
                checks=[as_document(check) for check in self.checks],
            )
        else:
            self.echo("\n" + table(self.checks, _width()))
            said = f"{true} of {len(self.checks)} statements are true; {seconds:.0f} s"
            self.echo("\n" + click.style(said, bold=True, fg="green" if all_true else "red"))
        return all_true

    def _write(self, event: str, **values: object) -> None:
        self.echo(json.dumps({"event": event, **values}))


def as_document(check: Check) -> dict[str, object]:
    """A check for programs."""
    return {
        "name": check.name,
        "statement": check.statement,
        "expected": check.expected,
        "seen": check.seen,
        "holds": check.holds,
    }


def table(checks: Sequence[Check], width: int) -> str:
    """Lay out statement, expected, seen, true or false; long texts go on in the next line."""
    statement = max(width - 2 * _VALUE - _VERDICT - _GAPS, 20)
    widths = (statement, _VALUE, _VALUE)
    lines = [_line(("statement", "expected", "seen"), widths, "true?")]
    lines.append(_line(tuple("-" * each for each in widths), widths, "-" * _VERDICT))
    for check in checks:
        cells = [
            textwrap.wrap(text, each) or [""]
            for text, each in zip(
                (check.statement, check.expected, check.seen), widths, strict=True
            )
        ]
        for number in range(max(map(len, cells))):
            texts = tuple(cell[number] if number < len(cell) else "" for cell in cells)
            lines.append(_line(texts, widths, _verdict(check) if number == 0 else ""))
    return "\n".join(line.rstrip() for line in lines)


def _sliced(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def _line(texts: tuple[str, ...], widths: tuple[int, ...], verdict: str) -> str:
    cells = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
    return "  ".join([*cells, verdict])


def _verdict(check: Check) -> str:
    return click.style("true ", fg="green") if check.holds else click.style("FALSE", fg="red")


def _width() -> int:
    return max(shutil.get_terminal_size((110, 24)).columns, _NARROW)
