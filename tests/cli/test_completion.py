"""The shell is told what may come next."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = "import sys; from kwsd.cli import main; sys.argv[0] = 'kwsd'; sys.exit(main())"


def completed(line: str, current: int) -> list[str]:
    env = os.environ | {"_KWSD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": f"{current}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_commands() -> None:
    assert completed("kwsd li", 1) == ["listen"]


def test_values_of_a_flag() -> None:
    assert completed("kwsd listen --device c", 3) == ["cuda", "cpu"]
    assert completed("kwsd listen --model hub", 3) == ["hubert-commands"]
    assert completed("kwsd train --device c", 3) == ["cuda", "cpu"]
    assert completed("kwsd models info moon", 3) == ["moonshine-commands"]
    assert completed("kwsd export whi", 2) == ["whisper-commands"]
    assert completed("kwsd listen --model ru*/", 3) == []  # the shell goes on with folders


@pytest.mark.parametrize("line", ["kwsd listen --", "kwsd -", "kwsd ", "kwsd classify -"])
def test_fish_is_told_one_candidate_a_line(line: str) -> None:
    env = os.environ | {"_KWSD_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": line, "COLUMNS": "60"}
    env["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    candidates = [candidate.partition("\t") for candidate in done.stdout.splitlines()]
    assert len(candidates) > 3
    for name, tab, said in candidates:
        assert name.startswith(line.rpartition(" ")[2])
        assert tab
        assert said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str) -> None:
    env = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else it looks for its parent's name
    command = [sys.executable, "-c", PROGRAM, "--show-completion", shell]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "_KWSD_COMPLETE" in done.stdout
