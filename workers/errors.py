"""What a worker's own parts raise: how jobs are declared, loaded, bound and run."""

from collections.abc import Sequence
from dataclasses import dataclass

from signing.errors import CountersignError


class JobDefinitionError(CountersignError):
    """A function cannot be a job; the message names the task, the parameter and the mend."""

    code = "job_definition_invalid"


class TaskModuleError(CountersignError):
    """A module that the operator named as holding tasks cannot be loaded."""

    code = "task_module_invalid"


class CatalogMismatch(CountersignError):
    """This worker does not serve what the catalog promises on its queues.

    Attributes:
        problems: one sentence for each task that is missing or declared otherwise.
    """

    code = "catalog_mismatch"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """One place that does not fit.

    Attributes:
        pointer: a JSON Pointer; a key that no type declares stands in it as `*`.
        rule: the name of the rule that was broken, never a value.
    """

    pointer: str
    rule: str


class ArgumentsInvalid(CountersignError):
    """A job's arguments do not fit its function; says where and which rule, never the value."""

    code = "arguments_invalid"

    def __init__(self, task: str, problems: Sequence[ArgumentProblem]) -> None:
        places = ", ".join(f"{item.pointer or '(root)'}: {item.rule}" for item in problems)
        super().__init__(f"the arguments do not fit {task}: {places}")
        self.problems = tuple(problems)


class NotInJob(CountersignError):
    """Something that only a running job has was asked for outside of one."""

    code = "not_in_job"


class SecretUnusable(CountersignError):
    """A reference in a sealed job cannot be followed, now or later."""

    code = "secret_unusable"


class ResultInvalid(CountersignError):
    """A task gave back what is no JSON value, or too large a one."""

    code = "result_invalid"
