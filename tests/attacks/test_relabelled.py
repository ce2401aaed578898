"""Attack: a genuine seal under other headers, or on another queue."""

from tests.attacks.conftest import RELABELLED
from tests.attacks.target import SLOW, Target, dump


def test_headers_change_nothing_of_what_runs(target: Target) -> None:
    assert [mark.event for mark in target.marks.of("relabelled")] == ["ran"]
    status = target.producer.settled(target.relabelled.job_id)
    assert (status["task"], status["result"], status["attempts"]) == ("test.mark", "relabelled", 1)
    assert target.marks.of("forged") == []


def test_a_settled_job_under_other_headers_does_not_run_again(target: Target) -> None:
    message = target.genuine.message
    message["headers"] |= RELABELLED
    target.refuses(dump(message), "replayed")


def test_a_job_moved_to_another_queue_is_refused(target: Target) -> None:
    target.refuses(target.genuine.raw, "queue_mismatch", queue=SLOW)


def test_a_job_moved_to_a_priority_step_of_another_queue_is_refused(target: Target) -> None:
    target.refuses(target.other.raw, "queue_mismatch", queue=f"{SLOW}\x06\x163")
