"""Acts: the partners submit their jobs, and wrong requests are tried."""

from collections.abc import Mapping

from deploy.demo.cast import SHOP
from deploy.demo.enrol import Registered
from deploy.demo.facts import Sent, Turned
from deploy.demo.partner import Signed
from deploy.demo.payloads import Job
from deploy.demo.planted import Planter
from deploy.demo.refusals import CASES, Scene
from gateway.client import ProblemError

IDEMPOTENCY_KEY = "order-A-10077"


def submit(job: Job, cast: Mapping[str, Registered], planter: Planter) -> Sent:
    """Submit a job with the project's client, as a partner's code would."""
    args = planter.plant(job.args)
    try:
        accepted = cast[job.sender.name].client.submit(job.task, args)
    except ProblemError as error:
        return Sent(job, args, "", (), f"{error.status} {error.code}")
    return Sent(job, args, accepted.id, accepted.secrets, "202")


def submit_by_hand(
    job: Job, cast: Mapping[str, Registered], planter: Planter
) -> tuple[Sent, Signed]:
    """Submit a job and keep the request, which is going to be sent again."""
    args = planter.plant(job.args)
    partner = cast[job.sender.name].partner
    body = {"task": job.task, "args": args}
    request = partner.signed(body, idempotency_key=IDEMPOTENCY_KEY)
    reply = partner.send(request)
    document = reply.document
    sent = Sent(job, args, document.get("id", ""), tuple(document.get("secrets", ())), reply.told)
    return sent, request


def submit_again(cast: Mapping[str, Registered], request: Signed) -> str:
    """Sign the same body anew under the same idempotency key; give the job's id."""
    partner = cast[SHOP.name].partner
    again = partner.signed(request.body, idempotency_key=IDEMPOTENCY_KEY)
    return str(partner.send(again).document.get("id"))


def try_wrong_requests(
    cast: Mapping[str, Registered], planter: Planter, request: Signed, job_id: str
) -> list[Turned]:
    """Try each wrong request."""
    partners = {name: registered.partner for name, registered in cast.items()}
    scene = Scene(partners, planter, request, job_id)
    return [Turned(case, case.ask(scene)) for case in CASES]
