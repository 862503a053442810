"""`kwsd export` writes what ONNX Runtime runs without kwsd."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.errors import InputError, ModelError

WINDOWS = np.random.default_rng(1).normal(0, 0.1, (3, 16_000)).astype(np.float32)


def test_a_folder_gets_its_graph(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kwsd.cli.exporting import export
    from kwsd.zoo import load_classifier, read_card

    folder = tmp_path / "copy"
    shutil.copytree(tiny_model, folder)
    (folder / "graph.onnx").unlink()
    (folder / "card.json").write_text(json.dumps({"name": "mine", "thresholds": {}}))
    export(str(folder), None)
    assert "float32: off by" in capsys.readouterr().out
    card = json.loads((folder / "card.json").read_text())
    assert set(card["sha256"]) == {"model.safetensors", "graph.onnx"}
    assert card["name"] == "mine"
    assert type(load_classifier(read_card(str(folder)), device="cpu")).__name__ == "OnnxClassifier"


def test_two_files_run_without_kwsd(tiny_model: Path, tmp_path: Path) -> None:
    import onnxruntime

    from kwsd.cli.exporting import export
    from kwsd.networks.engine import load_hubert

    export(str(tiny_model), tmp_path / "out")
    expected = load_hubert(tiny_model, "tiny", "cpu").score(WINDOWS)
    for kind, tolerance in (("float32", 1e-4), ("int8", 0.1)):
        (path,) = (tmp_path / "out").glob(f"*-{kind}.onnx")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (scores,) = session.run(None, {"windows": WINDOWS})
        np.testing.assert_allclose(scores, expected, atol=tolerance)


def test_what_is_no_model_and_where_nothing_can_be_written(tiny_model: Path, tmp_path: Path) -> None:
    from kwsd.cli.exporting import export

    (tmp_path / "config.json").write_text('{"model_type": "kwsd-hubert"}')
    with pytest.raises(ModelError, match="could be exported"):
        export(str(tmp_path), None)
    with pytest.raises(InputError, match="cannot be written"):
        export(str(tiny_model), tmp_path / "config.json")


def test_the_command(tiny_model: Path, tmp_path: Path, kwsd: Callable[..., Any]) -> None:
    result = kwsd("export", tiny_model, "--out", tmp_path)
    assert result.status == 0, result.err
    assert result.out.count(".onnx: ") == 2
