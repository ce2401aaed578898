"""A job all the way: submitted, sealed, run, its sealed result read."""

from signing.jwk import from_jwks
from signing.seals import verify_result
from signing.strict_json import canonical, parse_object
from tests.servers.stack import Producer, Stack


def test_a_job_runs_and_its_result_verifies(stack: Stack, acme: Producer) -> None:
    status = acme.run("demo.echo", {"value": {"a": [1, 2.5, "ü"]}})
    assert status["status"] == "succeeded"
    assert status["result"] == {"a": [1, 2.5, "ü"]}
    jwks = stack.http.request("GET", f"{stack.base}/.well-known/jwks.json")
    claims = verify_result(
        canonical(status["sealed_result"]),
        from_jwks(parse_object(jwks.data)),
        job_id=status["id"],
        job_seal=status["seal"],
        audience="countersign",
        now=2_000_000_000_000,
    )
    assert claims.result == status["result"]


def test_a_secret_reaches_the_task_and_leaves_no_trace(stack: Stack, acme: Producer) -> None:
    secret = "tok_" + "Zx81" * 6
    body = {"a": 1}
    args = {
        "url": "https://partner.example/hook",
        "event": "paid",
        "body": body,
        "signing_secret": secret,
    }
    status = acme.run("webhooks.deliver", args)
    assert status["status"] == "succeeded"
    assert secret not in str(status)
    superuser = stack.servers.redis("superuser")
    for key in superuser.scan_iter():
        if superuser.type(key) == b"string":
            assert secret.encode() not in (superuser.get(key) or b"")


def test_a_task_that_raises_fails_with_its_type_alone(acme: Producer) -> None:
    status = acme.run("demo.fail", {})
    assert status["status"] == "failed"
    assert status["error"] == {"code": "task_error", "type": "RuntimeError"}
