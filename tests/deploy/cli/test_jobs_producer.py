"""`countersign jobs` as a producer: over HTTPS, about its own jobs."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli.jobs import jobs
from gateway.client import Client, SubmittedJob
from signing.errors import SettingError
from tests.gateway.client.fixtures import Machine, accepted, job_document
from tests.gateway.client.server import FakeGateway, Reply, problem
from tests.gateway.client.test_jobs import page
from tests.signing.builders import JOB_ID, OTHER_JOB_ID

Invoke = Callable[..., Result]
CANCELLED = Reply(document={"id": JOB_ID, "status": "cancelled"})


@pytest.fixture
def invoke(environment: dict[str, str], machine: Machine) -> Invoke:
    def call(*arguments: str) -> Result:
        runner = CliRunner(env=environment)
        return runner.invoke(jobs, arguments, obj=machine.system, catch_exceptions=False)

    return call


def test_jobs_are_listed_with_ages_and_reasons(invoke: Invoke, gateway: FakeGateway) -> None:
    error = {"code": "task_error"}
    times = {"started_at": "2026-11-22T09:57:00.000Z", "finished_at": "2026-11-22T09:58:00.000Z"}
    times["accepted_at"] = "2026-11-20T09:00:00.000Z"
    gateway.will(page(None, JOB_ID, status="failed", error=error, **times))
    result = invoke("list", "--status", "failed", "--task", "a.b")
    assert result.exit_code == 0
    heads, row = result.output.splitlines()
    assert heads.split() == ["id", "status", "since", "task", "attempt", "accepted", "why"]
    assert re.split(r"  +", row) == [
        JOB_ID,
        "failed",
        "2 min",
        "payments.capture",
        "1/5",
        "2 d ago",
        "task_error",
    ]
    assert gateway.lines == ["GET /v1/jobs?status=failed&task=a.b&limit=51"]


def test_a_list_is_one_document_with_times_in_utc(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(page("c-1", JOB_ID, OTHER_JOB_ID))
    document = json.loads(invoke("list", "--limit", "1", "--json").output)
    assert document["complete"] is False
    [job] = document["jobs"]
    assert (job["id"], job["accepted_at"]) == (JOB_ID, "2026-11-22T10:00:00.000Z")
    assert (job["error"], "producer" in job) == (None, False)


def test_an_empty_list_says_so(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(page(None))
    assert invoke("list").output == "no job fits\n"


def test_what_has_a_moving_cursor_is_shown_as_text(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(page(None, JOB_ID, task="a\x1b[2J"))
    assert "\x1b" not in invoke("list").output


def test_a_job_is_shown_as_by_status(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=job_document()))
    assert json.loads(invoke("show", JOB_ID, "--json").output)["status"] == "running"


def test_each_job_is_cancelled_and_what_is_refused_is_named(
    invoke: Invoke, gateway: FakeGateway
) -> None:
    gateway.will(problem(404, "job_not_found"), CANCELLED)
    result = invoke("cancel", OTHER_JOB_ID, JOB_ID, JOB_ID)
    assert result.exit_code == 1
    assert f"{OTHER_JOB_ID}  job_not_found (404): said so" in result.output
    assert f"{JOB_ID}  cancelled" in result.output
    assert len(gateway.lines) == 2


def test_a_replay_names_the_new_job(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(Reply(202, accepted(id=OTHER_JOB_ID)))
    result = invoke("replay", JOB_ID, "--json")
    assert result.exit_code == 0
    [told] = json.loads(result.output)["jobs"]
    assert (told["id"], told["done"], told["new_id"]) == (JOB_ID, True, OTHER_JOB_ID)


def test_ctrl_c_tells_what_was_done_before_it(
    invoke: Invoke, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.will(Reply(202, accepted(id=OTHER_JOB_ID)))
    replay = Client.replay

    def interrupted(client: Client, job_id: str, **options: Any) -> SubmittedJob:
        if gateway.lines:
            raise KeyboardInterrupt
        return replay(client, job_id, **options)

    monkeypatch.setattr(Client, "replay", interrupted)
    result = invoke("replay", "--again", "--json", JOB_ID, OTHER_JOB_ID)
    assert result.exit_code == 1  # of click's own; the program's is 130
    first, second = json.loads(result.stdout.splitlines()[0])["jobs"]
    assert (first["done"], first["new_id"]) == (True, OTHER_JOB_ID)
    assert (second["done"], second["message"][:11]) == (False, "interrupted")


def keys_sent(gateway: FakeGateway) -> list[str]:
    return [each.http.fields["idempotency-key"] for each in gateway.received]


def test_a_replay_that_is_repeated_makes_no_second_job(
    invoke: Invoke, gateway: FakeGateway
) -> None:
    gateway.will(Reply(202, accepted(id=OTHER_JOB_ID)))
    invoke("replay", JOB_ID)
    invoke("replay", JOB_ID)
    invoke("replay", JOB_ID, "--again")
    invoke("replay", JOB_ID, "--idempotency-key", "k-1")
    first, second, again, told = keys_sent(gateway)
    assert (first, second, told) == (f"replay-{JOB_ID}", f"replay-{JOB_ID}", "k-1")
    assert "replay-" not in again


def test_a_replay_that_may_have_been_taken_tells_its_key(
    invoke: Invoke, gateway: FakeGateway
) -> None:
    gateway.will(problem(503, "ledger_unavailable"))
    result = invoke("replay", JOB_ID, "--again", "--retry-for", "1")
    assert result.exit_code == 1
    assert f"ask with --idempotency-key {keys_sent(gateway)[0]}" in result.stderr
    gateway.will(problem(409, "not_replayable"))
    assert "--idempotency-key" not in invoke("replay", JOB_ID).stderr


def test_a_replay_that_is_refused_says_why(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(problem(409, "not_replayable"))
    result = invoke("replay", JOB_ID, "--json")
    assert result.exit_code == 1
    [told] = json.loads(result.output)["jobs"]
    assert (told["done"], told["code"]) == (False, "not_replayable")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--producer", "shop"],
        ["list", "--status", "lost"],
        ["list", "--limit", "0"],
        ["show"],
        ["show", "x"],
        ["cancel"],
        ["cancel", "--all-held"],
        ["cancel", "--yes", JOB_ID],
        ["cancel", "--task", "a.b", JOB_ID],
        ["list", "--operator", "--url", "https://gateway.example"],
        ["replay", "--operator", JOB_ID],
        ["cancel", "x"],
        ["replay"],
        ["replay", "--again", "--idempotency-key", "k", JOB_ID],
        ["replay", "--idempotency-key", "k", JOB_ID, OTHER_JOB_ID],
        ["replay", "--idempotency-key", "", JOB_ID],
        ["release", "--url", "https://gateway.example", JOB_ID],
        ["fail"],
        ["fail", "--all-held", JOB_ID],
        ["release", JOB_ID, "--yes"],
        ["release", JOB_ID, "--task", "a"],
    ],
)
def test_wrong_use_is_2(invoke: Invoke, arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("missing", ["COUNTERSIGN_KEY", "COUNTERSIGN_KEY_ID"])
def test_a_url_goes_with_a_key(invoke: Invoke, environment: dict[str, Any], missing: str) -> None:
    del environment[missing]
    result = invoke("list")
    assert result.exit_code == 2
    assert "--url goes with --key" in result.output


@pytest.mark.parametrize("arguments", [["list"], ["show", JOB_ID], ["cancel", JOB_ID]])
def test_who_could_be_both_says_which(
    invoke: Invoke, environment: dict[str, str], gateway: FakeGateway, arguments: list[str]
) -> None:
    environment["COUNTERSIGN_REDIS_LEDGER_URL"] = "rediss://operator@localhost:6379/0"
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "--url" in result.output
    assert "--operator" in result.output
    assert gateway.lines == []
    gateway.will(problem(404, "job_not_found"))
    invoke(*arguments, "--url", gateway.url)
    assert len(gateway.lines) == 1


def test_the_operator_says_so_beside_a_gateways_address(
    environment: dict[str, str], machine: Machine
) -> None:
    ledger = {"COUNTERSIGN_REDIS_LEDGER_URL": "rediss://operator@localhost:6379/0"}
    runner = CliRunner(env={**environment, **ledger, "COUNTERSIGN_TLS_CA": None})
    result = runner.invoke(jobs, ["list", "--operator"], obj=machine.system)
    assert isinstance(result.exception, SettingError)  # the ledger's settings are read


def test_without_either_way_it_says_both(
    invoke: Invoke, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERSIGN_REDIS_LEDGER_URL", raising=False)
    environment.clear()
    for arguments in (["list"], ["show", JOB_ID], ["release", JOB_ID], ["fail", "--all-held"]):
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert "--url" in result.output
        assert "COUNTERSIGN_REDIS_LEDGER_URL" in result.output
