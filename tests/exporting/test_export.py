"""A folder that is written again: what its card says of other weights does not hold for the new ones."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from json_files import read
from safetensors.numpy import load_file
from transformers import AutoModelForAudioClassification

from kwsd.cards.card_writing import write_card
from kwsd.errors import ModelError
from kwsd.exporting.export import export_model, replacing_model
from kwsd.zoo import DEFAULT_THRESHOLD, load_classifier, read_card


def test_what_was_chosen_stays_with_its_weights_and_goes_with_others(verified: Callable[..., Path]) -> None:
    folder = verified(thresholds={"yes": 0.9}, verified_at={"yes": 0.8}) / "small"
    write_card(folder, {"smoothing": 3, "latest_ms": 450, "second_chance": 3.0})
    model = AutoModelForAudioClassification.from_pretrained(folder)
    export_model(model, folder, name="small", licence="CC0-1.0")
    card = read_card(str(folder))
    assert (card.smoothing, card.latest_ms, card.firing["yes"]) == (3, 450, 0.8)
    with torch.no_grad():
        model.word_head.outer.bias += 1.0
    export_model(model, folder, name="small", licence="CC0-1.0")
    card = read_card(str(folder))
    assert (card.smoothing, card.latest_ms, card.firing["yes"], card.verifier) == (2, None, DEFAULT_THRESHOLD, None)


def test_a_graph_of_an_earlier_network_goes_where_the_new_one_has_none(
    verified: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """It would score with the new weights what the network does not."""
    folder = verified(thresholds={}, verified_at={}) / "small"
    model = AutoModelForAudioClassification.from_pretrained(folder)
    model.config.hidden_act = "relu"
    export_model(model, folder, name="small", licence="CC0-1.0")
    assert "cannot write an ONNX graph for a network with hidden_act relu: run it on torch" in caplog.text
    assert not (folder / "graph.onnx").exists()
    assert list(read(folder / "card.json")["sha256"]) == ["model.safetensors"]
    alone = replace(read_card(str(folder)), verifier=None)
    assert type(load_classifier(alone, device="cpu")).__name__ == "TorchClassifier"


def test_a_disk_that_fills_up_leaves_the_earlier_model_whole(
    verified: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    folder = verified(thresholds={}, verified_at={}) / "small"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr("kwsd.exporting.export.write_graph", full)
    with pytest.raises(OSError, match="No space left"):
        export_model(changed(folder), folder, name="small", licence="CC0-1.0")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("replaced", range(6))
def test_a_kill_never_leaves_weights_beside_what_is_said_of_others(
    verified: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, replaced: int
) -> None:
    small = verified(thresholds={"yes": 0.9}, verified_at={}) / "small"
    folder, model, count, replace_ = small if here else tmp_path / "new", changed(small), [0], os.replace

    def killed(old: Path, new: Path) -> None:
        if Path(new).parent == folder:
            count[0] += 1
            if count[0] > replaced:
                raise KeyboardInterrupt
        replace_(old, new)

    monkeypatch.setattr("os.replace", killed)
    with nullcontext() if replaced == 5 else pytest.raises(KeyboardInterrupt):
        export_model(model, folder, name="small", licence="CC0-1.0")
    if replaced in (0, 5) and (here or replaced):
        assert read_card(str(folder)).thresholds["yes"] == (DEFAULT_THRESHOLD if replaced else 0.9)
    else:
        with pytest.raises(ModelError):
            read_card(str(folder))


def test_what_a_killed_export_left_is_removed_by_the_next(verified: Callable[..., Path]) -> None:
    folder = verified(thresholds={}, verified_at={}) / "small"
    (folder / ".export-abc").mkdir()
    (folder / ".export-abc" / "model.safetensors").write_bytes(b"half of it")
    export_model(changed(folder), folder, name="small", licence="CC0-1.0")
    assert not list(folder.glob(".*"))


def test_what_another_export_is_writing_stays(verified: Callable[..., Path]) -> None:
    """Two runs may have one place for their models (`--out`); the later one replaces the other's."""
    folder = verified(thresholds={}, verified_at={}) / "small"
    with replacing_model(folder) as slower:
        export_model(changed(folder), folder, name="small", licence="CC0-1.0")
        shutil.copy(folder / "config.json", slower)
    assert not list(folder.glob(".*"))


def changed(folder: Path) -> Any:
    model = AutoModelForAudioClassification.from_pretrained(folder)
    with torch.no_grad():
        model.word_head.outer.bias += 1.0
    return model


def test_others_may_read_it_and_compute_in_single_precision(verified: Callable[..., Path]) -> None:
    folder = verified(thresholds={}, verified_at={}) / "small"
    for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o644
    assert read(folder / "config.json")["dtype"] == "float32"
    assert {str(values.dtype) for values in load_file(folder / "model.safetensors").values()} == {"float16"}
    assert {path.name for path in folder.iterdir()} == {
        "card.json", "config.json", "graph.onnx", "model.safetensors", "preprocessor_config.json",
    }  # fmt: skip


def test_offsets_move_the_logits_of_the_file_and_not_of_the_network(verified: Callable[..., Path]) -> None:
    folder = verified(thresholds={}, verified_at={}) / "small"
    model = AutoModelForAudioClassification.from_pretrained(folder)
    before = model.word_head.outer.bias.detach().clone()
    export_model(model, folder, name="small", licence="CC0-1.0", offsets={"no": 1.0})
    moved = load_file(folder / "model.safetensors")["word_head.outer.bias"] - before.numpy()
    assert moved.tolist() == pytest.approx([0, 1, 0], abs=1e-3)
    assert torch.equal(model.word_head.outer.bias, before)
