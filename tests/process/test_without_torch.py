"""kwsd where torch and transformers are not installed: on a small board, by the dependency group `listen`."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.texts import parse_toml

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None  # as where they are not installed
from kwsd.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def without(user: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            env=user.env, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip

    return run


def test_the_group_is_what_kwsd_depends_on_but_these_two() -> None:
    project = parse_toml((ROOT / "pyproject.toml").read_text())
    every = project["project"]["dependencies"]
    assert project["dependency-groups"]["listen"] == [
        name for name in every if not name.startswith(("torch>", "transformers>"))
    ]
    assert len(project["dependency-groups"]["listen"]) == len(every) - 2


def test_a_shipped_model_is_heard(without: Callable[..., Any], recordings: Path) -> None:
    done = without("listen", recordings / "commands.flac", "--format", "text")
    assert done.returncode == 0, done.stderr
    assert [line.split()[2] for line in done.stdout.splitlines()] == [
        "yes",
        "no",
        "left",
        "stop",
        "happy",
        "down",
        "go",
    ]


def test_hearing_words_takes_no_more_of_its_libraries_than_it_needs(user: Any, recordings: Path) -> None:
    """numpy imports these where it first needs them, which is 30 ms and 9 MB; the first word would wait for it.

    pydantic is 14 MB; typer needs it for other flags only."""
    unwanted = ("numpy.random", "numpy.ma", "numpy.fft", "numpy.polynomial", "pydantic")
    program = f"import sys; from kwsd.cli import main; main(sys.argv[1:]); print(set({unwanted}) & sys.modules.keys())"
    listen = ("listen", str(recordings / "commands.flac"), "--hook", "stop=true", "--format", "text")
    command = [sys.executable, "-c", program, *listen]
    done = subprocess.run(command, env=user.env, capture_output=True, text=True, timeout=PATIENCE_S)
    *words, left = done.stdout.splitlines()
    assert (len(words), left) == (7, "set()"), done.stderr


@pytest.mark.parametrize("arguments", [("listen",), ("classify",)])
def test_a_model_that_takes_torch_is_refused_with_how_to_install_it(
    without: Callable[..., Any], recordings: Path, foreign: Callable[[str], Path], arguments: tuple[str, ...]
) -> None:
    done = without(*arguments, recordings / "commands.flac", "--model", foreign("wav2vec2"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1), done.stderr
    assert "needs torch and transformers" in done.stderr
    assert done.stderr.endswith(f"{shlex.quote(sys.executable)} -m pip install kwsd\n")


def test_a_gpu_that_nobody_can_use_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from kwsd.networks.devices import pick_device

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert pick_device("auto", nodes=[tmp_path]) == "cpu"
