"""Statements about where secrets are found, which is nowhere; and that the search does find."""

from deploy.demo.check import Check
from deploy.demo.facts import Scan

_AT_MOST = 3


def nowhere(name: str, when: str, scan: Scan) -> Check:
    """No secret was found anywhere; a search of nothing is none."""
    statement = (
        f"{when}, {scan.secrets} secrets are in none of {scan.places} places: "
        "Redis, its files, logs, command lines, environments, refusals"
    )
    seen = f"{len(scan.hits)} hits"
    if scan.hits:
        seen += f": {', '.join(scan.hits[:_AT_MOST])}"
    if not (scan.secrets and scan.places and scan.bytes_read):
        seen = "nothing to search"
    return Check(f"secrets:{name}", statement, "0 hits", seen)


def finds(form: str, expected: int, found: int) -> Check:
    """The positive control."""
    statement = f"the search finds a secret planted on purpose: {form}"
    return Check(f"search:{form}", statement, f"{expected} places", f"{found} places")


def deleted(expected: int, left: int) -> Check:
    """Settled jobs' secrets are gone."""
    statement = f"of {expected} settled jobs with secrets, how many have them in Vault"
    return Check("deleted", statement, "0", str(left))
