"""Attack: a genuine message again, byte for byte."""

from tests.attacks.target import FAST, Target
from tests.servers.marks import wait_until


def test_after_the_job_settled_it_does_not_run_again(target: Target) -> None:
    target.refuses(target.genuine.raw, "replayed")
    assert len(target.marks.of("genuine")) == 1


def test_a_hundred_copies_at_once(target: Target) -> None:
    with target.unharmed():
        already = len(target.quarantined_for(target.other.raw))
        target.stack.servers.redis("superuser", 1).lpush(FAST, *[target.other.raw] * 100)
        reasons = target.wait_quarantined(target.other.raw, already + 100)[already:]
        assert reasons == ["replayed"] * 100
    assert len(target.marks.of("other")) == 1


def test_while_it_runs_it_does_not_run_beside_itself(target: Target) -> None:
    job_id = target.producer.submit("test.wait", {"name": "busy"}).json["id"]
    target.marks.wait_for("busy", "begun")
    seal = target.stack.servers.seal(job_id)
    raw = target.genuine.with_body(seal)
    target.push(raw)
    assert target.wait_quarantined(raw) == ["replayed"]
    target.marks.go("busy")
    assert target.producer.settled(job_id)["attempts"] == 1
    assert [mark.event for mark in target.marks.of("busy")] == ["begun", "ended"]


def test_before_it_is_due_it_does_not_run(target: Target) -> None:
    target.refuses(target.delayed.raw, "replayed")
    status = target.producer.call("GET", f"/v1/jobs/{target.delayed.job_id}").json
    assert (status["status"], status["attempts"]) == ("queued", 0)


def test_a_cancelled_job_does_not_run(target: Target) -> None:
    producer = target.producer
    job_id = producer.submit("test.mark", {"name": "cancelled"}, delay=3600).json["id"]
    seal = target.stack.servers.seal(job_id)
    assert producer.call("DELETE", f"/v1/jobs/{job_id}").status < 300
    target.refuses(target.genuine.with_body(seal), "replayed")
    assert target.marks.of("cancelled") == []


def test_the_quarantine_keeps_what_was_sent(target: Target) -> None:
    target.refuses(target.genuine.raw, "replayed")
    kept = target.stack.quarantined()[-1]
    assert kept["raw"] == target.genuine.raw
    assert kept["queue"] == FAST.encode()
    assert int(kept["size"]) == len(target.genuine.raw)
    wait_until(lambda: "quarantined a message of queue fast" in target.stack.log("worker"))
