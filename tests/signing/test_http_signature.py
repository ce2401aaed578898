from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import SignatureInvalid
from signing.http_fields import HttpRequest
from signing.http_signature import (
    MAX_COMPONENTS,
    check_body,
    read_signature,
    signature_base,
)
from tests.signing import rfc9421
from tests.signing.http_requests import (
    GET,
    KEY,
    NOW_S,
    PARAMETERS,
    REQUIRED,
    URL,
    Message,
    accept,
    as_received,
    library_signer,
    read_refusal,
    refusal,
    signed_request,
    with_fields,
    with_signature_input,
)


class TestRfc9421:
    @pytest.mark.parametrize("name", rfc9421.REQUEST_VECTORS)
    def test_the_signatures_of_its_requests_verify(self, name: str) -> None:
        components, parameters, signature = rfc9421.REQUEST_VECTORS[name]
        base = signature_base(rfc9421.REQUEST, components, parameters)
        key = rfc9421.KEYS[str(parameters["keyid"])]
        assert key.accepts(b64decode(signature), base)
        assert not key.accepts(b64decode(signature), base + b" ")

    @pytest.mark.parametrize("name", rfc9421.GIVEN_BASES)
    def test_the_signatures_over_its_other_bases_verify(self, name: str) -> None:
        base, keyid, signature = rfc9421.GIVEN_BASES[name]
        assert rfc9421.KEYS[keyid].accepts(b64decode(signature), base)
        assert not rfc9421.KEYS[keyid].accepts(b64decode(signature), base + b" ")

    def test_the_base_of_b26_is_built_to_the_letter(self) -> None:
        components, parameters, _ = rfc9421.REQUEST_VECTORS["B.2.6"]
        assert signature_base(rfc9421.REQUEST, components, parameters) == rfc9421.BASE_B26

    def test_no_key_verifies_anothers_signature(self) -> None:
        for components, parameters, signature in rfc9421.REQUEST_VECTORS.values():
            base = signature_base(rfc9421.REQUEST, components, parameters)
            for kid, key in rfc9421.KEYS.items():
                assert key.accepts(b64decode(signature), base) == (kid == parameters["keyid"])

    @pytest.mark.parametrize(
        ("component", "value"),
        [
            ("@method", "POST"),
            ("@authority", "www.example.com"),
            ("@scheme", "https"),
            ("@target-uri", "https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman"),
            ("@request-target", "/path?param=value&foo=bar&baz=bat%2Dman"),
            ("@path", "/path"),
            ("@query", "?param=value&foo=bar&baz=bat%2Dman"),
        ],
    )
    def test_the_derived_components_of_section_2_2(self, component: str, value: str) -> None:
        url = "https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman"
        base = signature_base(as_received("POST", url, {}, b""), [component], {})
        assert base.decode() == f'"{component}": {value}\n"@signature-params": ("{component}")'

    def test_without_a_query_the_component_is_a_question_mark(self) -> None:
        target = b'"@target-uri": https://gateway.example/v1/jobs\n'
        assert signature_base(GET, ["@query"], {}).startswith(b'"@query": ?\n')
        assert signature_base(GET, ["@target-uri"], {}).startswith(target)


PATHS = st.from_regex(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2}){0,8}){1,3}", fullmatch=True)
QUERIES = st.from_regex(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2}){0,12}", fullmatch=True)
VALUES = st.from_regex(r"([!-~]([\t -~]{0,10}[!-~])?)?", fullmatch=True)
STRINGS = st.from_regex(r"[ -~]{1,20}", fullmatch=True)
DERIVED = ["@method", "@authority", "@scheme", "@path", "@query", "@target-uri", "@request-target"]


class TestLibrary:
    @given(
        method=st.sampled_from(["GET", "POST", "DELETE"]),
        path=PATHS,
        query=QUERIES,
        values=st.lists(VALUES, min_size=2, max_size=2),
        order=st.permutations([*DERIVED, "content-type", "x-other"]),
        length=st.integers(0, 9),
        keyid=STRINGS,
        nonce=STRINGS,
    )
    def test_builds_the_same_base(  # hypothesis hands each part over by name
        self,
        method: str,
        path: str,
        query: str,
        values: list[str],
        order: list[str],
        length: int,
        keyid: str,
        nonce: str,
    ) -> None:
        headers = {"Content-Type": values[0], "X-Other": values[1]}
        url = f"https://gateway.example:8443{path}" + (f"?{query}" if query else "")
        prepared = library_signer().prepare(
            Message(method, url, headers),
            key_id=keyid,
            created=datetime.fromtimestamp(NOW_S, UTC),
            nonce=nonce,
            tag="countersign",
            include_alg=False,
            covered_component_ids=order[:length],
        )
        parameters: dict[str, object] = {
            "created": NOW_S,
            "keyid": keyid,
            "nonce": nonce,
            "tag": "countersign",
        }
        request = HttpRequest(
            method,
            "gateway.example:8443",
            path,
            query,
            as_received("", "", headers, b"").fields,
            b"",
        )
        assert signature_base(request, order[:length], parameters) == prepared.signature_base

    @given(path=PATHS, query=QUERIES, nonce=STRINGS)
    def test_signs_what_is_accepted_here(self, path: str, query: str, nonce: str) -> None:
        url = f"https://gateway.example{path}" + (f"?{query}" if query else "")
        message = Message("GET", url)
        library_signer().sign(
            message,
            key_id="shop-1",
            created=datetime.fromtimestamp(NOW_S, UTC),
            nonce=nonce,
            tag="countersign",
            covered_component_ids=("@method", "@target-uri"),
        )
        request = HttpRequest(
            "GET",
            "gateway.example",
            path,
            query,
            as_received("", "", message.headers, b"").fields,
            b"",
        )
        presented = read_signature(request, now=NOW_S)
        presented.check_key(KEY)
        assert (presented.nonce, presented.algorithm) == (nonce, "ed25519")


class TestAccepted:
    def test_a_request_as_the_contract_has_it(self) -> None:
        presented = read_signature(signed_request(), now=NOW_S)
        presented.check_key(KEY)
        assert (presented.keyid, presented.nonce, presented.created) == ("shop-1", "n-1", NOW_S)
        assert presented.algorithm is None

    def test_representations_show_neither_base_nor_signature(self) -> None:
        shown = repr(read_signature(signed_request(), now=NOW_S))
        assert "base=" not in shown
        assert "signature=" not in shown

    @pytest.mark.parametrize(
        ("sent", "now"),
        [(NOW_S, NOW_S + 300), (NOW_S, NOW_S - 30), (NOW_S, NOW_S + 1), (NOW_S - 1, NOW_S)],
    )
    def test_inside_of_the_window(self, sent: int, now: int) -> None:
        accept(signed_request(created=sent), now=now)

    @pytest.mark.parametrize(
        ("created", "now"), [(NOW_S, NOW_S + 301), (NOW_S, NOW_S - 31), (0, NOW_S)]
    )
    def test_outside_of_the_window(self, created: int, now: int) -> None:
        assert refusal(signed_request(created=created), now=now) == "signature_expired"

    @pytest.mark.parametrize(
        ("expires", "code"),
        [
            (NOW_S + 1, None),
            (NOW_S, "signature_expired"),
            (NOW_S - 1, "signature_expired"),
            (0, "signature_expired"),
        ],
    )
    def test_expires_is_honoured(self, expires: int, code: str | None) -> None:
        request = with_signature_input(GET, f"{REQUIRED}{PARAMETERS};expires={expires}")
        if code is None:
            assert read_signature(request, now=NOW_S).created == NOW_S
        else:
            assert read_refusal(request) == code

    def test_expires_cannot_make_the_window_longer(self) -> None:
        member = f"{REQUIRED}{PARAMETERS};expires={NOW_S + 9_999}"
        with pytest.raises(SignatureInvalid) as refused:
            read_signature(with_signature_input(GET, member), now=NOW_S + 301)
        assert refused.value.code == "signature_expired"


# What the request has, what is covered beside `@method`, whether that is enough.
COVERAGE: dict[str, tuple[HttpRequest, str, bool]] = {
    "authority and path": (GET, "@authority @path", True),
    "target stands for both": (GET, "@target-uri", True),
    "more than needed": (GET, "@authority @path @query @scheme @request-target", True),
    "nothing else": (GET, "", False),
    "no path": (GET, "@authority", False),
    "no authority": (GET, "@path", False),
    "the request target is no target": (GET, "@request-target", False),
    "a query not covered": (replace(GET, query="a=b"), "@authority @path", False),
    "a query covered": (replace(GET, query="a=b"), "@authority @path @query", True),
    "a query in the target": (replace(GET, query="a=b"), "@target-uri", True),
    "a body not covered": (replace(GET, body=b"x"), "@target-uri", False),
    "a body that has no digest": (
        with_fields(replace(GET, body=b"x"), content_type="a/b"),
        "@target-uri content-type content-digest",
        False,
    ),
    "a body without its type": (
        with_fields(replace(GET, body=b"x"), content_type="a/b", content_digest="d"),
        "@target-uri content-digest",
        False,
    ),
    "a body without its digest": (
        with_fields(replace(GET, body=b"x"), content_type="a/b", content_digest="d"),
        "@target-uri content-type",
        False,
    ),
    "a body covered": (
        with_fields(replace(GET, body=b"x"), content_type="a/b", content_digest="d"),
        "@target-uri content-type content-digest",
        True,
    ),
    "a digest of nothing not covered": (with_fields(GET, content_digest="d"), "@target-uri", False),
    "a digest of nothing covered": (
        with_fields(GET, content_digest="d"),
        "@target-uri content-digest",
        True,
    ),
    "an idempotency key not covered": (
        with_fields(GET, idempotency_key="hunter2"),
        "@target-uri",
        False,
    ),
    "an idempotency key covered": (
        with_fields(GET, idempotency_key="k"),
        "@target-uri idempotency-key",
        True,
    ),
    "a field that is not there": (GET, "@target-uri x-other", False),
    "a component that nobody knows": (GET, "@target-uri @hunter2", False),
    "a component of responses": (GET, "@target-uri @status", False),
    "the parameters themselves": (GET, "@target-uri @signature-params", False),
}


class TestCoverage:
    @pytest.mark.parametrize(
        ("request_", "covered", "enough"), COVERAGE.values(), ids=COVERAGE.keys()
    )
    def test_is_what_the_contract_requires(
        self, request_: HttpRequest, covered: str, *, enough: bool
    ) -> None:
        names = " ".join(f'"{name}"' for name in ("@method", *covered.split()))
        presented = with_signature_input(request_, f"({names}){PARAMETERS}")
        if enough:
            assert read_signature(presented, now=NOW_S).covered == {"@method", *covered.split()}
        else:
            assert read_refusal(presented) == "signature_coverage"

    def test_without_the_method_nothing_is_enough(self) -> None:
        presented = with_signature_input(GET, f'("@target-uri" "@authority" "@path"){PARAMETERS}')
        assert read_refusal(presented) == "signature_coverage"

    def test_the_number_of_components_is_bounded(self) -> None:
        fields = {f"x_{number}": "v" for number in range(MAX_COMPONENTS - 2)}
        names = " ".join(f'"{name.replace("_", "-")}"' for name in fields)
        request = with_fields(GET, **fields, one_more="v")
        most = f'("@method" "@target-uri" {names}){PARAMETERS}'
        assert (
            len(read_signature(with_signature_input(request, most), now=NOW_S).covered)
            == MAX_COMPONENTS
        )
        more = f'("@method" "@target-uri" {names} "one-more"){PARAMETERS}'
        assert read_refusal(with_signature_input(request, more)) == "signature_coverage"

    @pytest.mark.parametrize(
        "component",
        [
            '"@query-param";name="a"',
            '"x-a";sf',
            '"x-a";key="k"',
            '"x-a";bs',
            '"x-a";tr',
            '"@method";req',
        ],
    )
    def test_components_with_parameters_are_not_supported(self, component: str) -> None:
        request = with_fields(replace(GET, query="a=b"), x_a="k=1")
        presented = with_signature_input(
            request, f'("@method" "@target-uri" {component}){PARAMETERS}'
        )
        assert read_refusal(presented) == "signature_coverage"


def test_a_request_without_a_digest_has_no_body_to_check() -> None:
    check_body(signed_request(method="GET", url=URL, headers={}, body=b""))


def test_parameters_are_signed_in_the_order_sent() -> None:
    swapped: dict[str, Any] = {"nonce": "n", "created": 1}
    assert signature_base(GET, [], swapped) == b'"@signature-params": ();nonce="n";created=1'
    assert signature_base(GET, [], {"nonce": 'a"\\'}) == b'"@signature-params": ();nonce="a\\"\\\\"'
