"""Secrets in payloads: new at each run, at the places that are known."""

from deploy.demo.payloads import JOBS
from deploy.demo.planted import KINDS, Planted, Planter, places
from gateway.detect import find_secrets

PAYLOAD = {
    "plain": 1,
    "a/b": [Planted("password"), {"c": Planted("api key", "Bearer {}")}],
}


def test_each_place_gets_a_secret_of_its_own() -> None:
    planter = Planter()
    first, second = planter.plant(PAYLOAD), planter.plant(PAYLOAD)
    assert first["plain"] == 1
    assert first["a/b"][0] == planter.made[0]
    assert first["a/b"][1]["c"] == f"Bearer {planter.made[1]}"
    assert len(set(planter.made)) == 4
    assert first != second


def test_places_are_pointers() -> None:
    assert places(PAYLOAD) == ["/a~1b/0", "/a~1b/1/c"]
    assert places({"a": "nothing"}) == []


def test_a_card_number_is_one_to_the_detector() -> None:
    for _ in range(20):
        assert find_secrets({"invoice": KINDS["card number"]()})


def test_secrets_are_long_enough_not_to_occur_by_chance() -> None:
    assert all(len(make()) >= 16 for make in KINDS.values())


def test_the_jobs_are_of_both_queues_and_several_partners() -> None:
    assert len(JOBS) >= 20
    assert {job.queue for job in JOBS} == {"fast", "slow"}
    assert len({job.sender.name for job in JOBS}) >= 2
    assert {job.ends for job in JOBS} == {"succeeded", "failed"}
