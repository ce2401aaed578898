"""What the campaign's producers submit: jobs of every kind, drawn from a seed."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Final, Literal

Kind = Literal[
    "quick", "secret", "slow", "flaky", "failing", "later", "brief", "held", "cancelled", "invalid"
]

#: How many of a hundred jobs are of each kind.
WEIGHTS: Final[Mapping[Kind, int]] = {
    "quick": 44,
    "secret": 12,
    "slow": 12,
    "flaky": 8,
    "failing": 5,
    "later": 6,
    "brief": 2,
    "held": 6,
    "cancelled": 4,
    "invalid": 1,
}
SMALLEST, LARGEST = 100, 2000
_WORDS: Final = ("order", "parcel", "invoice", "paid", "late", "north", "seven", "green", "river")


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One job to hand in.

    Attributes:
        ref: stands in its arguments too, so that the sink and the ledger's seals name it.
        idempotent: it has an idempotency key, and is handed in again where the outcome is unknown.
        watched: asked for with `?wait` once it is accepted.
        replayed: its request is sent again, byte for byte, once it is accepted.
        body: of the request; may hold a secret.
    """

    ref: str
    kind: Kind
    producer: int
    idempotent: bool
    watched: bool
    replayed: bool
    body: Mapping[str, Any] = field(repr=False)

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.body["task"])


def canary(seed: int) -> str:
    """Give the text with which every secret of a campaign begins: what has to be found nowhere."""
    return f"canary-{Random(f'canary {seed}').getrandbits(96):024x}"


def draw(seed: int, producers: int, weights: Mapping[Kind, int] = WEIGHTS) -> Iterator[PlannedJob]:
    """Draw jobs without end; the same for the same seed."""
    random, secret = Random(f"jobs {seed}"), canary(seed)
    kinds, shares = list(weights), list(weights.values())
    number = 0
    while True:
        number += 1
        (kind,) = random.choices(kinds, shares)
        producer = random.randrange(producers)
        ref = f"p{producer}-{seed}-{number}"
        yield PlannedJob(
            ref=ref,
            kind=kind,
            producer=producer,
            idempotent=random.random() < 0.2,
            watched=random.random() < 0.05,
            replayed=random.random() < 0.03,
            body=_body(random, kind, ref, f"{secret}-{number}"),
        )


def proof(ref: str) -> str:
    """Give what a task returns for a reference, so that nobody else's result passes for its own."""
    return sha256(f"ran for {ref}".encode()).hexdigest()[:16]


def producer_of(ref: str) -> int:
    """Give the number of the producer whose reference it is."""
    return int(ref.partition("-")[0].removeprefix("p"))


def _body(random: Random, kind: Kind, ref: str, secret: str) -> dict[str, Any]:
    args: dict[str, Any] = {"ref": ref, "note": _note(random)}
    body: dict[str, Any] = {"task": f"faults.{_TASKS.get(kind, kind)}", "args": args}
    if kind == "secret":
        args["token"] = secret
    elif kind == "invalid":
        args["token"] = [secret]
    elif kind in ("slow", "held"):
        args["seconds"] = round(random.uniform(0.1, 0.8), 3)
    elif kind == "flaky":
        args["failures"] = random.randint(1, 2)
    elif kind in ("later", "cancelled"):
        body["delay"] = random.randint(1, 8)
    elif kind == "brief":
        body |= {"delay": random.randint(0, 3), "expires": 4}
    if random.random() < 0.2:
        body["priority"] = random.randint(0, 9)
    return body


_TASKS: Final[Mapping[Kind, str]] = {
    "later": "quick",
    "brief": "quick",
    "cancelled": "quick",
    "invalid": "secret",
}


def _note(random: Random) -> str:
    """Give words, of a size between the bounds; small ones are as frequent as large ones are."""
    size = round(math.exp(random.uniform(math.log(SMALLEST), math.log(LARGEST))))
    words = (random.choice(_WORDS) for _ in range(size // 5))
    return " ".join(words)[:size]
