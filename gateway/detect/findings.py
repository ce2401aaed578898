"""What the detector says of a secret: where, and by which rule, never which."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that holds what looks like a secret.

    Attributes:
        pointer: the value's JSON Pointer; of a key, the pointer of the object that has it.
        rule: the name of the rule that found it.
        as_key: whether the secret is a key, which no reference can stand for.
    """

    pointer: str
    rule: str
    as_key: bool = False
