"""A batch for which the GPU has no memory: which one would fit is found out, and told."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tone_clips import RECIPE, started, tone_clips

from kwsd.errors import DeviceError
from kwsd.training.finetuning.gradients import Gradients
from kwsd.training.finetuning.labelled import Labelled

Foreign = Callable[[str], Path]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return tone_clips(tmp_path_factory.mktemp("tones"))


def test_a_gpu_without_room_says_which_batch_fits(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Gradients.add

    def small(gradients: Gradients, windows: Any, labels: Any) -> float:
        if len(windows) > room:
            raise torch.cuda.OutOfMemoryError
        return real(gradients, windows, labels)

    monkeypatch.setattr(Gradients, "add", small)
    for room, text in ((2, "--batch 2 would fit, with --accumulate 4"), (0, "a single window")):
        run = started(replace(RECIPE, batch=8), foreign("whisper"), data, tmp_path / f"run{room}")
        with pytest.raises(DeviceError, match=text) as told:
            run.train(lambda _: None)
        assert told.value.exit_status == 69


def test_what_fits_is_tried_without_the_memory_of_the_batch_that_did_not(
    foreign: Foreign, data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, held = Gradients.add, weakref.WeakSet[torch.Tensor]()

    def small(gradients: Gradients, windows: Any, labels: Any) -> float:
        if held or len(windows) > 4:
            activations = torch.zeros(1)  # on a GPU, most of its memory
            held.add(activations)
            raise torch.cuda.OutOfMemoryError
        return real(gradients, windows, labels)

    monkeypatch.setattr(Gradients, "add", small)
    run = started(replace(RECIPE, batch=8), foreign("whisper"), data, tmp_path / "run")
    with pytest.raises(DeviceError, match="--batch 4 would fit"):
        run.train(lambda _: None)
