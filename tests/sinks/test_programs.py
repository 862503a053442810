"""Hooks that cannot be started, and why; most are refused before any is."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from kwsd.envelope import Envelope
from kwsd.errors import ConfigError
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.order import Hook
from kwsd.sinks.programs import check_programs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#!/no/such/interpreter -x\n", "its interpreter is missing: '/no/such/interpreter -x'"),
        ("#!/bin/sh\r\n", r"its interpreter is missing: '/bin/sh\r'"),
        ("echo hello\n", "Exec format error: has it no #! line?"),
    ],
)
def test_a_script_that_linux_calls_missing(
    bench: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, stop: Envelope, text: str, says: str
) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o755)
    sink = bench.add(Hook((str(script),)))
    script.write_bytes(text.encode())  # somebody edits it
    sink.send(stop)
    assert bench.report().exit_status is None
    assert says in caplog.text


@pytest.mark.parametrize("text", ["echo hello\n", ""])
def test_a_script_without_an_interpreter_is_refused_at_once(bench: Any, tmp_path: Path, text: str) -> None:
    script = tmp_path / "script"
    script.write_text(text)
    script.chmod(0o755)
    with pytest.raises(ConfigError, match="begin it with a line like #!/bin/sh"):
        bench.add(Hook((str(script),)))
    script.write_bytes(b"\x7fELF\2\1\1\0")  # a program, as far as one can tell without running it
    bench.add(Hook((str(script),)))


def test_a_program_that_vanished_is_reported(
    bench: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, stop: Envelope
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    sink = bench.add(Hook((str(program),)))
    program.unlink()
    sink.send(stop)
    assert bench.report().exit_status is None
    assert "cannot be started" in caplog.text


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("no-such-program", "not found in PATH"),
        ("/no/such/program", "not found"),
        ("~/bin/program", "whole path"),
        ("playerctl pause", "one program with its arguments"),
        ("/tmp", "is a folder"),
    ],
)
def test_a_missing_program_is_told_at_the_start(program: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        HookSink({"stop": [Hook((program,))]})
    assert "'stop'" in str(caught.value)
    assert program in str(caught.value)


def test_the_command_that_makes_a_script_executable_can_be_copied(tmp_path: Path) -> None:
    script = tmp_path / "my script"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError) as caught:
        check_programs({"stop": [[str(script)]]})
    assert caught.value.remedy == f"chmod +x '{script}'"


def test_a_program_that_may_not_run_is_told_at_the_start(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=r"chmod \+x"):
        HookSink({"stop": [Hook((str(program),))]})


@pytest.mark.parametrize("first", ["#!/no/such/interpreter -x", "#! /bin/sh\r"])
def test_an_interpreter_that_is_missing_is_told_at_the_start(tmp_path: Path, first: str) -> None:
    program = tmp_path / "program"
    program.write_text(f"{first}\n")
    program.chmod(0o755)
    with pytest.raises(ConfigError, match="needs an interpreter that does not exist"):
        HookSink({"stop": [Hook((str(program),))]})


def test_linux_reads_an_interpreter_up_to_a_null_byte(tmp_path: Path) -> None:
    program = tmp_path / "program"
    for first, runs in ((b"#!/bin/sh\0rest", True), (b"#!/no/such\xe9\0", False)):
        program.write_bytes(first + b"\nexit 0\n")
        program.chmod(0o755)
        wrong = nullcontext() if runs else pytest.raises(ConfigError, match="an interpreter that does not exist")
        with wrong:
            check_programs({"stop": [[str(program)]]})


def test_a_program_that_cannot_be_seen_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ring").symlink_to(tmp_path / "ring")  # to root, who runs many tests, no folder is closed
    with pytest.raises(ConfigError, match="cannot be reached: Too many levels of symbolic links; check its folder"):
        HookSink({"stop": [Hook((f"{tmp_path}/ring/program",))]})
