"""Facts for statements to judge."""

import base64
import json
from typing import Any

from deploy.demo.cast import SHOP
from deploy.demo.facts import Scan, Sent
from deploy.demo.messages import Message
from deploy.demo.payloads import Job
from deploy.demo.planted import Planted

SECRET = Planted("card token")


def sent(job_id: str = "job-1", *, told: str = "202", secrets: tuple[str, ...] = ()) -> Sent:
    job = Job(SHOP, "payments.capture", "fast", {"invoice": "A", "card_token": SECRET})
    return Sent(job, {"invoice": "A", "card_token": "tok_1"}, job_id, secrets, told)


def message(job_id: str = "job-1", queue: str = "fast", **args: Any) -> Message:
    payload = base64.b64encode(json.dumps({"id": job_id, "queue": queue, "args": args}).encode())
    envelope = {
        "payload": payload.decode(),
        "payloadType": "application/vnd.countersign.job+json",
        "signatures": [{"keyid": "countersign-job:1", "sig": "AA=="}],
    }
    document = {
        "body": json.dumps(envelope),
        "content-type": "application/vnd.countersign.dsse+json",
        "headers": {"task": "payments.capture", "argsrepr": "", "kwargsrepr": "", "origin": ""},
        "properties": {"delivery_tag": "x"},
    }
    return Message(queue, queue, json.dumps(document).encode())


def scan(*hits: str, places: int = 5, secrets: int = 2) -> Scan:
    return Scan(places, 100 * places, secrets, hits)
