"""Lines of the log, for people, programs and the journal."""

from __future__ import annotations

import json
import logging
import os
import select
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kwsd.cli import loglines, stderr


@pytest.fixture(autouse=True)
def plain_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stderr, "_shape", loglines.plain)


def test_json_lines_of_log_and_error(capfd: pytest.CaptureFixture[str]) -> None:
    stderr.log_from("info", "json")
    logging.getLogger("kwsd.x").warning("heard %d\nwords, \u00fc", 3)
    stderr.error("gone")
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("warning", "kwsd.x", "heard 3\nwords, \u00fc")
    assert datetime.fromisoformat(first["time"].replace("Z", "+00:00")).utcoffset() is not None
    assert (second["level"], second["logger"], second["message"]) == ("error", "kwsd", "gone")


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.CRITICAL, "<3>kwsd: critical: a\n<3>b"),
        (logging.ERROR, "<3>kwsd: error: a\n<3>b"),
        (logging.WARNING, "<4>kwsd: warning: a\n<4>b"),
        (logging.INFO, "<6>kwsd: info: a\n<6>b"),
        (logging.DEBUG, "<7>kwsd: debug: a\n<7>b"),
    ],
)
def test_the_journal_is_told_the_priority_of_every_line(level: int, line: str) -> None:
    assert loglines.for_journal(loglines.plain)(level, "kwsd", "a", "b") == line


def test_only_where_standard_error_is_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as journal, (tmp_path / "other").open("w") as other:
        status = os.fstat(journal.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert loglines.journal_listens(environment, journal.fileno())
        assert not loglines.journal_listens(environment, other.fileno())
        assert not loglines.journal_listens({}, journal.fileno())
    assert not loglines.journal_listens(environment, 1 << 20)


def test_the_daemons_log_in_the_journal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    stderr.log_from()
    logging.getLogger("kwsd.x").info("here")
    stderr.error("gone")
    assert capfd.readouterr().err == "<6>kwsd: info: here\n<3>kwsd: error: gone\n"


WRONG = [("--config", "/none"), ("--config", "/dev/null", "--hop", "1"), ("--nonsense",)]


@pytest.mark.parametrize("arguments", WRONG)
def test_an_error_before_the_log_begins_has_its_priority(
    kwsd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert kwsd("listen", *arguments).err.startswith("<3>kwsd: error: ")


@pytest.mark.parametrize("asked", [("--log-format", "json"), ("--log-format=json",)])
@pytest.mark.parametrize("arguments", WRONG)
def test_an_error_before_the_log_begins_is_an_object_where_objects_are_asked_for(
    kwsd: Callable[..., Any], arguments: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    assert json.loads(kwsd("listen", *asked, *arguments).err)["level"] == "error"
    assert kwsd("listen", *arguments).err.startswith("kwsd: error: ")


def test_a_name_that_is_not_utf8_is_json_that_any_reader_takes(capfd: pytest.CaptureFixture[str]) -> None:
    stderr.log_from("info", "json")
    stderr.error("b\udcff.wav: what happened")
    assert r'"b\ufffd.wav: what happened"' in capfd.readouterr().err


def test_what_a_terminal_obeys_and_line_breaks_are_spelt_out(capfd: pytest.CaptureFixture[str]) -> None:
    stderr.log_from("info", "text")
    logging.getLogger("kwsd").warning("%s: no audio\tthere", "a\x1b[31mb\r\x7f\x9b\n.wav")
    stderr.error("t\n.wav: no such file")
    stderr.note("t\n.wav")
    assert capfd.readouterr().err.splitlines() == [
        "kwsd: warning: a\\x1b[31mb\\r\\x7f\\x9b\\n.wav: no audio\\tthere",
        "kwsd: error: t\\n.wav: no such file",
        "kwsd: t\\n.wav",
    ]


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_traceback_keeps_its_lines(capfd: pytest.CaptureFixture[str], format: str) -> None:
    stderr.log_from("info", format)
    logging.getLogger("kwsd").error("thread\ndied", exc_info=ValueError("a\x1bb"))
    said = capfd.readouterr().err
    if format == "json":
        assert json.loads(said)["message"] == "thread\ndied\nValueError: a\x1bb"
    else:
        assert said == "kwsd: error: thread\\ndied\nValueError: a\\x1bb\n"


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("letter", ["x", "\x1b", "\U0001f600"])
def test_a_line_of_the_log_goes_into_a_pipe_in_one_piece(
    capfd: pytest.CaptureFixture[str], format: str, letter: str
) -> None:
    stderr.log_from("info", format)
    logging.getLogger("kwsd").info("hook: %s", 70_000 * letter)
    said = capfd.readouterr().err
    assert len(said.encode()) < select.PIPE_BUF
    assert (json.loads(said)["message"] if format == "json" else said.rstrip()).endswith("…")
