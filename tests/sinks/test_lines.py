"""One event, one line."""

from __future__ import annotations

import io
import json
import select
from dataclasses import replace

import pytest

from kwsd.envelope import Envelope
from kwsd.events import (
    AudioLost,
    Detection,
    DeviceAudible,
    DeviceLost,
    DeviceRestored,
    DeviceSilent,
    Event,
    HookFinished,
    HopChanged,
    NearMiss,
    Ready,
    SpeechEnded,
    SpeechStarted,
    Stopped,
)
from kwsd.sinks.lines import JsonLines, TextLines

STOP = Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def text(event: Event, **commands: str) -> str:
    return TextLines(io.StringIO(), commands).line(Envelope.seal(event, 1))


def test_a_detection_shows_time_word_score_and_command() -> None:
    assert text(STOP, stop="playerctl pause") == "    3.42 s  stop     0.9975  → playerctl pause\n"
    assert text(STOP) == "    3.42 s  stop     0.9975\n"


def test_a_label_of_any_length_stands_apart_from_its_score() -> None:
    assert text(replace(STOP, word="glass breaking")) == "    3.42 s  glass breaking 0.9975\n"


def test_a_hook_for_any_word_is_shown_too() -> None:
    assert text(STOP, **{"stop": "a", "*": "b"}).endswith("→ a; b\n")


@pytest.mark.parametrize(
    ("event", "part"),
    [
        (Ready("desk", "tiny", "cpu"), "tiny on cpu hears desk"),
        (SpeechStarted("desk", 16_000), "1.00 s  speech begins"),
        (SpeechEnded("desk", 16_000), "1.00 s  speech ends"),
        (AudioLost("desk", 16_000, 8_000), "0.50 s of audio lost"),
        (DeviceLost("desk", 16_000, "no audio for 2 s"), "1.00 s  desk is lost: no audio for 2 s"),
        (DeviceRestored("desk", 64_000, 48_000), "4.00 s  desk is back after 3.0 s"),
        (DeviceSilent("desk", 64_000, 48_000), "4.00 s  desk has been digitally silent for 3 s"),
        (DeviceAudible("desk", 64_000, 48_000), "4.00 s  desk is heard again, after 3 s"),
        (HopChanged("desk", 16_000, 3_200, 24_000), "1.00 s  windows every 200 ms, 1.5 s late"),
        (NearMiss("desk", 16_000, "stop", 0.99796, 0.998, "score"), "1.00 s  stop     0.9979, below 0.9980"),
        (NearMiss("desk", 16_000, "stop", 0.9999, 0.998, "late"), "1.00 s  stop     0.9999, too late"),
        (NearMiss("desk", 16_000, "stop", 1.0, 0.998, "refractory"), "stop     1.0000, too soon after the word before"),
        (HookFinished("desk", "stop", "ls", 3, False, 1.0, 5), "ls: exit status 3 (stop)"),
        (HookFinished("desk", "stop", "ls", 143, True, 1.0, 5), "ls: timed out (stop)"),
        (HookFinished("desk", "stop", "ls", None, False, 0.0, 5), "ls: did not run (stop)"),
        (HookFinished("desk", "stop", "ls", None, False, 3000.0, 5), "ls: cannot be ended (stop)"),
        (Stopped("desk", 16_000, "SIGTERM"), "stopped: SIGTERM"),
    ],
)
def test_other_events_in_words(event: Event, part: str) -> None:
    assert part in text(event)


def test_a_hook_of_several_lines_is_shown_on_one() -> None:
    hook = "if true; then\n echo \x1b]0;pwned\x07\nfi"
    assert text(STOP, stop=hook).endswith("→ if true; then\\n echo \\x1b]0;pwned\\x07\\nfi\n")
    told = text(HookFinished("desk", "stop", hook, 0, False, 1.0, 5))
    assert told == "           if true; then\\n echo \\x1b]0;pwned\\x07\\nfi: exit status 0 (stop)\n"


def test_a_name_with_a_line_feed_is_shown_on_one_line() -> None:
    assert text(Ready("tälk\n.wav", "tiny", "cpu")) == "           ready: tiny on cpu hears tälk\\n.wav\n"
    assert (
        json.loads(JsonLines(io.StringIO()).line(Envelope.seal(Ready("tälk\n.wav", "tiny", "cpu"), 1)))["stream"]
        == "tälk\n.wav"
    )


@pytest.mark.parametrize("name", ["a\x9b31m.wav", "a\u2028b.wav", "a\x85.wav", "a\u202evaw.wav"])
def test_json_of_a_name_that_a_terminal_would_obey_is_one_line_of_plain_text(name: str) -> None:
    line = JsonLines(io.StringIO()).line(Envelope.seal(Ready(name, "tiny", "cpu"), 1))
    assert len(line.splitlines()) == 1
    assert line[:-1].isprintable()
    assert json.loads(line)["stream"] == name


@pytest.mark.parametrize("letter", ["x", "\n", "\x1b", "\x7f", "ä", "\U0001f600", "\udce9"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_line_is_too_long_for_a_pipe(letter: str, encoding: str) -> None:
    """A write of up to PIPE_BUF bytes is all that poll(2) promises room for; a longer one may wait for ever."""
    endless = 70_000 * letter
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    commands = {endless: endless, "*": endless}
    for event in (
        Ready(endless, endless, endless),
        DeviceLost(endless, 1 << 60, endless),
        Detection(endless, endless, 1 / 3, 1 / 3, 1 << 60, 1 << 60, 1 << 60, endless),
        HookFinished(endless, endless, endless, 255, True, 1e9 / 3, 5),
        Stopped(endless, 1 << 60, endless),
    ):
        for lines in (JsonLines(stream), TextLines(stream, commands)):
            line = lines.line(Envelope.seal(event, 1 << 60))
            assert len(line.encode(encoding)) < select.PIPE_BUF
            assert line.count("\n") == 1


def test_a_cut_is_shown() -> None:
    long = HookFinished("desk", "stop", f"true {70_000 * 'x'}", 0, False, 1.0, 5)
    command = json.loads(JsonLines(io.StringIO()).line(Envelope.seal(long, 1)))["command"]
    assert command.startswith("true xxx")
    assert command.endswith("x…")
    assert 200 < len(command) < 1000


def test_colour_on_a_terminal_alone() -> None:
    coloured = TextLines(Terminal(), {}).line(Envelope.seal(STOP, 1))
    assert "\x1b[1;32mstop" in coloured
    assert "\x1b" not in text(STOP)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_may_refuse_colour(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in TextLines(Terminal(), {}).line(Envelope.seal(STOP, 1))


def test_an_ascii_terminal_gets_an_ascii_arrow() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    line = TextLines(stream, {"stop": "café"}).line(Envelope.seal(STOP, 1))
    assert line.endswith("-> caf\\xe9\n")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "caf\udce9"), ("ascii", "café"), ("latin-1", "\U0001f600"), ("latin-1", "café")],
)
def test_json_survives_any_name_and_encoding(encoding: str, name: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    line = JsonLines(stream).line(Envelope.seal(SpeechStarted(name, 0), 1))
    assert json.loads(line.encode(encoding))["stream"] == name
