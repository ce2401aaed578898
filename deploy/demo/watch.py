"""Acts: looking everywhere for secrets, planting one on purpose, asking what roles may do."""

import base64
import gzip
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import redis
from hvac import exceptions

from deploy.demo.facts import Sent, Turned
from deploy.demo.messages import Message
from deploy.demo.planted import Planted, Planter, places
from deploy.demo.search import search
from deploy.demo.sources import Source, files, processes, redis_diagnostics, redis_keys
from deploy.demo.stage import Stage
from deploy.local.process import Child, Program
from gateway.places import get_at
from signing.errors import CountersignError
from signing.references import KEY, job_secret_path, parse_reference

_MOUNT: Final = "countersign-secrets"
_CONTROL: Final = "planted-on-purpose"
#: Where a control has to be found: the key, the append-only file, the log.
CONTROL_PLACES: Final = (f"broker:{_CONTROL}", "file:redis/", "file:logs/")
PROCESS_PLACES: Final = 2

#: How a planted secret is written, and where: a key of Redis, or a log.
CONTROLS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "as it is": lambda secret: secret,
    "in base64": lambda secret: base64.b64encode(b"x" + secret),
    "in hex": lambda secret: secret.hex().encode(),
    "in gzip": gzip.compress,
}


def everywhere(stage: Stage, turned: Sequence[Turned]) -> Iterator[Source]:
    """All that has to be free of secrets."""
    refusals = ((f"refusal:{each.case.name}", each.reply.body) for each in turned)
    return chain(
        redis_keys("ledger", stage.ledger()),
        redis_keys("broker", stage.broker()),
        redis_diagnostics(stage.ledger()),
        files(stage.paths.redis),
        files(stage.paths.logs),
        processes(os.getpid()),
        refusals,
    )


def control(stage: Stage, write: Callable[[bytes], bytes]) -> int:
    """Plant a secret of nobody's in Redis and in a log; give in how many places it is found.

    Redis writes it into its append-only file too.
    """
    planter = Planter()
    written = write(planter.plant(Planted("api key")).encode())
    log = stage.paths.log(_CONTROL)
    stage.broker().set(_CONTROL, written)
    log.write_bytes(b"a line before\n" + written)
    try:
        scan = search(planter.made, everywhere(stage, ()))
    finally:
        log.unlink()
        stage.broker().delete(_CONTROL)
    return sum(any(hit.startswith(place) for hit in scan.hits) for place in CONTROL_PLACES)


def control_process(stage: Stage) -> int:
    """The same with a process's argument and an environment variable."""
    planter = Planter()
    secret = planter.plant(Planted("api key"))
    command = (sys.executable, "-c", "import signal; signal.pause()", secret)
    program = Program(_CONTROL, command, {"PLANTED": secret}, stage.paths.log(_CONTROL))
    child = Child(program)
    try:
        scan = search(planter.made, everywhere(stage, ()))
    finally:
        child.kill()
    return len(scan.hits)


def try_to_push(client: redis.Redis, queue: str) -> str:
    """Push into a queue; give the class of the refusal."""
    try:
        client.lpush(queue, "{}")
    except redis.RedisError as error:
        return type(error).__name__
    client.lpop(queue)
    return "pushed"


def try_to_read(vault: Any, path: str) -> str:
    """Read a job's secrets; give the class of the refusal."""
    try:
        vault.secrets.kv.v2.read_secret_version(
            path=path, mount_point=_MOUNT, raise_on_deleted_version=True
        )
    except (exceptions.VaultError, CountersignError) as error:
        return type(error).__name__
    return "read"


def secret_path(sent: Sent) -> str:
    """Where a job's secrets are in Vault."""
    return job_secret_path(sent.job.queue, sent.job.task, sent.job_id)


def readable(vault: Any, sent: Sequence[Sent], messages: Sequence[Message]) -> int:
    """Follow the references in messages; count the values that are what the partners sent."""
    claims = {message.claims["id"]: message.claims["args"] for message in messages}
    return sum(
        _value_behind(vault, claims.get(each.job_id), place) == get_at(each.args, place)
        for each in sent
        for place in places(each.job.args)
    )


def _value_behind(vault: Any, args: Any, place: str) -> object:
    try:
        reference = parse_reference(str(get_at(args, f"{place}/{KEY}")))
        answer = vault.secrets.kv.v2.read_secret_version(
            path=reference.path, mount_point=_MOUNT, raise_on_deleted_version=True
        )
    except (exceptions.VaultError, CountersignError):
        return None
    return answer["data"]["data"].get(reference.field)
