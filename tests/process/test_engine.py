"""What a process imports follows from the engine that it was given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

LISTEN = """
import sys
from kwsd.cli import main
status = main(["listen", sys.argv[1], "--format", "text", *sys.argv[2:]])
print(status, *sorted({"torch", "transformers", "huggingface_hub", "onnxruntime"} & set(sys.modules)))
"""


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_neither_torch_nor_transformers_where_the_processor_computes(user: Any, recordings: Path, device: str) -> None:
    if device == "auto" and any(Path("/dev").glob("nvidia*")):
        pytest.skip("there may be a GPU")
    command = [sys.executable, "-c", LISTEN, recordings / "commands.flac", "--device", device]
    done = subprocess.run(command, env=user.env, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert "yes" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 onnxruntime", done.stderr


def test_nothing_is_reported_and_nothing_left_in_the_home(user: Any, recordings: Path, tmp_path: Path) -> None:
    """ONNX Runtime reports to its makers, by way of a database in the home, unless it is told not to."""
    env = {key: value for key, value in user.env.items() if "TELEMETRY" not in key} | {"HOME": str(tmp_path)}
    command = [sys.executable, "-c", LISTEN, recordings / "commands.flac", "--device", "cpu"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert "yes" in done.stdout
    assert list(tmp_path.iterdir()) == []


RUN = """
import sys
from kwsd.cli import main
status = main(sys.argv[1:])
print(status, *sorted({"torch", "transformers", "huggingface_hub", "onnx", "onnxruntime"} & set(sys.modules)))
"""


@pytest.fixture(scope="module", params=["wav2vec2", "ast", "whisper", "clap"])
def exported(request: Any, foreign: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of somebody else's as one file."""
    from kwsd.exporting.onnx_files import as_files
    from kwsd.zoo import read_card

    if request.param == "clap":
        card = replace(read_card(str(request.getfixturevalue("clap"))), labels=("a dog", "rain"), window=16_000)
    else:
        card = read_card(str(foreign(request.param)))
    path = tmp_path_factory.mktemp("exported") / "a.onnx"
    path.write_bytes(as_files(card)["float32"])
    return path


@pytest.mark.parametrize("command", [("listen",), ("classify",), ("models", "info")])
def test_an_exported_model_runs_without_torch(
    user: Any, recordings: Path, exported: Path, command: tuple[str, ...]
) -> None:
    """Not even where there is a GPU: --device is auto."""
    given = [exported] if command[0] == "models" else [recordings / "commands.flac", "--model", exported]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command, *given], env=user.env, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout.splitlines()[-1] == ("0" if command[0] == "models" else "0 onnxruntime"), done.stderr
