"""`countersign jobs` as the operator: on a real ledger, with that role's own rights."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from backends import redis_clients
from backends.errors import LedgerUnavailable
from deploy.cli.jobs import jobs
from deploy.jobs import TAKES, LedgerJobs
from tests.ledger.actors import Actors
from tests.ledger.jobs import acceptance
from tests.servers.servers import Servers
from tests.signing.builders import JOB_ID

pytestmark = pytest.mark.servers
Invoke = Callable[..., Result]


@pytest.fixture
def actors(clean_servers: Servers) -> Actors:
    return Actors(clean_servers)


@pytest.fixture
def invoke(clean_servers: Servers) -> Invoke:
    settings: dict[str, str | None] = {**clean_servers.environment("operator")}
    settings["COUNTERSIGN_URL"] = None

    def call(*arguments: str, **options: Any) -> Result:
        runner = CliRunner(env=settings)
        return runner.invoke(jobs, arguments, **{"catch_exceptions": False, **options})

    return call


def queued(actors: Actors, **changes: Any) -> str:
    accepted = actors.accept(acceptance(actors.now(), **changes))
    assert accepted.outcome == "accepted"
    return accepted.job_id


def running(actors: Actors, lease_ms: int = 60_000, **changes: Any) -> str:
    job_id = queued(actors, **changes)
    actors.take_due()
    assert actors.claim(job_id, lease_ms=lease_ms).status == "claimed"
    return job_id


def held(actors: Actors, **changes: Any) -> str:
    """A job whose worker died."""
    job_id = running(actors, lease_ms=-1, on_lost="hold", **changes)
    assert actors.reap() == {job_id: "held"}
    return job_id


def listed(invoke: Invoke, *arguments: str) -> list[str]:
    result = invoke("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [job["id"] for job in json.loads(result.output)["jobs"]]


def outcomes(result: Result) -> dict[str, tuple[bool, str | None]]:
    told = json.loads(result.stdout)["jobs"]
    return {each["id"]: (each["done"], each["status"]) for each in told}


def test_all_producers_jobs_are_listed_newest_first(invoke: Invoke, actors: Actors) -> None:
    ids = [queued(actors, producer=name) for name in ("acme", "birch", "acme", "cedar")]
    assert listed(invoke) == sorted(ids, reverse=True)
    assert listed(invoke, "--producer", "acme") == [ids[2], ids[0]]
    assert listed(invoke, "--producer", "nobody") == []


def test_more_than_one_round_trips_jobs_are_listed(
    invoke: Invoke, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.jobs.CHUNK", 3)
    ids = [queued(actors, producer=f"p-{number % 2}") for number in range(11)]
    assert listed(invoke) == sorted(ids, reverse=True)
    assert listed(invoke, "--limit", "4") == sorted(ids, reverse=True)[:4]


def test_a_list_that_is_cut_says_so(
    invoke: Invoke, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(actors), queued(actors)
    result = invoke("list", "--limit", "1")
    assert "older jobs were not looked at" in result.stderr
    monkeypatch.setattr("deploy.jobs.CHUNK", 1)
    monkeypatch.setattr("deploy.jobs.MAX_SCANNED", 1)
    assert json.loads(invoke("list", "--json").output)["complete"] is False


def test_filters_choose(invoke: Invoke, actors: Actors) -> None:
    first, second = held(actors), held(actors, task="b", producer="birch")
    runs, waits = running(actors), queued(actors)
    assert listed(invoke, "--status", "held") == [second, first]
    assert listed(invoke, "--status", "held", "--task", "b") == [second]
    assert listed(invoke, "--status", "held", "--producer", "acme") == [first]
    assert listed(invoke, "--status", "running") == [runs]
    assert listed(invoke, "--status", "queued") == [waits]


def test_held_jobs_are_found_without_looking_at_others(
    invoke: Invoke, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = held(actors)
    for _ in range(20):
        queued(actors)
    looked_at: list[str] = []
    find = LedgerJobs.find

    def counted(self: LedgerJobs, ids: Any) -> Any:
        looked_at.extend(ids)
        return find(self, ids)

    monkeypatch.setattr(LedgerJobs, "find", counted)
    assert listed(invoke, "--status", "held") == [job_id]
    assert looked_at == [job_id]


def test_people_get_a_table(invoke: Invoke, actors: Actors) -> None:
    job_id = held(actors)
    heads, row = invoke("list").output.splitlines()
    assert heads.split()[:5] == ["id", "status", "since", "task", "producer"]
    assert row.split()[:2] == [job_id, "held"]
    assert row.endswith("worker_lost")


def test_one_job_is_shown(invoke: Invoke, actors: Actors) -> None:
    job_id = held(actors)
    document = json.loads(invoke("show", job_id, "--json").output)
    assert (document["status"], document["producer"], document["on_lost"]) == (
        "held",
        "acme",
        "hold",
    )
    assert document["error"] == {"code": "worker_lost"}
    assert document["held_since"].endswith("Z")
    text = invoke("show", job_id).output
    assert "status:       held" in text
    assert "error:        worker_lost" in text


def test_an_unknown_job_is_named(invoke: Invoke) -> None:
    for arguments in (["show", JOB_ID], ["release", JOB_ID], ["cancel", JOB_ID]):
        result = invoke(*arguments)
        assert result.exit_code == 1
        assert f"{JOB_ID}  there is no such job" in result.stderr


def spoil(servers: Servers, job_id: str) -> None:
    """Make a job's record none that could be read."""
    redis = servers.redis("superuser")
    redis.delete(f"cs:job:{job_id}")
    redis.set(f"cs:job:{job_id}", "x")


def test_a_broken_record_hides_no_other_and_is_named(
    invoke: Invoke, actors: Actors, clean_servers: Servers
) -> None:
    partial, spoilt, sound = queued(actors), queued(actors), queued(actors)
    clean_servers.redis("superuser").hdel(f"cs:job:{partial}", "task")
    spoil(clean_servers, spoilt)
    document = json.loads(invoke("list", "--json").output)
    assert [job["id"] for job in document["jobs"]] == [sound]
    assert document["unreadable"] == [spoilt, partial]
    assert f"{partial}  its record cannot be read" in invoke("list").output
    assert json.loads(invoke("list", "--status", "queued", "--json").output)["unreadable"] == []


@pytest.mark.parametrize("broken", [["hdel", "task"], ["del"]])
def test_a_held_job_that_cannot_be_read_is_seen(
    invoke: Invoke, actors: Actors, clean_servers: Servers, broken: list[str]
) -> None:
    job_id, other = held(actors), held(actors)
    command, *fields = broken
    redis: Any = clean_servers.redis("superuser")
    redis.execute_command(command, f"cs:job:{job_id}", *fields)
    assert f"{job_id}  its record cannot be read" in invoke("list", "--status", "held").output
    shown = invoke("show", job_id)
    assert (shown.exit_code, shown.stderr) == (
        1,
        f"{job_id}  its record cannot be read, and it is held\n",
    )
    result = invoke("fail", "--all-held", "--yes", "--json")
    assert result.exit_code == 1
    assert outcomes(result) == {other: (True, "failed"), job_id: (False, None)}


def test_held_jobs_beyond_the_bound_are_not_passed_over(
    invoke: Invoke, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.jobs.CHUNK", 1)
    monkeypatch.setattr("deploy.jobs.MAX_SCANNED", 2)
    ids = [held(actors) for _ in range(3)]
    first = invoke("fail", "--all-held", "--yes")
    assert first.exit_code == 1
    assert "more jobs are held" in first.stderr
    assert listed(invoke, "--status", "held") == ids[:1]
    assert invoke("fail", "--all-held", "--yes").exit_code == 0


def test_one_bad_record_drops_no_outcome(
    invoke: Invoke, actors: Actors, clean_servers: Servers
) -> None:
    first, spoilt, last = held(actors), held(actors), held(actors)
    spoil(clean_servers, spoilt)
    result = invoke("release", first, spoilt, last)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{each}  released: it runs again" for each in (first, last)
    ]
    assert result.stderr.startswith(f"{spoilt}  not known whether it was released: look again (")


def test_a_lost_reply_drops_no_outcome(
    invoke: Invoke, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.jobs.CHUNK", 1)
    done, lost, left = held(actors), held(actors), held(actors)
    asked: list[str] = []

    def answers_once(client: Any, calls: Any) -> Any:
        asked.extend(call.args[0] for call in calls)
        replies = redis_clients.run_each(client, calls)
        if asked == [done]:
            return replies
        raise LedgerUnavailable("gone")

    monkeypatch.setattr("deploy.jobs.run_each", answers_once)
    result = invoke("fail", done, lost, left, "--json", catch_exceptions=True)
    assert isinstance(result.exception, LedgerUnavailable)
    told = json.loads(result.stdout)["jobs"]
    assert [(each["id"], each["done"]) for each in told] == [
        (done, True),
        (lost, False),
        (left, False),
    ]
    assert "look again" in told[1]["message"]
    assert "nothing was done" in told[2]["message"]
    assert asked == [done, lost]


@pytest.mark.parametrize(
    ("action", "status"), [("release", "queued"), ("fail", "failed"), ("cancel", "cancelled")]
)
def test_held_jobs_are_released_failed_or_cancelled(
    invoke: Invoke, actors: Actors, action: str, status: str
) -> None:
    ids = [held(actors), held(actors)]
    result = invoke(action, *ids, "--json")
    assert result.exit_code == 0
    assert outcomes(result) == dict.fromkeys(ids, (True, status))


def test_what_is_not_held_says_its_state_and_what_can_be_done(
    invoke: Invoke, actors: Actors
) -> None:
    waits, runs, over = queued(actors, not_before=10**14), running(actors), held(actors)
    actors.operate(over, "fail")
    good = held(actors)
    result = invoke("release", waits, runs, over, good)
    assert result.exit_code == 1
    assert result.stdout == f"{good}  released: it runs again\n"
    assert result.stderr.splitlines() == [
        f"{waits}  not released: it is queued; it has not started: it can be cancelled",
        f"{runs}  not released: it is running; it runs: wait until it settles, or is held "
        "because its worker died",
        f"{over}  not released: it is failed; its producer can replay it as a new job",
    ]
    assert outcomes(invoke("cancel", waits, runs, "--json")) == {
        waits: (True, "cancelled"),
        runs: (False, "running"),
    }
    assert "that is final" in invoke("fail", waits).stderr


def test_what_had_secrets_is_not_said_to_be_replayable(invoke: Invoke, actors: Actors) -> None:
    job_id = held(actors, has_secret=True)
    assert invoke("fail", job_id).exit_code == 0
    said = invoke("release", job_id).stderr
    assert "its producer can submit it anew" in said
    assert "replay" not in said


def test_what_an_action_takes_is_what_the_ledger_takes() -> None:
    assert {"release": {"held"}, "fail": {"held"}, "cancel": {"queued", "held"}} == TAKES


def test_one_that_expired_meanwhile_is_not_called_released(invoke: Invoke, actors: Actors) -> None:
    job_id = held(actors)
    actors.run_out(job_id)
    result = invoke("release", job_id)
    assert result.exit_code == 1
    assert "it had expired meanwhile" in result.stderr


def test_all_held_jobs_are_asked_about_first(invoke: Invoke, actors: Actors) -> None:
    ids, other = [held(actors), held(actors)], held(actors, task="b")
    result = invoke("release", "--all-held", "--task", "sample.task", input="n\n")
    assert result.exit_code == 1
    assert "release 2 held jobs (2 sample.task)?" in result.stderr
    assert "may have happened already" in result.stderr
    assert listed(invoke, "--status", "held") == sorted([*ids, other], reverse=True)
    result = invoke("fail", "--all-held", "--task", "sample.task", input="y\n")
    assert result.exit_code == 0
    assert listed(invoke, "--status", "failed") == sorted(ids, reverse=True)
    assert outcomes(invoke("release", "--all-held", "--yes", "--json")) == {other: (True, "queued")}


def test_where_nobody_can_answer_it_says_how_to_go_on(invoke: Invoke, actors: Actors) -> None:
    job_id = held(actors)
    result = invoke("fail", "--all-held", "--json", input="")
    assert result.exit_code == 1
    assert "say --yes" in result.stderr
    assert outcomes(result) == {job_id: (False, "held")}
    assert listed(invoke, "--status", "held") == [job_id]


def test_a_job_that_is_not_shown_is_an_error_for_programs_too(
    invoke: Invoke, actors: Actors
) -> None:
    result = invoke("show", JOB_ID, "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "job_not_found")


def test_where_none_is_held_nothing_is_asked(invoke: Invoke) -> None:
    result = invoke("release", "--all-held")
    assert (result.exit_code, result.output) == (0, "no job is held\n")
    assert json.loads(invoke("release", "--all-held", "--json").output) == {"jobs": []}
