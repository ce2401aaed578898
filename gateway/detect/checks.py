"""What a value must look like besides, so that a name or a format alone does not accuse it."""

import re
from collections.abc import Callable, Mapping

from gateway.detect.rules import CARD_RANGES, PLACEHOLDERS, SCHEMES, Check, Worth

# Masks and templates; no repetition stands within or behind another, so it is linear.
_MASK_OR_TEMPLATE = re.compile(
    r"[*•.\-_# ]*|[*•x.\-_# ]{3,}|\$\{[^{}]*\}|\{\{[^{}]*\}\}|<[a-z _-]*>"
)
_DOUBLED = str.maketrans("0123456789", "0246813579")  # twice the digit, its digits added
_MIN_PASSWORD_DIGITS = 4


def is_text(text: str) -> bool:
    """Say whether this is more than a placeholder, a mask or a template."""
    folded = text.strip().casefold()
    return folded not in PLACEHOLDERS and not _MASK_OR_TEMPLATE.fullmatch(folded)


def is_opaque(text: str) -> bool:
    """Say whether this looks generated: mixed, long, or announced by an authorization scheme."""
    words = text.split()
    if len(words) == 2 and words[0].casefold() in SCHEMES:
        return is_text(words[1])
    return any(_is_opaque_word(word) for word in words)


def is_card(text: str) -> bool:
    """Say whether an issuer gives out such a number and its check digit is right."""
    digits = _digits(text)
    return _has_issuer(digits) and _luhn(digits)


def _is_opaque_word(word: str) -> bool:
    size = len(word)
    if size >= 24 and word.isalnum():
        return True
    if word.isdigit():
        return size >= 12
    if size >= 8 and any(char.isdigit() for char in word):
        return any(char.isalpha() for char in word)
    return size >= 16 and word.lower() != word != word.upper()


def _digits(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def _has_issuer(digits: str) -> bool:
    return any(
        len(digits) in lengths and first <= digits[: len(first)] <= last
        for first, last, lengths in CARD_RANGES
    )


def _luhn(digits: str) -> bool:
    doubled = digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, digits[-1::-2] + doubled)) % 10 == 0


def _is_number_of(text: str, shortest: int, longest: int) -> bool:
    digits = _digits(text)
    return shortest <= len(digits) <= longest and digits.isdigit()


CHECKS: Mapping[Check, Callable[[str], bool]] = {
    "any": lambda _text: True,
    "text": is_text,
    "opaque": is_opaque,
    "card": is_card,
}

# The second argument says whether the value is a number in the document.
WORTHS: Mapping[Worth, Callable[[str, bool], bool]] = {
    "text": lambda text, number: not number and is_text(text),
    "text or number": lambda text, number: (
        len(text) >= _MIN_PASSWORD_DIGITS if number else is_text(text)
    ),
    "opaque": lambda text, number: not number and is_opaque(text),
    "short number": lambda text, _number: _is_number_of(text, 3, 12),
    "card number": lambda text, _number: _is_number_of(text, 12, 19),
}
