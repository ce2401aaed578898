"""Saying how far things are: lines for people, one JSON object per line for programs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import click

_COLOURS: Final = {"ready": "green", "ended": "red", "failed": "red", "starting": "cyan"}


@dataclass(frozen=True, slots=True)
class Progress:
    """Tells events; colours appear on a terminal only, which click decides."""

    as_json: bool
    echo: Callable[[str], None] = click.echo

    def tell(self, event: str, part: str, text: str = "", **values: str | float | None) -> None:
        """Tell one event of one part; `text` is for people, the values for programs."""
        if self.as_json:
            document = {"event": event, "part": part, **values}
            if text and not values:
                document["text"] = text
            self.echo(json.dumps(document))
            return
        word = click.style(f"{event:<9}", fg=_COLOURS.get(event))
        self.echo(f"{word}{part}{': ' if text else ''}{text}")

    def note(self, text: str) -> None:
        """Say something to people alone."""
        if not self.as_json:
            self.echo(text)
