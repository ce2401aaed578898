"""Step 2 of the ingress: may this producer run this task with these arguments. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.detect import Finding, find_secrets
from gateway.errors import ProblemMember, Refused
from gateway.places import find_references, is_within, outermost
from gateway.producers import Producer
from gateway.schema import ArgumentSchema
from gateway.submission import (
    Submission,
    read_idempotency_key,
    read_submission,
    read_trace,
)
from gateway.types import Admitted, Authenticated, Recalled
from signing.catalog import Catalog, TaskSpec
from signing.errors import ReferenceInvalid
from signing.references import parse_reference
from signing.strict_json import JsonObject

#: Each takes a reference of some 150 bytes in the seal, and a place in one write to Vault.
MAX_SECRETS: Final = 256


@dataclass(frozen=True, slots=True)
class TaskBook:
    """The catalog with its schemas compiled."""

    catalog: Catalog
    schemas: Mapping[str, ArgumentSchema]

    @classmethod
    def compile(cls, catalog: Catalog) -> "TaskBook":
        """Compile every task's schema.

        Raises:
            CatalogError: naming a task whose schema cannot be used.
        """
        schemas = {spec.name: ArgumentSchema.compile(spec.schema) for spec in catalog.values()}
        return cls(catalog, schemas)


def admit(authenticated: Authenticated, book: TaskBook, *, job_id: str, max_bytes: int) -> Admitted:
    """Read the body and hold it to media type, grant, references and schema; find its secrets.

    Raises:
        MalformedJSON: `malformed_json`.
        Refused: 400, 403, 404, 415 and 422 codes of the contract.
    """
    http = authenticated.raw.http
    _check_media_type(http.fields.get("content-type", ""))
    now = authenticated.raw.received_at
    submission = read_submission(http.body, now=now, max_bytes=max_bytes)
    return _admitted(submission, authenticated, book, job_id)


def admit_again(recalled: Recalled, book: TaskBook, *, job_id: str) -> Admitted:
    """Hold a job that ran before to the same as a new one: grants, schema and catalog of today.

    It is due at once and lives as long as it did: from when it was due to its expiry.

    Raises:
        Refused: 403, 404 and 422 codes of the contract.
    """
    before, now = recalled.claims, recalled.authenticated.raw.received_at
    submission = Submission(
        task=before.task,
        args=before.args,
        not_before=now,
        expires_at=now + before.expires_at - before.not_before,
        priority=before.priority,
    )
    admitted = _admitted(submission, recalled.authenticated, book, job_id)
    return replace(admitted, replay_of=before.id)


def _admitted(
    submission: Submission, authenticated: Authenticated, book: TaskBook, job_id: str
) -> Admitted:
    http = authenticated.raw.http
    spec = _granted_task(submission, authenticated.producer, book.catalog)
    findings = find_secrets(submission.args)
    # First, since later problems name places, and a secret may stand as a key in one.
    _refuse_findings([item for item in findings if item.as_key])
    references = _granted_references(submission.args, authenticated.producer)
    schema = book.schemas[spec.name]
    _check_schema(submission.args, schema)
    return Admitted(
        authenticated=authenticated,
        job_id=job_id,
        task=spec,
        args=submission.args,
        secret_places=_secret_places(submission.args, schema, spec, references, findings),
        not_before=submission.not_before,
        expires_at=submission.expires_at,
        priority=submission.priority,
        idempotency_key=read_idempotency_key(http.fields),
        trace=read_trace(http.fields, authenticated.covered),
    )


def _check_media_type(value: str) -> None:
    media_type, _, parameters = value.partition(";")
    if media_type.strip().lower() != "application/json" or (
        parameters.strip().lower() not in ("", "charset=utf-8")
    ):
        raise Refused("unsupported_media_type", "send application/json in UTF-8")


def _granted_task(submission: Submission, producer: Producer, catalog: Catalog) -> TaskSpec:
    spec = catalog.get(submission.task)
    if spec is None:
        raise Refused("task_unknown", "GET /v1/tasks lists the tasks")
    if not producer.may_run(spec.name):
        raise Refused("task_not_granted", "ask for a grant of this task")
    return spec


def _granted_references(args: JsonObject, producer: Producer) -> frozenset[str]:
    """Give the places of references, all of them granted."""
    found = find_references(args)
    for reference in found:
        try:
            granted = reference.text is not None and producer.may_use(
                parse_reference(reference.text)
            )
        except ReferenceInvalid:
            granted = False
        if not granted:
            raise Refused(
                "reference_not_granted",
                "the grant covers no such reference",
                ProblemMember("pointer", f"/args{reference.pointer}"),
            )
    return frozenset(reference.pointer for reference in found)


def _check_schema(args: JsonObject, schema: ArgumentSchema) -> None:
    problems = schema.problems(args)
    if problems:
        errors = [
            {"pointer": f"/args{item.pointer}", "rule": item.rule, "schema": item.schema_pointer}
            for item in problems
        ]
        raise Refused(
            "schema_invalid", "see errors for the places", ProblemMember("errors", errors)
        )


def _secret_places(
    args: JsonObject,
    schema: ArgumentSchema,
    spec: TaskSpec,
    references: frozenset[str],
    findings: tuple[Finding, ...],
) -> tuple[str, ...]:
    declared = {place for place in schema.secret_places(args) if place not in references}
    undeclared = [item for item in findings if not is_within(item.pointer, declared)]
    if spec.undeclared_secrets == "refuse":
        _refuse_findings(undeclared)
    places = outermost([*sorted(declared), *(item.pointer for item in undeclared)])
    if len(places) > MAX_SECRETS:
        raise Refused("secret_refused", f"too many secrets: {MAX_SECRETS} at most")
    return places


def _refuse_findings(findings: list[Finding]) -> None:
    if findings:
        errors = [{"pointer": f"/args{item.pointer}", "rule": item.rule} for item in findings]
        raise Refused(
            "secret_refused",
            "put secrets where the schema declares them",
            ProblemMember("errors", errors),
        )
