"""One request to the gateway: signed, sent, and tried again while that is safe and in time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.client.address import Address
from gateway.client.errors import ClientError, ProblemError
from gateway.client.problems import document_of
from gateway.client.retries import Backoff, is_passing
from gateway.client.system import System
from gateway.client.transport import Answer, Transport
from signing.http_signer import RequestSigner
from signing.strict_json import JsonObject

NONCE_BYTES = 16

#: Told of a try that failed and of the seconds until the next one.
OnRetry = Callable[[ClientError, float], None]


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask; every call here may be repeated, a submission by its idempotency key.

    Attributes:
        target: path and query, encoded.
        headers: names in lower case; all of them are signed.
        seconds: that one try may take.
        within: that all tries may take.
    """

    method: str
    target: str
    seconds: float
    within: float
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """The document that was answered, and its `Location`."""

    document: JsonObject = field(repr=False)
    location: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """Calls one gateway as one producer."""

    address: Address
    transport: Transport
    signer: RequestSigner = field(repr=False)
    system: System
    on_retry: OnRetry
    backoff: Backoff = field(default_factory=Backoff)

    def call(self, call: Call) -> Reply:
        """Call, and try again what passes by itself until `call.within` is over.

        Raises:
            ProblemError, TransportError: of the last try.
        """
        deadline = self.system.monotonic() + call.within
        tries = 0
        while True:
            tries += 1
            left = deadline - self.system.monotonic()
            try:
                answer = self._send(call, min(call.seconds, left))
                document = document_of(answer, now=self.system.clock())
                return Reply(document, answer.headers.get("location", ""))
            except ClientError as error:
                told = error.retry_after if isinstance(error, ProblemError) else None
                delay = self.backoff.delay(tries, told, self.system.jitter())
                if not is_passing(error) or self.system.monotonic() + delay >= deadline:
                    raise
                self.on_retry(error, delay)
            self.system.sleep(delay)

    def _send(self, call: Call, seconds: float) -> Answer:
        headers = dict(call.headers)
        if call.signed:
            headers = self.signer.sign(
                method=call.method,
                url=self.address.url + call.target,
                headers=headers,
                body=call.body,
                created=self.system.clock() // 1000,
                nonce=self.system.random(NONCE_BYTES).hex(),
            )
        return self.transport.send(call.method, call.target, headers, call.body, timeout=seconds)
