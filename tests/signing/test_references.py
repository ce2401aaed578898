import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import ReferenceInvalid
from signing.references import KEY, SecretReference, job_secret_path, parse_reference

SEGMENTS = st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True).filter(
    lambda segment: segment.strip(".") != ""
)
REFERENCES = st.builds(
    SecretReference,
    mount=SEGMENTS,
    path=st.lists(SEGMENTS, min_size=1, max_size=8).map("/".join),
    field=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    version=st.integers(1, 999_999_999),
)


def test_the_contracts_form_is_read() -> None:
    reference = parse_reference("vault:countersign-secrets/jobs/fast/pay.capture/01-a#card@3")
    assert reference == SecretReference(
        mount="countersign-secrets", path="jobs/fast/pay.capture/01-a", field="card", version=3
    )


@given(REFERENCES)
def test_what_is_written_is_read_back(reference: SecretReference) -> None:
    assert parse_reference(str(reference)) == reference


@given(REFERENCES)
def test_the_object_in_the_arguments_holds_the_reference_alone(reference: SecretReference) -> None:
    assert reference.as_json() == {KEY: str(reference)}


@given(st.text(max_size=60) | st.from_regex(r"vault:[./a-z#@%0-9]{1,40}", fullmatch=True))
def test_whatever_is_read_is_written_as_it_was_and_names_no_parent(text: str) -> None:
    try:
        reference = parse_reference(text)
    except ReferenceInvalid:
        return
    assert str(reference) == text
    for segment in (reference.mount, *reference.path.split("/")):
        assert segment.strip("."), "a segment of dots alone"


@pytest.mark.parametrize(
    "path",
    [
        "m/../victim",
        "m/jobs/../victim",
        "m/jobs/..",
        "m/..",
        "m/.",
        "m/./a",
        "m/.../a",
        "../m/a",
        "./a",
        "m//a",
        "m/a/",
        "/m/a",
        "m/",
        "m",
        "",
        "m/%2e%2e/a",
        "m/..%2fa",
        "m/a\\..\\b",
        "m/a b",
        "m/a\n",
        "m/a\x00b",
        "m/a?version=1",
        "m/a;b",
        "m/\N{FULLWIDTH LATIN SMALL LETTER A}",
        "m/" + "/".join("a" * 9),
        "m/" + "a" * 129,
        "a" * 129 + "/a",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ReferenceInvalid) as refused:
        parse_reference(f"vault:{path}#field@1")
    assert refused.value.code == "reference_invalid"


@pytest.mark.parametrize(
    "text",
    [
        "vault:m/a",
        "vault:m/a#f",
        "vault:m/a@1",
        "vault:m/a#@1",
        "vault:m/a#f@",
        "vault:m/a#f@0",
        "vault:m/a#f@01",
        "vault:m/a#f@-1",
        "vault:m/a#f@1.5",
        "vault:m/a#f@1234567890",
        "vault:m/a#f@latest",
        "vault:m/a#f@\N{ARABIC-INDIC DIGIT ONE}",
        "vault:m/a#f.g@1",
        "vault:m/a#f/g@1",
        "vault:m/a#f#g@1",
        "vault:m/a#f@1@2",
        "vault:m/a#" + "f" * 65 + "@1",
        "vault:m/a#f@1 ",
        " vault:m/a#f@1",
        "vault:m/a#f@1\n",
        "Vault:m/a#f@1",
        "env:m/a#f@1",
        "m/a#f@1",
    ],
)
def test_any_other_form_is_refused_without_echoing_it(text: str) -> None:
    with pytest.raises(ReferenceInvalid) as refused:
        parse_reference(text)
    assert text not in str(refused.value)


def test_names_with_dots_inside_are_no_traversal() -> None:
    assert parse_reference("vault:m/a..b/.c/d.#f@1").path == "a..b/.c/d."


def test_a_jobs_secrets_lie_under_its_queue_task_and_id() -> None:
    path = job_secret_path("fast", "pay.capture", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    assert path == "jobs/fast/pay.capture/017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert parse_reference(f"vault:countersign-secrets/{path}#card@1").path == path
