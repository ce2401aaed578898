"""Typed reading of settings from a mapping; every error names the setting and the mend."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from signing.errors import SettingError

T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Environment:
    """The process's environment, or a test's stand-in for it."""

    values: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """Take a text.

        Raises:
            SettingError: where it is missing and there is no default.
        """
        value = self.values.get(name, "").strip()
        if value:
            return value
        if default is not None:
            return default
        raise SettingError(f"{name} is not set: set it (see docs/settings.md)")

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Take a whole number within bounds.

        Raises:
            SettingError: where it is none.
        """
        text = self.text(name, str(default))
        # Longer texts are no numbers here, and int() would refuse the longest in its own way.
        if text.isascii() and text.isdigit() and len(text) <= 18 and least <= int(text) <= most:
            return int(text)
        raise SettingError(f"{name} is not a whole number from {least} to {most}: correct it")

    def choice(self, name: str, choices: tuple[T, ...], default: T) -> T:
        """Take one of several words.

        Raises:
            SettingError: where it is another.
        """
        text = self.text(name, default)
        for choice in choices:
            if choice == text:
                return choice
        raise SettingError(f"{name} is none of {', '.join(choices)}: set one of them")

    def file(self, name: str) -> Path:
        """Take the path of a file that can be read.

        Raises:
            SettingError: where it cannot.
        """
        path = Path(self.text(name))
        try:
            with path.open("rb"):
                return path
        except OSError:
            raise SettingError(f"{name} names a file that cannot be read: correct it") from None

    def secret_file(self, name: str) -> str:
        """Take the stripped content of the file that a setting names.

        Raises:
            SettingError: where the file cannot be read, is no text or is empty.
        """
        try:
            content = self.file(name).read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise SettingError(f"{name} names a file that is not UTF-8 text: correct it") from None
        if not content:
            raise SettingError(f"{name} names an empty file: write the secret into it")
        return content

    def words(self, name: str, default: str | None = None) -> tuple[str, ...]:
        """Take a comma-separated list with at least one word.

        Raises:
            SettingError: where it is missing or empty.
        """
        words = tuple(word.strip() for word in self.text(name, default).split(",") if word.strip())
        if not words:
            raise SettingError(f"{name} is an empty list: name at least one")
        return words
