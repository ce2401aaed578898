"""Requests that the gateway has to refuse, each with the reason that it has to give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.demo.cast import EVENTS, PAPERS, SHOP, TRIAL, stored_reference
from deploy.demo.enrol import new_key
from deploy.demo.partner import Partner, Reply, Signed
from deploy.demo.planted import Planted, Planter
from signing.http_signer import RequestSigner

MAX_BODY: Final = 262_144
TOO_OLD_S: Final = 600


@dataclass(frozen=True, slots=True)
class Scene:
    """What a wrong request is made with.

    Attributes:
        sent: a request of the shop's that was accepted, and
        job_id: the job that it became.
    """

    partners: Mapping[str, Partner]
    planter: Planter
    sent: Signed
    job_id: str

    @property
    def shop(self) -> Partner:
        """The partner that most of them are signed as."""
        return self.partners[SHOP.name]

    def capture(self, **args: Any) -> dict[str, Any]:
        """A payment as it should be, but for the arguments given."""
        usual = {"invoice": "INV-9", "amount": 1_200, "currency": "CHF"}
        named = {**usual, "card_token": Planted("card token"), **args}
        return {"task": "payments.capture", "args": self.planter.plant(named)}

    def refund(self, invoice: Any) -> dict[str, Any]:
        """A refund; its task takes no secret anywhere else."""
        args = {"invoice": invoice, "amount": 5, "card_token": Planted("card token")}
        return {"task": "payments.refund", "args": self.planter.plant(args)}


def _unsigned(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.capture()).without_signature())


def _changed_body(scene: Scene) -> Reply:
    request = scene.shop.signed(scene.capture())
    return scene.shop.send(request.with_body(request.body.replace(b"1200", b"9200")))


def _changed_field(scene: Scene) -> Reply:
    request = scene.shop.signed(scene.capture())
    return scene.shop.send(
        request.with_fields(**{"content-type": "application/json;charset=utf-8"})
    )


def _strangers_key(scene: Scene) -> Reply:
    stranger = RequestSigner(SHOP.key_id, SHOP.algorithm, new_key(SHOP.algorithm))
    return scene.shop.send(scene.shop.signed(scene.capture(), signer=stranger))


def _unknown_key(scene: Scene) -> Reply:
    unknown = RequestSigner("nobody-1", SHOP.algorithm, new_key(SHOP.algorithm))
    return scene.shop.send(scene.shop.signed(scene.capture(), signer=unknown))


def _revoked_key(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.capture(), signer=scene.shop.old_signer))


def _too_old(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.capture(), age=TOO_OLD_S))


def _body_not_covered(scene: Scene) -> Reply:
    request = scene.shop.signed(scene.capture())
    bare = scene.shop.signed(b"")
    return scene.shop.send(
        bare.with_body(request.body).with_fields(**{"content-type": "text/json"})
    )


def _replayed(scene: Scene) -> Reply:
    return scene.shop.send(scene.sent)


def _other_body_under_a_key(scene: Scene) -> Reply:
    key = scene.sent.fields["idempotency-key"]
    return scene.shop.send(scene.shop.signed(scene.capture(), idempotency_key=key))


def _not_granted(scene: Scene) -> Reply:
    papers = scene.partners[PAPERS.name]
    return papers.send(papers.signed(scene.capture()))


def _no_such_task(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed({"task": "os.system", "args": {}}))


def _others_reference(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.capture(card_token=stored_reference(EVENTS))))


def _wrong_amount(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.capture(amount=-1_200)))


def _card_number(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.refund(Planted("card number"))))


def _two_meanings(scene: Scene) -> Reply:
    body = b'{"task": "payments.capture", "task": "payments.refund", "args": {}}'
    return scene.shop.send(scene.shop.signed(body))


def _pickle(scene: Scene) -> Reply:
    request = scene.shop.signed(b"\x80\x04N.", content_type="application/x-python-serialize")
    return scene.shop.send(request)


def _too_large(scene: Scene) -> Reply:
    return scene.shop.send(scene.shop.signed(scene.capture(invoice="A" * MAX_BODY)))


def _over_the_rate(scene: Scene) -> Reply:
    trial = scene.partners[TRIAL.name]
    return trial.send(trial.signed(scene.refund("INV-1")))


def _others_job(scene: Scene) -> Reply:
    return scene.partners[PAPERS.name].look(scene.job_id)


@dataclass(frozen=True, slots=True)
class Case:
    """A wrong request, in a few words, and the answer it has to get."""

    name: str
    what: str
    answer: str
    ask: Callable[[Scene], Reply]


CASES: Final = (
    Case("unsigned", "a request without a signature", "401 signature_missing", _unsigned),
    Case("changed-body", "an amount changed on the way", "401 digest_mismatch", _changed_body),
    Case("changed-field", "a header changed on the way", "401 signature_invalid", _changed_field),
    Case("bad-signature", "a signature by another's key", "401 signature_invalid", _strangers_key),
    Case("unknown-key", "a key that nobody registered", "401 key_unknown", _unknown_key),
    Case("revoked-key", "a key that was revoked", "401 key_revoked", _revoked_key),
    Case("too-old", "a request signed ten minutes ago", "401 signature_expired", _too_old),
    Case("not-covered", "a body not signed for", "401 signature_coverage", _body_not_covered),
    Case("replayed", "a request sent a second time", "409 replayed", _replayed),
    Case(
        "idempotency",
        "another body under a used idempotency key",
        "409 idempotency_mismatch",
        _other_body_under_a_key,
    ),
    Case("not-granted", "a task that was not granted", "403 task_not_granted", _not_granted),
    Case("no-such-task", "a task that is not in the catalog", "404 task_unknown", _no_such_task),
    Case(
        "others-secret",
        "a reference to another producer's secret",
        "403 reference_not_granted",
        _others_reference,
    ),
    Case("schema", "an amount below zero", "422 schema_invalid", _wrong_amount),
    Case("secret", "a card number as an invoice's number", "422 secret_refused", _card_number),
    Case("two-meanings", "JSON that names a member twice", "400 malformed_json", _two_meanings),
    Case("pickle", "a pickle", "415 unsupported_media_type", _pickle),
    Case("too-large", "a body above 256 KiB", "413 too_large", _too_large),
    Case("rate", "a second job of a producer allowed one", "429 rate_limited", _over_the_rate),
    Case("others-job", "a question for another producer's job", "404 job_not_found", _others_job),
)
