"""The one place that knows google-re2: patterns whose matching time is linear in the text."""

import re2


class LinearPattern:
    """A compiled RE2 pattern over UTF-8 bytes."""

    __slots__ = ("_group", "_regexp")

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        """Compile a pattern; its first group, where it has one, is what it looks for."""
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        self._regexp = re2.compile(pattern, options)
        self._group = min(1, self._regexp.groups)

    def found_in(self, text: bytes) -> bool:
        """Say whether the pattern matches anywhere."""
        return self._regexp.search(text) is not None

    def next_in(self, text: bytes, start: int) -> tuple[int, int] | None:
        """Give the first match from here on, as the span of what the pattern looks for."""
        match = self._regexp.search(text, start)
        return None if match is None else match.span(self._group)

    def which_in(self, text: bytes) -> int | None:
        """Give the number of the group that the first match is by, counted from 0."""
        match = self._regexp.search(text)
        return None if match is None else match.lastindex - 1
