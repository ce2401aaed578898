"""Errors of putting the parts together."""

from signing.errors import CountersignError


class StackError(CountersignError):
    """A part of the local stack does not start, or its state cannot be used."""

    code = "stack"
