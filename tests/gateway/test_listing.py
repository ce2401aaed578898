"""The list of a producer's jobs: every job once, in order, in pages of bounded work."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refused
from gateway.listing import MAX_SCANNED, Label, Page, Wanted, page_view, read_page, read_wanted
from signing.ids import uuid7
from signing.ledger.record import Record
from signing.ledger.states import STATES, State
from tests.gateway.test_status import RECORD
from tests.signing.builders import JOB_ID

TASKS = ("demo.echo", "demo.noop")


@dataclass
class Index:
    """One producer's jobs in memory, and how much was asked of them."""

    jobs: dict[str, Record | None] = field(default_factory=dict)
    looked_at: int = 0
    read: int = 0
    trips: int = 0

    def add(self, number: int, state: State = "queued", task: str = TASKS[0]) -> str:
        job_id = uuid7(number, bytes(10))
        self.jobs[job_id] = replace(RECORD, job_id=job_id, state=state, task=task)
        return job_id

    async def ids(self, producer: str, after: str | None, most: int) -> Sequence[str]:
        newest_first = sorted(self.jobs, reverse=True)
        return [each for each in newest_first if after is None or each < after][:most]

    async def labels(self, ids: Sequence[str]) -> Sequence[Label | None]:
        self.looked_at += len(ids)
        self.trips += 1
        return [
            None if job is None else Label(job.state, job.task) for job in map(self.jobs.get, ids)
        ]

    async def records(self, ids: Sequence[str]) -> Sequence[Record | None]:
        self.read += len(ids)
        self.trips += 1
        return [self.jobs[job_id] for job_id in ids]


def page(index: Index, wanted: Wanted) -> Page:
    return asyncio.run(read_page(index, RECORD.producer, wanted))


@given(
    jobs=st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(TASKS)), max_size=40),
    gone=st.sets(st.integers(0, 39)),
    added=st.lists(st.integers(0, 5), max_size=10),
    status=st.none() | st.sampled_from(STATES),
    task=st.none() | st.sampled_from(TASKS),
    limit=st.integers(1, 12),
)
def test_every_job_is_listed_once_in_order_while_others_are_added(
    jobs: list[tuple[State, str]],
    gone: set[int],
    added: list[int],
    status: State | None,
    task: str | None,
    limit: int,
) -> None:
    index = Index()
    ids = [index.add(number, *job) for number, job in enumerate(jobs)]
    for number in gone & set(range(len(ids))):
        index.jobs[ids[number]] = None
    wanted = Wanted(status, task, limit)
    expected = [
        job_id
        for job_id in sorted(index.jobs, reverse=True)
        if (record := index.jobs[job_id]) is not None and wanted.fits(record)
    ]
    seen: list[str] = []
    clock = 1_000
    while True:
        found = page(index, wanted)
        assert len(found.records) <= limit
        seen += [record.job_id for record in found.records]
        if found.after is None:
            break
        wanted = replace(wanted, after=found.after)
        for _ in range(added.pop() if added else 0):
            clock += 1
            index.add(clock)
    assert seen == expected


def test_a_page_without_filters_is_one_read_of_no_more_than_it_gives() -> None:
    index = Index()
    for number in range(50):
        index.add(number)
    assert len(page(index, Wanted(limit=20)).records) == 20
    assert (index.looked_at, index.read, index.trips) == (0, 20, 1)


def test_a_filter_that_fits_nothing_looks_at_a_bounded_number_and_gives_a_cursor() -> None:
    index = Index()
    ids = [index.add(number) for number in range(MAX_SCANNED + 5)]
    found = page(index, Wanted(status="held"))
    assert found == Page((), after=ids[5])
    assert (index.looked_at, index.read) == (MAX_SCANNED, 0)
    assert page(index, Wanted(status="held", after=found.after)) == Page((), None)


def test_so_does_an_index_whose_records_are_all_gone() -> None:
    index = Index()
    for number in range(MAX_SCANNED + 5):
        index.jobs[index.add(number)] = None
    assert page(index, Wanted(limit=1)).after is not None
    assert index.looked_at + index.read <= MAX_SCANNED
    assert index.trips <= 8


def test_a_job_that_changes_while_a_page_is_read_is_not_shown_as_what_it_was() -> None:
    index = Index()
    ids = [index.add(number, "held") for number in range(30)]

    class Changing(Index):
        async def records(self, ids: Sequence[str]) -> Sequence[Record | None]:
            for job_id in ids[::2] if self.read == 0 else ():
                self.jobs[job_id] = replace(RECORD, job_id=job_id, state="failed")
            return await super().records(ids)

    found = page(Changing(index.jobs), Wanted(status="held", limit=5))
    assert {record.state for record in found.records} == {"held"}
    newest_first = sorted(ids, reverse=True)
    shown = [newest_first[number] for number in (1, 3, 5, 6, 7)]
    assert [record.job_id for record in found.records] == shown


def test_no_more_records_are_read_than_a_page_shows() -> None:
    index = Index()
    for number in range(900):
        index.add(number, "held" if number % 2 else "failed")
    assert len(page(index, Wanted(status="held", limit=10)).records) == 10
    assert index.read == 10


def test_the_last_full_page_says_that_it_is_the_last() -> None:
    index = Index()
    for number in range(4):
        index.add(number)
    first = page(index, Wanted(limit=2))
    assert first.after is not None
    assert page(index, Wanted(limit=2, after=first.after)).after is None


def test_a_record_of_another_producers_is_left_out() -> None:
    index = Index()
    job_id = index.add(1)
    index.jobs[job_id] = replace(RECORD, job_id=job_id, producer="another")
    assert page(index, Wanted()) == Page((), None)


def test_a_list_shows_a_job_in_short() -> None:
    record = replace(RECORD, state="held", error="worker_lost", attempt=1)
    body = page_view(Page((record,), JOB_ID))
    assert body["next"] == JOB_ID
    jobs = body["jobs"]
    assert isinstance(jobs, list)
    assert isinstance(jobs[0], dict)
    assert (jobs[0]["status"], jobs[0]["error"]) == ("held", {"code": "worker_lost"})
    assert not jobs[0].keys() & {"result", "sealed_result", "producer"}


def test_what_is_asked_for_is_read_from_the_query() -> None:
    assert read_wanted("") == Wanted(None, None, 20, None)
    query = f"status=held&task=demo%2Eecho&limit=100&cursor={JOB_ID}"
    assert read_wanted(query) == Wanted("held", "demo.echo", 100, JOB_ID)


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "status=",
        "status=held&status=held",
        "state=held",
        "wait=5",
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=%C2%B2",
        "limit=" + "9" * 5_000,
        "cursor=",
        "cursor=x",
        f"cursor={JOB_ID.upper()}",
        f"cursor={JOB_ID}%20",
        "task=",
        f"task={'x' * 256}",
        "task=%FF",
        "held",
        "&",
        "task=a&&limit=1",
        "&".join(["task=a"] * 100),
    ],
)
def test_a_query_of_another_form_is_refused(query: str) -> None:
    with pytest.raises(Refused) as refused:
        read_wanted(query)
    assert refused.value.code == "malformed_request"
