"""What other programs rely on: real audio in, JSON lines out, hooks run, subscribers told; one run, many questions."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from processes import Running

SURE = ("--threshold", "0.9")
"""What the contract is shows on words that are surely heard; how many are at the model's own thresholds is its card's
to say, and looked at in test_files.py."""
KEYS = {
    "schema", "type", "sequence", "time", "stream", "word", "score", "threshold", "start_s", "end_s", "at_s",
    "latency_ms", "model",
}  # fmt: skip

Event = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """One run of the daemon over a pipe, seen from everywhere."""

    ran: Any
    socket: Path
    mode: int
    raw: list[Event]
    events: list[Event]
    hook: dict[str, str]
    hook_input: list[Event]
    folder: Path

    def of(self, kind: str) -> list[Event]:
        """The events of a type on standard output."""
        return [event for event in self.ran.events if event["type"] == kind]


def subscribers(path: Path) -> int:
    """How many connections there are to a socket, by the kernel's own table."""
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return sum(row[-1] == str(path) and row[5] in ("02", "03") for row in rows)


@pytest.fixture(scope="module")
def heard(
    user: Any, pcm: bytes, spoken: list[tuple[float, float, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Heard]:
    """Words have hooks: one hangs until all words are heard, one tells what it got, one fails, one is a shell's."""
    folder = tmp_path_factory.mktemp("hooks")
    path = user.folder / "run" / "contract.sock"
    hang = folder / "hang"
    hang.write_text('#!/bin/sh\ncat "$1"\n')
    os.mkfifo(folder / "over")
    tell = folder / "tell"
    tell.write_text('#!/bin/sh\ncat >"$1.json"\nenv >"$1.env"\n')
    for script in (hang, tell):
        script.chmod(0o755)
    hooks = {
        "yes": f"{hang} {folder / 'over'}",
        "left": f"{tell} {folder / 'left'}",
        "stop": "sh -c 'echo it is broken; exit 3'",
    }
    flags = [part for word, line in hooks.items() for part in ("--hook", f"{word}={line}")]
    shell = ["--hook-shell", f"happy=echo $KWSD_WORD | tr a-z A-Z >{shlex.quote(str(folder / 'happy'))}"]
    settings = [*SURE, "--format", "json", "--events", "all", "--socket", path, "--hook-timeout", PATIENCE_S]
    daemon = user.start("listen", "-", *settings, *flags, *shell)
    other = None
    raw = socket.socket(socket.AF_UNIX)
    lines: list[bytes] = []
    try:
        daemon.wait_for_log("events are served at")
        mode = stat.S_IMODE(path.lstat().st_mode)
        raw.connect(str(path))
        reader = threading.Thread(target=lambda: lines.extend(raw.makefile("rb")), daemon=True)
        reader.start()
        other = user.start("events", "--socket", path)
        daemon.wait_for(lambda: subscribers(path) >= 2)
        daemon.write(pcm)
        daemon.wait_for_event("detection", len(spoken))
        (folder / "over").write_text("")  # waits for who reads there
        ran = daemon.end()
        events = other.end()
        reader.join(PATIENCE_S)
        yield Heard(
            ran,
            path,
            mode,
            [json.loads(line) for line in lines],
            events.events,
            dict(line.split("=", 1) for line in (folder / "left.env").read_text().splitlines() if "=" in line),
            [json.loads(line) for line in (folder / "left.json").read_text().splitlines()],
            folder,
        )
    finally:
        raw.close()
        daemon.kill()
        if other:
            other.kill()


def test_the_end_of_a_pipe_ends_it_with_0(heard: Heard) -> None:
    assert heard.ran.status == 0
    assert heard.ran.errors == []
    assert heard.ran.events[0]["type"] == "ready"
    assert heard.ran.events[-1]["type"] == "stopped"
    assert [event["sequence"] for event in heard.ran.events] == list(range(1, len(heard.ran.events) + 1))


def test_each_spoken_word_is_heard_once_and_where_it_lies(heard: Heard, spoken: list[tuple[float, float, str]]) -> None:
    found = heard.of("detection")
    assert [event["word"] for event in found] == [word for _, _, word in spoken]
    for event, (start, end, _) in zip(found, spoken, strict=True):
        assert event["start_s"] == pytest.approx(start, abs=0.15)
        assert event["end_s"] == pytest.approx(end, abs=0.15)
        assert start < event["at_s"] < end + 1.0


def test_a_detection_has_every_key_of_the_contract(heard: Heard) -> None:
    for event in heard.of("detection"):
        assert set(event) == KEYS
        assert (event["schema"], event["type"], event["stream"]) == (1, "detection", "stdin")
        assert event["model"] == "hubert-commands"
        assert 0 < event["threshold"] <= event["score"] <= 1
        assert event["latency_ms"] == pytest.approx(1000 * (event["at_s"] - event["end_s"]), abs=0.2)
        assert datetime.fromisoformat(event["time"].replace("Z", "+00:00")).utcoffset() is not None


def test_two_subscribers_hear_what_standard_output_hears(heard: Heard) -> None:
    assert heard.raw == heard.ran.events
    assert heard.events == heard.ran.events


def test_the_socket_is_the_users_alone_and_goes_with_the_daemon(heard: Heard) -> None:
    assert heard.mode == 0o600
    assert not heard.socket.exists()


def test_a_hook_gets_the_detection_as_json_and_in_its_environment(heard: Heard) -> None:
    (left,) = [event for event in heard.of("detection") if event["word"] == "left"]
    assert heard.hook_input == [left]
    assert {f"KWSD_{key.upper()}": str(value) for key, value in left.items()}.items() <= heard.hook.items()


def test_a_shell_line_runs_where_it_is_asked_for(heard: Heard) -> None:
    assert (heard.folder / "happy").read_text() == "HAPPY\n"


def test_hooks_that_hang_or_flood_are_ended_at_their_time_out(user: Any, recordings: Path, tmp_path: Path) -> None:
    hang = tmp_path / "hang"
    hang.write_text("#!/bin/sh\nsleep 1000 & sleep 1000\nsleep 1000\n")
    hang.chmod(0o755)
    hooks = ["--hook", f"yes={hang}", "--hook", "no=yes all work and no play", "--hook-timeout", "1"]
    daemon = user.command("listen", recordings / "commands.flac", *SURE, "--words", "yes,no", "--events", "all", *hooks)
    ignoring = ["sh", "-c", 'trap "" TERM; exec "$@"', "sh"]  # what it starts does not heed SIGTERM either
    running = Running([*ignoring, *daemon], user.env)
    try:
        ran = running.end()
    finally:
        running.kill()
    finished = {event["word"]: event for event in ran.events if event["type"] == "hook_finished"}
    assert set(finished) == {"yes", "no"}
    for event in finished.values():
        assert (event["timed_out"], event["exit_status"]) == (True, 137)
        assert event["duration_ms"] >= 1000
    assert "hook for yes" in ran.err
    assert "ended after its time-out of 1 s" in ran.err


def test_a_hanging_hook_delays_no_detection_and_no_other_hook(heard: Heard) -> None:
    finished = {event["word"]: event for event in heard.of("hook_finished")}
    assert set(finished) == {"yes", "left", "stop", "happy"}
    assert not any(event["timed_out"] for event in finished.values())
    assert all(event["sequence"] < finished["yes"]["sequence"] for event in heard.of("detection"))


def test_a_failing_hook_is_told_with_what_it_said(heard: Heard) -> None:
    (failed,) = [event for event in heard.of("hook_finished") if event["word"] == "stop"]
    assert (failed["exit_status"], failed["timed_out"]) == (3, False)
    assert "exit status 3" in heard.ran.err
    assert "it is broken" in heard.ran.err


def same_words(events: list[Event]) -> list[Event]:
    """What the audio alone decides."""
    return [{key: event[key] for key in KEYS - {"sequence", "time", "stream"}} for event in events]


def test_a_file_gives_the_same_detections_as_a_pipe(heard: Heard, user: Any, recordings: Path) -> None:
    ran = user.run("listen", recordings / "commands.flac", "--format", "json", *SURE)
    assert ran.status == 0
    assert {event["type"] for event in ran.events} == {"detection"}
    assert same_words(ran.events) == same_words(heard.of("detection"))


def test_text_names_the_command_that_each_word_ran_and_words_limits_them(
    user: Any, recordings: Path, tmp_path: Path
) -> None:
    touch = f"touch {tmp_path / 'stopped'}"
    settings = ("--format", "text", "--words", "left,stop", *SURE, "--hook", f"stop={touch}")
    ran = user.run("listen", recordings / "commands.flac", *settings)
    assert ran.status == 0
    left, stop = ran.out.splitlines()
    assert "left" in left
    assert "touch" not in left
    assert "stop" in stop
    assert touch in stop
    assert (tmp_path / "stopped").exists()


def test_a_sentence_without_commands_fires_nothing(user: Any, recordings: Path) -> None:
    ran = user.run("listen", recordings / "sentence.flac", "--format", "json")
    assert (ran.status, ran.out) == (0, "")


@pytest.mark.parametrize("recording", ["commands.flac", "sentence.flac"])
@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_log_tells_nothing_of_what_is_said(
    user: Any, recordings: Path, tmp_path: Path, recording: str, level: str
) -> None:
    """Neither words, unless they have hooks, nor where their audio is kept."""
    settings = ("--events", "all", "--save-detections", tmp_path / "kept", "--log-level", level, "--device", "cpu")
    ran = user.run("listen", recordings / recording, *settings, *SURE)
    assert any((tmp_path / "kept").iterdir()) == (recording == "commands.flac")
    assert (ran.status, ran.err) == (0, f"kwsd: info: hubert-commands on cpu listens to {recording}\n")


def test_a_reader_that_has_read_enough_ends_it(start: Callable[..., Any], recordings: Path) -> None:
    running = start("listen", recordings / "commands.flac", "--format", "json", read_stdout=False)
    assert running.process.stdout.readline().startswith(b'{"schema": 1, "type": "detection"')
    running.process.stdout.close()
    ran = running.wait()
    assert ran.status == 0
    assert ran.errors == []


def test_hooks_have_an_exit_status_whatever_its_parent_ignores(user: Any, recordings: Path) -> None:
    daemon = [sys.executable, "-m", "kwsd", "listen", str(recordings / "commands.flac"), *SURE]
    command = [*daemon, "--words", "yes", "--events", "all", "--hook", "yes=false"]
    ignoring = ["sh", "-c", 'trap "" CHLD; exec "$@"', "sh"]
    ran = subprocess.run([*ignoring, *command], env=user.env, capture_output=True, check=True)
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [event["exit_status"] for event in events if event["type"] == "hook_finished"] == [1]
