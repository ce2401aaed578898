"""A producer with the standard library and cryptography alone, signing as RFC 9421 reads.

    python by_hand.py METHOD URL < request.json      sends; prints {"status", "body"}
    python by_hand.py --sign METHOD URL < request.json      prints the header fields instead

request.json: {"ca": file, "key": {"id", "alg", "file"}, "body": text or null}
"""

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def fields_of(method: str, url: str, key: dict[str, str], body: bytes) -> dict[str, str]:
    """The header fields of a signed request."""
    where = urlsplit(url)
    covered = {"@method": method, "@authority": where.netloc.lower(), "@path": where.path}
    if where.query:
        covered["@query"] = f"?{where.query}"
    fields = {}
    if body:
        digest = base64.b64encode(hashlib.sha512(body).digest()).decode("ascii")
        fields = {"content-type": "application/json", "content-digest": f"sha-512=:{digest}:"}
    covered |= fields
    # Section 2.3: the covered components and the parameters, which are themselves signed.
    names = " ".join(f'"{name}"' for name in covered)
    nonce = secrets.token_urlsafe(16)
    parameters = (
        f"({names});created={int(time.time())}"
        f';keyid="{key["id"]}";nonce="{nonce}";tag="countersign"'
    )
    # Section 2.5: one line for each component, the parameters last, no line break at the end.
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")
    signature = base64.b64encode(signature_of(base, key)).decode("ascii")
    return fields | {
        "signature-input": f"partner={parameters}",
        "signature": f"partner=:{signature}:",
    }


def signature_of(base: bytes, key: dict[str, str]) -> bytes:
    """The signature over the base, by the key's algorithm (section 3.3)."""
    material = Path(key["file"]).read_bytes()
    if key["alg"] == "hmac-sha256":
        return hmac.new(material, base, hashlib.sha256).digest()
    private = serialization.load_pem_private_key(material, password=None)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(base)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(base, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if isinstance(private, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64)
        return private.sign(base, scheme, hashes.SHA512())
    raise SystemExit("a key of no algorithm that this client signs with")


def send(method: str, url: str, fields: dict[str, str], body: bytes, ca: str) -> dict[str, Any]:
    """Send the request; give the answer's status and body."""
    where = urlsplit(url)
    context = ssl.create_default_context(cafile=ca)
    connection = http.client.HTTPSConnection(where.netloc, context=context, timeout=60)
    target = where.path + (f"?{where.query}" if where.query else "")
    connection.request(method, target, body or None, fields)
    answer = connection.getresponse()
    told = {"status": answer.status, "body": json.loads(answer.read())}
    connection.close()
    return told


def main() -> None:
    *options, method, url = sys.argv[1:]
    given = json.load(sys.stdin)
    body = (given["body"] or "").encode()
    fields = fields_of(method, url, given["key"], body)
    told = fields if options else send(method, url, fields, body, given["ca"])
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
