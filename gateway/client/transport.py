"""HTTPS by urllib3: the certificate always checked, nothing followed, every answer bounded."""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import urllib3
from urllib3 import exceptions

from gateway.client.address import Address
from gateway.client.errors import TransportError
from signing.errors import SettingError

#: More than the largest answer of a gateway: a result of 256 KiB, plain and sealed, is 0.8 MiB.
MAX_ANSWER: Final = 4 * 1_048_576
CONNECT_S: Final = 10.0
CONNECTIONS: Final = 8
_CHUNK: Final = 65_536
_SHORTEST_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """A gateway's answer.

    Attributes:
        media_type: in lower case, without parameters.
        headers: names in any case.
    """

    status: int
    media_type: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Transport:
    """A pool of connections to one gateway; may be used by several threads."""

    def __init__(
        self,
        address: Address,
        *,
        ca: str | os.PathLike[str] | None,
        monotonic: Callable[[], float],
        max_answer: int = MAX_ANSWER,
    ) -> None:
        self._monotonic = monotonic
        self._max_answer = max_answer
        self._pool = urllib3.HTTPSConnectionPool(
            address.host,
            address.port,
            ssl_context=_tls(ca),
            cert_reqs="CERT_REQUIRED",
            maxsize=CONNECTIONS,
            headers={
                "host": address.authority,
                "accept": "application/json, application/problem+json, application/jwk-set+json",
                "accept-encoding": "identity",
                "user-agent": "countersign-client",
            },
        )

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, timeout: float
    ) -> Answer:
        """Send one request once, and read the whole answer.

        Args:
            target: the path with its query.
            timeout: seconds to the end of the answer, measured between its chunks.

        Raises:
            TransportError: where there is no whole answer of acceptable size.
        """
        deadline = self._monotonic() + timeout
        try:
            response = self._pool.urlopen(
                method,
                target,
                body=body or None,
                headers={**self._pool.headers, **headers},
                retries=False,
                redirect=False,
                timeout=_timeout(timeout),
                preload_content=False,
                decode_content=False,
            )
            try:
                return self._answer(response, deadline)
            finally:
                # Closes a connection whose answer was not read to its end, and gives back others.
                response.close()
        except exceptions.HTTPError as error:
            raise _transport_error(error) from error

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _answer(self, response: urllib3.BaseHTTPResponse, deadline: float) -> Answer:
        if 300 <= response.status < 400:
            raise TransportError(
                "the gateway answered with a redirect, which is not followed", code="redirected"
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise TransportError("the answer is encoded, unasked", code="answer_invalid")
        return Answer(
            status=response.status,
            media_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
            headers=response.headers,
            body=self._body(response, deadline),
        )

    def _body(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(_CHUNK):
            size += len(chunk)
            if size > self._max_answer:
                raise TransportError("the answer is larger than allowed", code="answer_too_large")
            if self._monotonic() > deadline:
                raise TransportError("the answer did not end in time", code="timed_out")
            chunks.append(chunk)
        return b"".join(chunks)


def _tls(ca: str | os.PathLike[str] | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError:  # ssl.SSLError is one
        raise SettingError("the file of the CA's certificate cannot be used") from None


def _timeout(seconds: float) -> urllib3.Timeout:
    bounded = max(seconds, _SHORTEST_S)
    return urllib3.Timeout(connect=min(bounded, CONNECT_S), total=bounded)


def _transport_error(error: exceptions.HTTPError) -> TransportError:
    if isinstance(error, exceptions.SSLError):
        if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in error.args):
            return TransportError(
                "the gateway's certificate is not accepted", code="certificate_refused"
            )
        return TransportError("the TLS connection failed", code="unreachable")
    # NewConnectionError is a TimeoutError in urllib3, by its inheritance alone.
    if isinstance(error, exceptions.NewConnectionError):
        return TransportError("the gateway cannot be reached", code="unreachable")
    if isinstance(error, exceptions.TimeoutError):
        return TransportError("the gateway did not answer in time", code="timed_out")
    return TransportError("the connection broke", code="interrupted")
