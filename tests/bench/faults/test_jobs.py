"""What the campaign's producers submit."""

import json
from collections import Counter
from itertools import islice

import pytest

from bench.faults import jobs, tasks
from bench.faults.jobs import LARGEST, SMALLEST, WEIGHTS, canary, draw, producer_of, proof
from workers.job import REGISTRY

SOME = list(islice(draw(7, 3), 3000))


def test_a_seed_draws_the_same_jobs() -> None:
    assert list(islice(draw(7, 3), 3000)) == SOME
    assert next(draw(8, 3)) != SOME[0]


def test_every_kind_is_drawn_about_as_often_as_it_is_to_be() -> None:
    counts = Counter(job.kind for job in SOME)
    assert counts.keys() == WEIGHTS.keys()
    assert all(counts[kind] > 30 * weight / 3 for kind, weight in WEIGHTS.items())


def test_references_are_each_ones_own_and_name_the_producer() -> None:
    assert len({job.ref for job in SOME}) == len(SOME)
    assert all(job.body["args"]["ref"] == job.ref for job in SOME)
    assert all(producer_of(job.ref) == job.producer for job in SOME)
    assert {job.producer for job in SOME} == {0, 1, 2}


def test_sizes_are_spread() -> None:
    sizes = [len(job.body["args"]["note"]) for job in SOME]
    assert min(sizes) >= SMALLEST - 5
    assert max(sizes) <= LARGEST
    assert sum(size > 700 for size in sizes) > len(sizes) / 4


def test_every_secret_begins_with_what_is_searched_for() -> None:
    secret = [job for job in SOME if canary(7) in json.dumps(job.body)]
    assert {job.kind for job in secret} == {"secret", "invalid"}
    assert len({json.dumps(job.body["args"]["token"]) for job in secret}) == len(secret)
    assert canary(7) not in repr(SOME)


@pytest.mark.parametrize("kind", [kind for kind in WEIGHTS if kind != "invalid"])
def test_arguments_are_those_of_the_task(kind: str) -> None:
    drawn = next(job for job in SOME if job.kind == kind)
    assert drawn.task in {f"faults.{name}" for name in vars(tasks)}
    definition = REGISTRY[drawn.task]
    names = set(definition.spec.schema["properties"])  # type: ignore[arg-type]
    assert drawn.body["args"].keys() == names


def test_a_proof_is_one_references_own() -> None:
    assert len({proof(job.ref) for job in SOME}) == len(SOME)
    assert jobs.proof("a") == proof("a")
