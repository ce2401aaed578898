import json
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signing.errors import KeyInvalid
from signing.jwk import ROLE_MEMBER, from_jwks, to_jwks
from signing.keyring import Keyring
from signing.strict_json import JsonObject, canonical, parse_object
from tests.signing.builders import NOW, seal_key

# RFC 8037, appendix A.2.
RFC_8037_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_8037_RAW = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def _jwk(**changes: Any) -> dict[str, Any]:
    members = {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": "g:1",
        "x": RFC_8037_X,
        ROLE_MEMBER: "gateway",
    }
    return {name: value for name, value in (members | changes).items() if value is not ...}


def _set(*keys: Any) -> JsonObject:
    return cast(JsonObject, {"keys": list(keys)})


def _written(keyring: Keyring) -> JsonObject:
    return parse_object(canonical(to_jwks(keyring, now=NOW)))


def test_a_key_is_written_as_rfc_8037_has_it() -> None:
    read = from_jwks(_set(_jwk()))
    assert read.keys[0].public_key.public_bytes_raw().hex() == RFC_8037_RAW
    assert to_jwks(read, now=NOW) == _set(_jwk())


def test_keys_of_both_roles_survive_the_round_trip() -> None:
    keyring = Keyring([seal_key("g:1", 1), seal_key("w:1", 2, role="worker")])
    assert from_jwks(_written(keyring)).keys == keyring.keys


def test_only_keys_that_may_verify_now_are_written() -> None:
    keyring = Keyring(
        [
            seal_key("good", 1, verify_from=NOW, verify_until=NOW + 1),
            seal_key("revoked", 2, revoked=True),
            seal_key("expired", 3, verify_until=NOW),
            seal_key("early", 4, verify_from=NOW + 1),
        ]
    )
    assert [key["kid"] for key in to_jwks(keyring, now=NOW)["keys"]] == ["good"]


def test_nothing_private_is_written() -> None:
    assert not {"d", "k"} & to_jwks(Keyring([seal_key("g:1", 1)]), now=NOW)["keys"][0].keys()


def test_an_empty_set_is_an_empty_keyring() -> None:
    assert from_jwks(_set()).keys == ()
    assert to_jwks(Keyring([]), now=NOW) == {"keys": []}


@pytest.mark.parametrize(
    "other",
    [
        "text",
        None,
        [],
        {},
        {"kty": "RSA", "n": "AQ", "e": "AQAB"},
        _jwk(crv="X25519"),
        _jwk(crv=...),
        _jwk(**{ROLE_MEMBER: ...}),
    ],
    ids=json.dumps,
)
def test_keys_of_other_kinds_are_passed_over(other: Any) -> None:
    assert [key.kid for key in from_jwks(_set(other, _jwk())).keys] == ["g:1"]


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "k"}])
def test_a_document_without_a_list_of_keys_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(KeyInvalid):
        from_jwks(document)


@pytest.mark.parametrize(
    "change",
    [
        {"kid": ...},
        {"kid": 1},
        {"x": ...},
        {"x": None},
        {ROLE_MEMBER: 1},
        {ROLE_MEMBER: ["gateway"]},
        {ROLE_MEMBER: "admin"},
        {ROLE_MEMBER: ""},
        {"x": ""},
        {"x": RFC_8037_X[:-1]},
        {"x": RFC_8037_X + "A"},
        {"x": RFC_8037_X + "="},
        {"x": RFC_8037_X[:-1] + "p"},
        {"x": RFC_8037_X.replace("_", "/")},
        {"x": "!" + RFC_8037_X},
        {"x": RFC_8037_X + "\n"},
        {"x": "\u00e9" + RFC_8037_X[1:]},
        {"x": "a"},
    ],
    ids=str,
)
def test_a_key_of_ours_that_is_not_of_its_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(KeyInvalid) as refused:
        from_jwks(_set(_jwk(**change)))
    assert RFC_8037_X[:20] not in str(refused.value)


def test_a_key_id_named_twice_is_refused() -> None:
    with pytest.raises(KeyInvalid, match="twice"):
        from_jwks(_set(_jwk(), _jwk()))


def test_what_is_read_verifies() -> None:
    key = from_jwks(_written(Keyring([seal_key("g:1", 1)]))).keys[0].public_key
    assert isinstance(key, Ed25519PublicKey)
