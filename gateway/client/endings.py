"""How waiting for a job can end without a value; each says how the job stood."""

from gateway.client.errors import ClientError
from gateway.client.types import JobStatus


class NotSettled(ClientError):
    """The job had not settled when the time to wait was over; `job` is how it stood."""

    code = "not_settled"

    def __init__(self, job: JobStatus) -> None:
        super().__init__("the job has not settled in time")
        self.job = job


class JobFailed(ClientError):
    """The job settled without a result; `job` says how."""

    code = "job_failed"

    def __init__(self, job: JobStatus) -> None:
        super().__init__("the job settled without a result")
        self.job = job
