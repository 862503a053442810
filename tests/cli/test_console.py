"""Bars on a terminal, lines on a log, nothing drawn where nobody looks."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest
from patience import PATIENCE_S

from kwsd.cli import console

SHOWS = """
import sys
from kwsd.cli import console
with console.progress() as show:
    for done in range(1, 4):
        show("clips", done, 3)
with console.working("thinking"):
    pass
console.table("Title", ("word", "n"), (("[yes]", "1"),))
"""


def on_terminal(code: str, columns: int = 80, encoding: str = "utf-8") -> tuple[str, str]:
    """Run code with standard error, and standard output, on terminals of their own."""
    said = []
    ends = [pty.openpty(), pty.openpty()]
    command = [sys.executable, "-c", code]
    env = os.environ | {"TERM": "xterm", "COLUMNS": f"{columns}", "PYTHONIOENCODING": encoding}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1], env=env)
    with process:
        try:
            for ours, theirs in ends:
                os.close(theirs)
                text = b""
                with suppress(OSError):  # Linux says so when the other end of a terminal is closed
                    while data := os.read(ours, 4096):
                        text += data
                os.close(ours)
                said.append(text.decode())
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    return said[0], said[1]


@pytest.mark.parametrize("columns", [80, 0])  # 0 says nothing of the width
def test_a_terminal_gets_a_bar_and_a_drawn_table(columns: int) -> None:
    out, err = on_terminal(SHOWS, columns)
    assert "clips" in err
    assert "100%" in err
    assert "thinking" in err
    assert "clips" not in out
    assert "[yes]" in out
    assert "─" in out


def test_a_terminal_without_utf_8_gets_what_it_can_show() -> None:
    out, err = on_terminal(SHOWS, encoding="ascii")
    assert "100%" in err
    assert "thinking ..." in err
    assert "\\u" not in out + err


@pytest.mark.parametrize("width", [40, 80])
def test_a_long_name_leaves_room_for_how_far_the_work_is(width: int) -> None:
    code = f"from kwsd.cli.console import progress\nwith progress() as show: show('scoring ' + {160 * 'q'!r}, 1, 3)"
    _, err = on_terminal(code, width)
    assert "scoring" in err
    assert " 33%" in err
    assert "-:--:--" in err  # the time that is left


def test_brackets_in_a_title_or_a_heading_stay() -> None:
    title, heading = "talk [dQw4w9].wav :dog:", "runs/[a]/:dog:"
    out, _ = on_terminal(f"from kwsd.cli import console; console.table({title!r}, ('figure', {heading!r}), [])")
    assert "\x1b[1mtalk [dQw4w9].wav :dog:" in out  # in bold
    assert heading in out


@pytest.mark.parametrize("width", [60, 80])
def test_a_long_name_does_not_push_the_columns_beside_it_out(width: int) -> None:
    row = (160 * "q", "12.34", "stop", "0.9998", 160 * "z")
    columns = ("clip", "second", "word", "score", "file")
    out, _ = on_terminal(f"from kwsd.cli import console; console.table('', {columns}, [{row}])", width)
    assert {"12.34", "stop", "0.9998"} < set(out.split())
    assert (out.count("q"), out.count("z")) == (160, 160)


def test_a_narrow_terminal_gets_a_table_that_loses_nothing() -> None:
    out, _ = on_terminal(SHOWS, columns=30)
    assert out.split() == ["Title", "word", "n", "[yes]", "1"]


def test_without_a_terminal_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    exec(compile(SHOWS, "shows", "exec"), {})
    said = capfd.readouterr()
    assert said.err == ""
    assert said.out == "Title\nword   n\n[yes]  1\n"


def test_long_work_is_on_the_log_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with caplog.at_level(logging.INFO, "kwsd"), console.progress() as show:
        for done in range(1, 101):
            now = 0.5 * done
            show("clips", done, 100)
    assert [record.message for record in caplog.records] == [
        "clips: 20 of 100 (20 %)",
        "clips: 40 of 100 (40 %)",
        "clips: 60 of 100 (60 %)",
        "clips: 80 of 100 (80 %)",
        "clips: 100 of 100 (100 %)",
    ]


def test_json_is_json_in_any_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))
    console.say_json({"name": "Gerät"})
    sys.stdout.flush()
    assert json.loads(written.getvalue()) == {"name": "Gerät"}


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "b\ufffd"), ("ascii", r"b\ufffd")])
def test_json_has_no_lone_surrogates(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    console.say_json({"name": "b\udcff"}, indent=None)
    stdout.seek(0)
    assert stdout.read() == f'{{"name": "{shown}"}}\n'
