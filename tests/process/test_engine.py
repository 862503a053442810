"""What a process imports follows from the engine that it was given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
    done = subprocess.run(command, env=user.env, capture_output=True, text=True, timeout=120, check=True)
    assert "yes" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 onnxruntime", done.stderr
