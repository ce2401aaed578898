"""Countersign's worker side: what the author of a task needs, and nothing that opens a socket."""

from workers.context import JobContext, current_job
from workers.job import job
from workers.secret import Secret

__all__ = ["JobContext", "Secret", "current_job", "job"]
