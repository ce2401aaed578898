"""Names of values: which of them say that the value is a secret."""

import re

from gateway.detect.linear import LinearPattern
from gateway.detect.rules import NAME_EXCEPTIONS, NAME_QUALIFIERS, NAME_RULES, NameRule

_BETWEEN = r"[^A-Za-z0-9\x00]{0,3}"
_DISTINCTIVE_LETTERS = 6
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
_ENDING = rf"s?\d*(?: (?:{'|'.join(NAME_QUALIFIERS)}|\d+))*$"


def words_of(name: str) -> str:
    """Write a name as lower-case words: camelCase, kebab-case and snake_case come out alike."""
    return " ".join(word for word in _WORD_BOUNDARY.split(name) if word).lower()


def rule_for(name: str) -> NameRule | None:
    """Give the rule that this name falls under: that of the longest name it ends with."""
    words = words_of(name).encode("utf-8", "replace")
    which = _ANY_NAME.which_in(words)
    if which is None or _EXCEPTION.found_in(words):
        return None
    return NAME_RULES[which]


def _one(name: str) -> str:
    """A short name stands alone or as a word; a distinctive one may end a longer word."""
    alone = len(name.replace(" ", "")) < _DISTINCTIVE_LETTERS
    return ("(?:^| )" if alone else "") + name.replace(" ", " ?")


_ANY_NAME = LinearPattern(
    "(?:"
    + "|".join("(" + "|".join(_one(name) for name in rule.names) + ")" for rule in NAME_RULES)
    + ")"
    + _ENDING
)
_EXCEPTION = LinearPattern(rf"(?:^| )(?:{'|'.join(NAME_EXCEPTIONS)}){_ENDING}")
HINT = LinearPattern(
    "|".join(sorted({name.replace(" ", _BETWEEN) for rule in NAME_RULES for name in rule.names})),
    ignore_case=True,
)
"""Matches wherever `rule_for` could give a rule, over many names with NUL between them."""
