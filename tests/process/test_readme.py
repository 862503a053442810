"""The README's first command does what the README shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows(text: str) -> list[tuple[float, str, str]]:
    """By line, the second, the word and the command; the score's last digits are the processor's."""
    return [(float(at), word, run) for at, word, run in re.findall(r"([\d.]+) s +(\S+) +[\d.]+(.*)", text)]


def test_its_first_command_prints_what_is_shown(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    line = next(line for line in README.splitlines() if " .venv/bin/kwsd listen " in line)
    ran = user.run(*shlex.split(line.partition(" .venv/bin/kwsd ")[2]))
    assert (ran.status, ran.errors) == (0, [])
    (shown,) = re.findall(r"```text\n( +0\.99 s .*?)```", README, re.DOTALL)
    expected, found = rows(shown), rows(ran.out)
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert [row[0] for row in found] == pytest.approx([row[0] for row in expected], abs=0.15)
    assert [run for *_, run in expected if run] == ["  → echo paused"]
