"""The scripts' names and digests, as Redis gives them."""

import re

import pytest

from signing.ledger import lua
from signing.ledger.lua import Script
from tests.servers.servers import Servers


def test_all_scripts_are_listed_under_names_of_their_own() -> None:
    found = {value.name for value in vars(lua).values() if isinstance(value, Script)}
    assert [script.name for script in lua.ALL] == list(dict.fromkeys(s.name for s in lua.ALL))
    assert {script.name for script in lua.ALL} == found


@pytest.mark.servers
@pytest.mark.parametrize("script", lua.ALL, ids=lambda script: script.name)
def test_the_digest_is_that_of_script_load(servers: Servers, script: Script) -> None:
    assert servers.redis("superuser").script_load(script.text) == script.sha


@pytest.mark.parametrize("script", lua.ALL, ids=lambda script: script.name)
def test_a_script_asks_redis_for_the_time_once_and_leaves_no_globals(script: Script) -> None:
    assert script.text.count("'TIME'") == 1
    assigned = re.findall(r"^(\w+)(?:, \w+)* = ", script.text, re.MULTILINE)
    assert [name for name in assigned if f"local {name}" not in script.text] == []
