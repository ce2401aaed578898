"""The demonstration, told in order: eight acts, each followed by the statements about it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from time import monotonic

import redis

from deploy.demo import attack, settle, submit, watch
from deploy.demo.cast import CAST
from deploy.demo.check import Check
from deploy.demo.enrol import Registered, enrol
from deploy.demo.facts import Sent, Settled, Turned
from deploy.demo.messages import Message, read_queues
from deploy.demo.payloads import JOBS
from deploy.demo.planted import Planter, places
from deploy.demo.report import Report
from deploy.demo.search import search
from deploy.demo.stage import Stage
from deploy.demo.statements import entry, outcome, queue, secrecy
from gateway.client.system import clock_ms
from signing.jwk import from_jwks
from signing.keyring import Keyring
from signing.strict_json import parse_object

QUEUED_S = 15.0
SETTLED_S = 30.0
DELETED_S = 15.0

#: Called with Redis and the secrets before the first search: a test makes a statement false so.
Leak = Callable[[redis.Redis, Sequence[str]], None]


def leak_nothing(_broker: redis.Redis, _secrets: Sequence[str]) -> None:
    """Leave everything as it is."""


class Demonstration:
    """Runs on a stage and keeps the checks; an act's facts are what later acts build on."""

    def __init__(self, stage: Stage, report: Report, leak: Leak = leak_nothing) -> None:
        self._stage = stage
        self._report = report
        self._leak = leak
        self._planter = Planter()
        self._cast: Mapping[str, Registered] = {}
        self._sent: list[Sent] = []
        self._turned: list[Turned] = []
        self._messages: list[Message] = []
        self._settled: list[Settled] = []

    def perform(self) -> list[Check]:
        """Run all acts.

        Raises:
            CountersignError: where the stack does not start or stops serving.
        """
        with ExitStack() as closing:
            self._open(closing)  # 1
            self._submit()  # 2
            self._look_into_redis()  # 3
            self._prove_search()  # 4
            self._search("queued", "while the jobs are queued")  # 5
            self._work()  # 6
            self._attack()  # 7
            self._search("after", "after everything")  # 8
        return self._report.checks

    def _open(self, closing: ExitStack) -> None:
        self._report.act("A stack of its own, and its partners; no worker yet")
        self._queues = self._stage.open()
        registered = [enrol(part, self._stage, self._planter) for part in CAST]
        for each in registered:
            closing.callback(each.client.close)
            self._report.check(entry.registered(each.part, each.summary))
        self._cast = {each.part.name: each for each in registered}
        self._stage.start("gateway")
        self._stage.start("dispatcher")

    def _submit(self) -> None:
        self._report.act("Partners submit payments, webhooks and documents; and wrong requests")
        first, request = submit.submit_by_hand(JOBS[0], self._cast, self._planter)
        self._sent = [first]
        for job in JOBS[1:]:
            self._stage.expect_running()
            self._sent.append(submit.submit(job, self._cast, self._planter))
        again = submit.submit_again(self._cast, request)
        self._turned = submit.try_wrong_requests(self._cast, self._planter, request, first.job_id)
        ledger = attack.read_ledger(self._stage.ledger())
        self._report.check(entry.accepted(self._sent))
        self._report.check(entry.two_queues(self._sent))
        self._report.check(entry.submitted_once(first.job_id, again))
        self._report.check(entry.secrets_taken_out(self._sent))
        for turned in self._turned:
            self._report.check(entry.turned_away(turned))
        self._report.check(entry.ledger_holds(self._sent, ledger))
        self._report.check(entry.nothing_ran(ledger))

    def _look_into_redis(self) -> None:
        self._stage.expect_running()
        self._report.act("What lies in Redis, and who may do what there")
        attack.wait_until(lambda: len(self._in_queues()) >= len(self._sent), QUEUED_S)
        self._messages = self._in_queues()
        self._report.show(attack.victim(self._messages, [each.job_id for each in self._sent]))
        check = self._report.check
        check(queue.queues_hold(self._sent, self._messages))
        check(queue.sealed(self._messages, self._keyring(), clock_ms()))
        check(queue.headers_silent(self._messages))
        check(queue.references_instead(self._sent, self._messages))
        worker = self._stage.vault("worker")
        planted = sum(len(places(each.job.args)) for each in self._sent)
        check(queue.worker_reads(planted, watch.readable(worker, self._sent, self._messages)))
        path = watch.secret_path(self._sent[0])
        for role in ("gateway", "dispatcher"):
            answer = watch.try_to_read(self._stage.vault(role), path)
            check(queue.cannot_read_secrets(role, answer))
        for role in ("worker", "gateway"):
            answer = watch.try_to_push(self._stage.broker(role), "fast")
            check(queue.cannot_push(role, answer))

    def _search(self, name: str, when: str) -> None:
        self._report.act(f"The search for secrets, {when}")
        scan = search(self._planter.made, watch.everywhere(self._stage, self._turned))
        self._report.check(secrecy.nowhere(name, when, scan))

    def _prove_search(self) -> None:
        self._report.act("The search is shown to find")
        for form, write in watch.CONTROLS.items():
            found = watch.control(self._stage, write)
            self._report.check(secrecy.finds(form, len(watch.CONTROL_PLACES), found))
        found = watch.control_process(self._stage)
        of_process = "as an argument and in an environment"
        self._report.check(secrecy.finds(of_process, watch.PROCESS_PLACES, found))
        self._leak(self._stage.broker(), self._planter.made)

    def _work(self) -> None:
        self._report.act("The worker begins; results are checked against its seal")
        self._stage.start("worker")
        deadline = monotonic() + SETTLED_S
        for each in self._sent:
            if each.job_id:
                partner = self._cast[each.job.sender.name]
                self._settled.append(settle.await_result(each, partner, deadline - monotonic()))
                self._stage.expect_running()
        check = self._report.check
        check(outcome.ended_as_meant(self._settled))
        check(outcome.results_verify(self._settled))
        check(outcome.forged_results_refused(self._settled))
        check(outcome.tasks_had_secrets(self._settled))
        check(outcome.failure_says_little(self._settled))
        check(outcome.masked(self._settled))
        having = [each for each in self._sent if places(each.job.args)]
        attack.wait_until(lambda: self._in_vault(having) == 0, DELETED_S)
        check(secrecy.deleted(len(having), self._in_vault(having)))

    def _attack(self) -> None:
        self._report.act("Somebody who may write into the broker pushes forged messages")
        stage = self._stage
        before, worker = attack.read_ledger(stage.ledger()), stage.running("worker")
        target = attack.victim(self._messages, [each.job_id for each in self._sent])
        for pushed in attack.push_forgeries(stage.broker(), stage.ledger(), target):
            self._report.check(outcome.quarantined(pushed))
        honest = submit.submit(JOBS[1], self._cast, self._planter)
        settled = settle.await_result(honest, self._cast[honest.job.sender.name], SETTLED_S)
        after = attack.read_ledger(stage.ledger())
        self._report.check(outcome.works_on(settled))
        self._report.check(outcome.nothing_changed(before, after, honest.job_id))
        self._report.check(outcome.worker_lives(worker, stage.running("worker")))

    def _in_queues(self) -> list[Message]:
        return read_queues(self._stage.broker(), self._queues)

    def _in_vault(self, having: Sequence[Sent]) -> int:
        vault = self._stage.vault("worker")
        return sum(watch.try_to_read(vault, watch.secret_path(each)) == "read" for each in having)

    def _keyring(self) -> Keyring:
        answer = self._stage.http.request("GET", f"{self._stage.base}/.well-known/jwks.json")
        return from_jwks(parse_object(answer.data))
