import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from deploy.cli.main import run
from deploy.cli.submit import status, submit
from tests.gateway.client.fixtures import Machine, accepted, job_document, key_pem, settled
from tests.gateway.client.server import BROKEN, FakeGateway, Received, Reply, problem
from tests.signing.builders import JOB_ID

ARGS = '{"invoice": "2026-17", "card": "tok_canary"}'
ACCEPTED = Reply(202, accepted(), {"location": f"/v1/jobs/{JOB_ID}"})
RUNNING = Reply(document=job_document())
FAILED = {"state": "failed", "result": None, "error": "task_failed", "error_type": "ValueError"}

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(environment: dict[str, str], machine: Machine) -> Invoke:
    def call(command: click.Command, *arguments: str, **options: Any) -> Result:
        runner = CliRunner(env=environment)
        return runner.invoke(
            command, arguments, obj=machine.system, catch_exceptions=False, **options
        )

    return call


def test_a_job_is_submitted(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED)
    result = invoke(submit, "payments.capture", ARGS)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"accepted   {JOB_ID}  payments.capture",
        "           secrets went to Vault: /args/card",
    ]
    assert gateway.received[0].document == {"task": "payments.capture", "args": json.loads(ARGS)}


def test_options_win_over_the_environment(
    invoke: Invoke, gateway: FakeGateway, environment: dict[str, str]
) -> None:
    options = {
        "--url": environment.pop("COUNTERSIGN_URL"),
        "--ca": environment.pop("COUNTERSIGN_CA"),
        "--key": environment.pop("COUNTERSIGN_KEY"),
        "--key-id": environment["COUNTERSIGN_KEY_ID"],
    }
    environment["COUNTERSIGN_KEY_ID"] = "another"
    gateway.will(Reply(202, accepted(secrets=[])))
    given = [each for pair in options.items() for each in pair]
    result = invoke(submit, *given, "payments.capture", "{}")
    assert (result.exit_code, result.output) == (0, f"accepted   {JOB_ID}  payments.capture\n")


@pytest.mark.parametrize("way", ["stdin", "file"])
def test_arguments_need_not_stand_on_the_command_line(
    invoke: Invoke, gateway: FakeGateway, tmp_path: Path, way: str
) -> None:
    gateway.will(ACCEPTED)
    path = tmp_path / "args.json"
    path.write_text(ARGS)
    given, stdin = ("-", ARGS) if way == "stdin" else (f"@{path}", None)
    assert invoke(submit, "payments.capture", given, input=stdin).exit_code == 0
    assert gateway.received[0].document["args"] == json.loads(ARGS)


def test_options_become_members(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED)
    moment = "2026-11-22T11:00:00Z"
    more = ("--priority", "9", "--idempotency-key", "order-17", "--json")
    first = invoke(submit, "a.b", "{}", "--delay", "1.5", "--expires", "60.5", *more)
    assert invoke(submit, "a.b", "{}", "--not-before", moment, "--expires", moment).exit_code == 0
    assert [each.document for each in gateway.received] == [
        {"task": "a.b", "args": {}, "delay": 1.5, "expires": 60.5, "priority": 9},
        {"task": "a.b", "args": {}, "not_before": moment, "expires": moment},
    ]
    assert gateway.received[0].http.fields["idempotency-key"] == "order-17"
    assert json.loads(first.output) == {
        "id": JOB_ID,
        "status": "queued",
        "task": "payments.capture",
        "secrets": ["/args/card"],
        "location": f"/v1/jobs/{JOB_ID}",
        "idempotency_key": "order-17",
    }


def test_a_job_is_waited_for_and_its_result_verified(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED, RUNNING, Reply(document=settled()))
    result = invoke(submit, "payments.capture", ARGS, "--wait", "30")
    assert result.exit_code == 0
    assert result.output.splitlines()[2:] == [
        f"succeeded  {JOB_ID}  payments.capture, attempt 1 of 5, ran 0.25 s",
        "           verified: sealed by worker-1 for this job",
        "{",
        '  "receipt": "r-1"',
        "}",
    ]
    assert gateway.lines[1:] == [f"GET /v1/jobs/{JOB_ID}?wait=30", f"GET /v1/jobs/{JOB_ID}?wait=29"]


def test_programs_get_one_object(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED, Reply(document=settled()))
    result = invoke(submit, "payments.capture", ARGS, "--wait", "30", "--json")
    document = json.loads(result.output)
    assert result.exit_code == 0
    assert document["idempotency_key"]
    assert (document["status"], document["verified"]) == ("succeeded", True)
    assert document["result"] == {"receipt": "r-1"}
    assert document["finished_at"] == "2026-11-22T10:00:00.250000+00:00"


def test_a_job_that_failed_fails(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED, Reply(document=settled(FAILED)))
    result = invoke(submit, "payments.capture", ARGS, "--wait", "30")
    assert result.exit_code == 1
    assert result.output.splitlines()[2:] == [
        f"failed     {JOB_ID}  payments.capture, attempt 1 of 5, ran 0.25 s",
        "           error: task_failed, ValueError",
        "           verified: sealed by worker-1 for this job",
    ]


def test_a_job_that_did_not_settle_is_told(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED, RUNNING)
    people = invoke(submit, "payments.capture", ARGS, "--wait", "0")
    assert people.exit_code == 1
    assert "not settled within 0 s" in people.output
    programs = invoke(status, JOB_ID, "--wait", "0", "--json")
    assert programs.exit_code == 1
    document = json.loads(programs.output)
    assert (document["status"], document["settled"]) == ("running", False)
    assert (document["result"], document["verified"]) == (None, None)


def test_a_jobs_status_is_shown(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(RUNNING)
    result = invoke(status, JOB_ID)
    assert result.exit_code == 0
    assert result.output == f"running    {JOB_ID}  payments.capture, attempt 1 of 5\n"


def test_status_of_a_failed_job_is_an_answer_and_waiting_for_it_fails(
    invoke: Invoke, gateway: FakeGateway
) -> None:
    expired = job_document(status="expired", error={"code": "expired", "reason": "late"})
    gateway.will(Reply(document=expired))
    assert invoke(status, JOB_ID).exit_code == 0
    waited = invoke(status, JOB_ID, "--wait", "5")
    assert waited.exit_code == 1
    assert "error: expired, late" in waited.output
    document = json.loads(invoke(status, JOB_ID, "--json").output)
    assert document["error"] == {"code": "expired", "type": None, "reason": "late"}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (settled(seed=4), "seal_signature_invalid"),
        (settled(sealed_result=None), "result_missing"),
    ],
)
def test_a_result_that_is_not_verified_is_not_shown(
    invoke: Invoke, gateway: FakeGateway, document: dict[str, Any], code: str
) -> None:
    gateway.will(Reply(document=document))
    for waiting in ((), ("--wait", "5")):
        people = invoke(status, JOB_ID, *waiting)
        assert people.exit_code == 1
        assert "UNVERIFIED" in people.output
        assert "r-1" not in people.output
    programs = invoke(status, JOB_ID, "--json")
    assert programs.exit_code == 1
    told = json.loads(programs.output)
    assert (told["verified"], told["unverified"], told["result"]) == (False, code, None)


def test_a_refusal_names_the_places(invoke: Invoke, gateway: FakeGateway) -> None:
    errors = [{"pointer": "/args/amount", "rule": "minimum"}, "not an object"]
    gateway.will(problem(422, "schema_invalid", errors=errors))
    people = invoke(submit, "payments.capture", ARGS)
    assert people.exit_code == 1
    assert people.stdout == ""
    assert people.stderr.splitlines() == [
        "countersign: schema_invalid (422): said so",
        "    /args/amount: minimum",
    ]
    programs = invoke(submit, "payments.capture", ARGS, "--json", "--idempotency-key", "k")
    assert programs.exit_code == 1
    assert json.loads(programs.output)["error"] == {
        "code": "schema_invalid",
        "message": "schema_invalid (422): said so",
        "status": 422,
        "retry_after": None,
        "members": {"errors": errors},
        "idempotency_key": "k",
    }


def test_what_may_have_been_accepted_names_its_key(
    invoke: Invoke, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(problem(503, "overloaded"))
    result = invoke(submit, "a.b", "{}", "--retry-for", "1", "--idempotency-key", "order-17")
    assert result.exit_code == 1
    *tries, last, again = result.stderr.splitlines()
    assert tries == [
        "countersign: overloaded (503): said so; trying again in 0.1 s",
        "countersign: overloaded (503): said so; trying again in 0.2 s",
        "countersign: overloaded (503): said so; trying again in 0.5 s",
    ]
    assert last == "countersign: overloaded (503): said so"
    assert again.strip() == "the same job again, safely: --idempotency-key order-17"


def test_programs_hear_nothing_of_tries(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(BROKEN, ACCEPTED)
    result = invoke(submit, "a.b", "{}", "--json")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_gateway_that_is_gone_while_waiting_leaves_the_id(
    invoke: Invoke, gateway: FakeGateway
) -> None:
    gateway.will(ACCEPTED, BROKEN)
    result = invoke(submit, "a.b", "{}", "--wait", "5", "--json")
    assert result.exit_code == 1
    document = json.loads(result.output)
    assert document["id"] == JOB_ID
    assert document["error"] == {"code": "interrupted", "message": "the connection broke"}
    people = invoke(status, JOB_ID)
    assert people.stderr.splitlines()[-1] == "countersign: the connection broke"


def test_an_interrupted_wait_leaves_the_id(
    environment: dict[str, str], gateway: FakeGateway
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    machine = Machine()
    machine.sleep = interrupt  # type: ignore[method-assign]
    gateway.will(ACCEPTED, RUNNING)
    result = CliRunner(env=environment).invoke(
        submit, ["a.b", "{}", "--wait", "5", "--json"], obj=machine.system
    )
    assert result.exit_code == 1
    assert json.loads(result.stdout.splitlines()[0])["id"] == JOB_ID


def test_control_characters_reach_no_terminal(invoke: Invoke, gateway: FakeGateway) -> None:
    claims = {"result": "Grüße \x1b[2J\x9b", "worker": "w\x1b]0;x\x07"}
    gateway.will(Reply(document=settled(claims, task="t\x1b[31m")))
    output = invoke(status, JOB_ID, color=True).output
    assert "Grüße \\u001b[2J\\u009b" in output
    assert "\\u001b]0;x\\u0007" in output
    assert output.count("\x1b") == 2  # ours, around the status


def test_colours_are_for_terminals(invoke: Invoke, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=settled()))
    assert "\x1b[32m" in invoke(status, JOB_ID, color=True).output
    assert "\x1b" not in invoke(status, JOB_ID).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.b", "{tok_canary}"], "the document is not JSON"),
        (["a.b", "[]"], "the document is not an object"),
        (["a.b", '{"a": 1, "a": 2}'], "names a key twice"),
        (["a.b", "@tok_canary"], "the file cannot be read: No such file"),
        (["a.b", "\udcff"], "not UTF-8"),
        (["a.b"], "Missing argument"),
        (["a.b", "{}", "--delay", "1", "--not-before", "2026-11-22T11:00:00Z"], "one of them"),
        (["a.b", "{}", "--not-before", "tok_canary"], "RFC 3339"),
        (["a.b", "{}", "--expires", "tok_canary"], "RFC 3339"),
        (["a.b", "{}", "--expires", "1.2.3"], "RFC 3339"),
        (["a.b", "{}", "--priority", "10"], "--priority"),
        (["a.b", "{}", "--delay", "-1"], "--delay"),
        (["a.b", "{}", "--delay", "nan"], "a number of seconds"),
        (["a.b", "{}", "--delay", "inf"], "JSON cannot carry"),
        (["a.b", "{}", "--wait", "nan"], "a number of seconds"),
        (["a.b", "{}", "--retry-for", "0"], "--retry-for"),
        (["a.b", "{}", "--idempotency-key", ""], "idempotency key has"),
        (["a.b", "{}", "--url", "http://localhost"], "https://"),
        (["a.b", "{}", "--algorithm", "rsa-pss-sha512"], "cannot be used with"),
        (["a.b", "{}", "--algorithm", "none"], "--algorithm"),
        (["a.b", "{}", "--key", "/nowhere"], "does not exist"),
        (["a.b", "{}", "--ca", __file__], "the CA's certificate"),
    ],
)
def test_wrong_use_is_said_before_anything_is_sent(
    invoke: Invoke, gateway: FakeGateway, arguments: list[str], said: str
) -> None:
    result = invoke(submit, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())
    assert "tok_canary" not in result.output
    assert gateway.received == []


@pytest.mark.parametrize("job_id", ["../tasks", JOB_ID[:-1]])
def test_only_a_job_id_is_asked_for(invoke: Invoke, gateway: FakeGateway, job_id: str) -> None:
    result = invoke(status, job_id)
    assert result.exit_code == 2
    assert "not a job id" in result.output
    assert gateway.received == []


def test_the_connection_has_to_be_named() -> None:
    result = CliRunner().invoke(status, [JOB_ID])
    assert result.exit_code == 2
    assert "COUNTERSIGN_URL" in result.output


def test_the_command_line_gives_the_exit_status(
    environment: dict[str, str],
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("gateway.client.client.System", lambda: Machine().system)

    def answer(received: Received) -> Reply:
        known = JOB_ID in received.line
        return Reply(document=settled()) if known else problem(403, "task_not_granted")

    gateway.will(answer)
    assert run(["status", JOB_ID]) == 0
    assert run(["submit", "a.b", "{}"]) == 1
    assert run(["status", "x"]) == 2
    assert "countersign: task_not_granted (403)" in capsys.readouterr().err


@pytest.mark.parametrize("command", [submit, status])
def test_help_says_what_to_do_with_secrets_and_statuses(command: click.Command) -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert "Exit status" in text
    assert ("standard input (-) or in a file (@FILE)" in " ".join(text.split())) == (
        command is submit
    )


def test_a_key_of_hmac_is_read_from_its_file(
    invoke: Invoke, gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"c2hvcnQ=")
    result = invoke(status, JOB_ID, "--algorithm", "hmac-sha256", "--key", str(path))
    assert result.exit_code == 2
    assert "fewer than 32 bytes" in result.output
    assert key_pem() not in result.output_bytes
