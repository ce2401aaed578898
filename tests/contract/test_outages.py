"""503 and back: Redis away or silent, Vault away or sealed; the gateway is never restarted."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.redis_clients import WANTED
from tests.contract.fragile import MAX_IN_FLIGHT, Fragile
from tests.contract.support import CAPTURE, get, job, post, refused
from tests.servers.stack import Answer

pytestmark = pytest.mark.servers

WITH_SECRET = {"task": "payments.capture", "args": CAPTURE, "delay": 3600}
WITHOUT_VAULT = (503, {"ledger": "ok", "vault": "vault_unavailable"})


def timed(fragile: Fragile) -> tuple[float, Answer]:
    began = time.monotonic()
    answer = post(fragile.hasty, job())
    return time.monotonic() - began, answer


def readiness(fragile: Fragile) -> tuple[int, dict[str, str]]:
    answer = fragile.stack.http.request("GET", f"{fragile.stack.base}/readyz")
    return answer.status, answer.json()["parts"]


def is_alive(fragile: Fragile) -> bool:
    return fragile.stack.http.request("GET", f"{fragile.stack.base}/healthz").status == 200


def takes_jobs(fragile: Fragile) -> bool:
    return post(fragile.hasty, WITH_SECRET).status == 202


def test_without_redis_jobs_are_refused_at_once_and_taken_again_when_it_is_back(
    fragile: Fragile,
) -> None:
    place = post(fragile.acme, job()).headers["location"]
    fragile.servers.local.stop_redis(kill=True)
    answers = [timed(fragile) for _ in range(3)]
    assert min(seconds for seconds, _ in answers) < 1
    for _, answer in answers:
        refused(answer, 503, "ledger_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    for method in ("GET", "DELETE"):
        refused(get(fragile.hasty, place, method), 503, "ledger_unavailable")
    refused(get(fragile.hasty, "/v1/tasks"), 503, "ledger_unavailable")
    assert readiness(fragile) == (503, {"ledger": "ledger_unavailable", "vault": "ok"})
    assert is_alive(fragile)
    fragile.servers.local.start_redis()
    fragile.wait_until(lambda: takes_jobs(fragile))
    fragile.wait_until(lambda: readiness(fragile) == (200, {"ledger": "ok", "vault": "ok"}))


@pytest.mark.parametrize(
    ("name", "wrong"), [("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")]
)
def test_a_redis_that_is_set_to_lose_jobs_is_given_none(
    fragile: Fragile, name: str, wrong: str
) -> None:
    place = post(fragile.acme, job()).headers["location"]
    superuser = fragile.servers.redis("superuser")
    superuser.config_set(name, wrong)
    try:
        fragile.wait_until(lambda: not takes_jobs(fragile))
        answer = post(fragile.hasty, WITH_SECRET)
        refused(answer, 503, "ledger_unavailable")
        assert f"{name} not set to {WANTED[name]}" in answer.json["detail"]
        assert int(answer.headers["retry-after"]) >= 1
        assert readiness(fragile) == (503, {"ledger": "ledger_unavailable", "vault": "ok"})
        assert get(fragile.acme, place).status == 200
    finally:
        superuser.config_set(name, WANTED[name])
    fragile.wait_until(lambda: takes_jobs(fragile))
    assert readiness(fragile) == (200, {"ledger": "ok", "vault": "ok"})


def test_a_silent_redis_costs_a_second_and_more_jobs_than_can_wait_are_refused(
    fragile: Fragile,
) -> None:
    count = 3 * MAX_IN_FLIGHT
    place = post(fragile.acme, job()).headers["location"]
    with ThreadPoolExecutor(count) as pool:
        # A connection for each first, by waiting at once: many handshakes may take longer than
        # those who came first wait for Redis, and then there is room again.
        told = pool.map(lambda _: get(fragile.acme, f"{place}?wait=1").status, range(count))
        assert set(told) == {200}
        with fragile.stalled_redis():
            # The gateway's patience and not the socket's, which is 5 s.
            assert min(timed(fragile)[0] for _ in range(3)) < 2.5
            answers = list(pool.map(lambda _: timed(fragile)[1], range(count)))
            assert is_alive(fragile)
    codes = Counter(answer.json["code"] for answer in answers)
    assert set(codes) == {"ledger_unavailable", "overloaded"}
    assert codes["overloaded"] >= 1
    for answer in answers:
        refused(answer, 503, answer.json["code"])
        assert int(answer.headers["retry-after"]) >= 1
    fragile.wait_until(lambda: takes_jobs(fragile))


def test_without_vault_jobs_are_refused_and_status_is_told(fragile: Fragile) -> None:
    place = post(fragile.acme, job()).headers["location"]
    fragile.servers.local.stop_vault(kill=True)
    for body in (job(), WITH_SECRET):
        answer = post(fragile.hasty, body)
        refused(answer, 503, "vault_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    assert get(fragile.acme, place).json["status"] == "queued"
    assert get(fragile.acme, "/v1/tasks").status == 200
    get(fragile.acme, place, "DELETE")
    assert get(fragile.acme, place).json["status"] == "cancelled"
    fragile.wait_until(lambda: readiness(fragile) == WITHOUT_VAULT)
    assert is_alive(fragile)
    fragile.servers.local.start_vault()
    fragile.wait_until(lambda: takes_jobs(fragile))


def test_a_sealed_vault_is_one_that_does_not_serve(fragile: Fragile) -> None:
    with fragile.sealed_vault():
        for body in (job(), WITH_SECRET):
            refused(post(fragile.hasty, body), 503, "vault_unavailable")
        fragile.wait_until(lambda: readiness(fragile) == WITHOUT_VAULT)
    fragile.servers.local.start_vault()
    fragile.wait_until(lambda: takes_jobs(fragile))


def test_a_gateway_that_stops_tells_who_waits_so(fragile: Fragile) -> None:
    place = post(fragile.acme, job() | {"delay": 3600}).headers["location"]
    gateway = fragile.stack.processes["gateway"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, fragile.hasty, f"{place}?wait=30")
        for _ in range(20):  # asked for later, and answered while the other waits
            assert get(fragile.acme, place).json["status"] == "queued"
        gateway.terminate()
        refused(waiting.result(), 503, "ledger_unavailable")
    gateway.wait_until(lambda: gateway.status == 0, 30)
    del fragile.stack.processes["gateway"]
