"""Loaded among a worker's tasks: a fault of ours where it settles."""

from typing import Any

from workers.pipeline import Pipeline


def _broken(_self: Pipeline, _batch: Any) -> None:
    raise KeyError("a fault of ours")


setattr(Pipeline, "_settle", _broken)  # noqa: B010 - mypy knows an assignment to be wrong
