"""RFC 9421 request signatures: what a producer presents, and whether its key made it.

Structured fields and algorithms are the library's; the signature base (RFC 9421, section 2.5) is
built here, from raw bytes and the configured authority, and tested against the library's.
"""

from dataclasses import dataclass, field
from typing import Final

from signing.algorithms import RequestKey
from signing.errors import SignatureInvalid
from signing.http_fields import HttpRequest, check_content_digest
from signing.structured_fields import structured_dictionary

TAG: Final = "countersign"
MAX_AGE_S: Final = 300
MAX_AHEAD_S: Final = 30
MAX_COMPONENTS: Final = 32
MAX_PARAMETER: Final = 256

_INTEGERS: Final = frozenset({"created", "expires"})
_STRINGS: Final = frozenset({"alg", "keyid", "nonce", "tag"})


@dataclass(frozen=True, slots=True)
class PresentedSignature:
    """The one signature tagged for this gateway, read but not yet checked against a key.

    Attributes:
        created: seconds since the epoch.
        base: the signature base, as the signer has to have built it.
    """

    keyid: str
    nonce: str
    created: int
    algorithm: str | None
    covered: frozenset[str]
    base: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def check_key(self, key: RequestKey) -> None:
        """Check the signature under the registered key.

        Raises:
            SignatureInvalid: code `signature_invalid`.
        """
        if self.algorithm is not None and self.algorithm != key.algorithm:
            raise SignatureInvalid("the signature names another algorithm than its key's")
        if not key.accepts(self.signature, self.base):
            raise SignatureInvalid("the signature does not verify")


def read_signature(request: HttpRequest, *, now: int) -> PresentedSignature:
    """Read the signature with the tag `countersign` and hold it to the contract.

    Args:
        request: as received.
        now: seconds since the epoch.

    Raises:
        SignatureInvalid: codes `signature_missing`, `signature_expired`, `signature_coverage`,
            `signature_invalid`, `malformed_request`.
    """
    components, parameters, signature = _select(request)
    _check_parameters(parameters)
    created = _integer(parameters, "created")
    keyid, nonce = _string(parameters, "keyid"), _string(parameters, "nonce")
    _check_window(created, parameters.get("expires"), now)
    covered = frozenset(components)
    if len(covered) != len(components):
        raise SignatureInvalid("the signature covers a component twice")
    _check_coverage(request, covered)
    algorithm = parameters.get("alg")
    return PresentedSignature(
        keyid=keyid,
        nonce=nonce,
        created=created,
        algorithm=None if algorithm is None else str(algorithm),
        covered=covered,
        base=signature_base(request, components, parameters),
        signature=signature,
    )


def check_body(request: HttpRequest) -> None:
    """Check the covered `Content-Digest` against the body, where there is one.

    Raises:
        SignatureInvalid: code `digest_mismatch`.
    """
    if "content-digest" in request.fields:
        check_content_digest(request.fields["content-digest"], request.body)


def signature_base(
    request: HttpRequest, components: list[str], parameters: dict[str, object]
) -> bytes:
    """Build the signature base (RFC 9421, section 2.5).

    Raises:
        SignatureInvalid: code `signature_coverage` for a component the request does not have,
            `malformed_request` for one that is not printable ASCII.
    """
    lines = [f'"{name}": {_component(request, name)}' for name in components]
    lines.append(f'"@signature-params": {_serialize(components, parameters)}')
    return "\n".join(lines).encode("ascii")


def _select(request: HttpRequest) -> tuple[list[str], dict[str, object], bytes]:
    if "signature" not in request.fields or "signature-input" not in request.fields:
        raise SignatureInvalid("the request is not signed", code="signature_missing")
    inputs = structured_dictionary(request.fields["signature-input"], "signature-input")
    signatures = structured_dictionary(request.fields["signature"], "signature")
    tagged = [label for label, (_, params) in inputs.items() if params.get("tag") == TAG]
    if not tagged:
        raise SignatureInvalid(f'no signature has tag="{TAG}"', code="signature_missing")
    if len(tagged) > 1:
        raise SignatureInvalid(f'more than one signature has tag="{TAG}"')
    label = tagged[0]
    items, parameters = inputs[label]
    signature = signatures.get(label, (None, {}))[0]
    if not isinstance(items, list) or not isinstance(signature, bytes):
        raise SignatureInvalid(
            "Signature or Signature-Input is not of its form", code="malformed_request"
        )
    components = [_component_name(item) for item in items[: MAX_COMPONENTS + 1]]
    return components, parameters, signature


def _component_name(item: tuple[object, dict[str, object]]) -> str:
    name, parameters = item
    if type(name) is not str or name != name.lower():
        raise SignatureInvalid("a component name is not a lower-case string")
    if parameters:
        raise SignatureInvalid(
            "components with parameters are not supported here", code="signature_coverage"
        )
    return name


def _check_parameters(parameters: dict[str, object]) -> None:
    for name, value in parameters.items():
        if name in _INTEGERS:
            fits = type(value) is int
        elif name in _STRINGS:
            fits = type(value) is str and 0 < len(value) <= MAX_PARAMETER
        else:
            fits = False
        if not fits:
            raise SignatureInvalid("a signature parameter is unknown or of another type")


def _integer(parameters: dict[str, object], name: str) -> int:
    value = parameters.get(name)
    if not isinstance(value, int):
        raise SignatureInvalid(f"the signature has no parameter {name}")
    return value


def _string(parameters: dict[str, object], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str):
        raise SignatureInvalid(f"the signature has no parameter {name}")
    return value


def _check_window(created: int, expires: object, now: int) -> None:
    if created > now + MAX_AHEAD_S:
        raise SignatureInvalid("the signature was created in the future", code="signature_expired")
    if created < now - MAX_AGE_S:
        raise SignatureInvalid("the signature is too old", code="signature_expired")
    if isinstance(expires, int) and expires <= now:
        raise SignatureInvalid("the signature has expired", code="signature_expired")


def _check_coverage(request: HttpRequest, covered: frozenset[str]) -> None:
    required = {"@method"}
    if "@target-uri" not in covered:
        required |= {"@authority", "@path"}
        if request.query:
            required.add("@query")
    if request.body:
        required |= {"content-type", "content-digest"}
    if "idempotency-key" in request.fields:
        required.add("idempotency-key")
    if "content-digest" in request.fields:
        required.add("content-digest")
    missing = sorted(required - covered)
    if missing or len(covered) > MAX_COMPONENTS:
        raise SignatureInvalid(
            f"the signature has to cover {', '.join(missing) or 'fewer components'}",
            code="signature_coverage",
        )


def _component(request: HttpRequest, name: str) -> str:
    if name.startswith("@"):
        derived = {
            "@method": request.method,
            "@authority": request.authority,
            "@scheme": request.scheme,
            "@path": request.path,
            "@query": f"?{request.query}",
            "@target-uri": f"{request.scheme}://{request.authority}{_target(request)}",
            "@request-target": _target(request),
        }
        value = derived.get(name)
    else:
        value = request.fields.get(name)
    if value is None:
        raise SignatureInvalid(
            "the signature covers a component that the request does not have",
            code="signature_coverage",
        )
    # RFC 9421, section 2.5: a line break in a value would make two lines of the base out of one.
    if not (value.isascii() and value.replace("\t", " ").isprintable()):
        raise SignatureInvalid("a component holds a control character", code="malformed_request")
    return value


def _target(request: HttpRequest) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path


def _serialize(components: list[str], parameters: dict[str, object]) -> str:
    """Write the inner list (RFC 9651, section 4.1.1.1) of strings, with its parameters."""
    items = " ".join(_quoted(name) for name in components)
    suffix = "".join(
        f";{name}={value if isinstance(value, int) else _quoted(str(value))}"
        for name, value in parameters.items()
    )
    return f"({items}){suffix}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
