"""The report: a table for people, lines for programs."""

import json

import click

from deploy.demo.check import Check
from deploy.demo.report import Report, table
from tests.deploy.demo.builders import message

HOLDS = Check("a", "the first statement is a rather long one that wraps", "1", "1")
FAILS = Check("b", "the second", "401 key_unknown", "202")


def test_the_table_has_a_row_for_each_statement() -> None:
    lines = click.unstyle(table([HOLDS, FAILS], 90)).splitlines()
    assert lines[0].split() == ["statement", "expected", "seen", "true?"]
    assert lines[2].split()[-3:] == ["1", "1", "true"]
    assert lines[3].strip() == "rather long one that wraps"
    assert lines[4].split() == ["the", "second", "401", "key_unknown", "202", "FALSE"]
    assert all(len(line) <= 90 for line in lines)


def test_people_are_told_how_many_are_true() -> None:
    said: list[str] = []
    report = Report(as_json=False, echo=said.append)
    report.act("An act")
    report.check(HOLDS)
    report.check(FAILS)
    assert report.finish(12.4) is False
    assert "1 of 2 statements are true; 12 s" in click.unstyle(said[-1])


def test_programs_get_one_object_per_line() -> None:
    said: list[str] = []
    report = Report(as_json=True, echo=said.append)
    report.act("An act")
    report.check(HOLDS)
    report.show(message())
    assert report.finish(3.21) is True
    events = [json.loads(line) for line in said]
    assert [event["event"] for event in events] == ["act", "check", "message", "summary"]
    assert events[1]["holds"] is True
    assert events[2]["raw"].encode() == message().raw
    assert events[3]["checks"] == [{k: v for k, v in events[1].items() if k != "event"}]
    assert events[3]["seconds"] == 3.2


def test_a_demonstration_without_statements_shows_nothing() -> None:
    assert Report(as_json=True, echo=lambda _line: None).finish(0) is False


def test_a_message_is_shown_whole() -> None:
    said: list[str] = []
    Report(as_json=False, echo=said.append).show(message())
    shown = "".join(line.removeprefix("    ") for line in said[1].splitlines())
    assert shown.encode() == message().raw
