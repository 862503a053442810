"""Writes the folders of kwsd's own models: the weights, what transformers and ONNX Runtime need, and the card."""

from __future__ import annotations

import copy
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file, save_file
from transformers import Wav2Vec2FeatureExtractor
from transformers.utils.logging import disable_progress_bar

from kwsd.cards.card_file import checksum
from kwsd.cards.card_writing import UNCHOSEN, read_raw_card, write_card
from kwsd.cards.names import CARD, GRAPH, VERIFIER_TYPES, WEIGHTS
from kwsd.errors import ModelError
from kwsd.exporting.own_graph import write_graph
from kwsd.locking import try_lock
from kwsd.networks.heads import SpotterModel
from kwsd.networks.logit_adjustment import add
from kwsd.networks.quantization import compacted

log = logging.getLogger(__name__)

_SCRATCH = ".export-"
"""The beginning of the name of the temporary folder in a model's."""


def export_model(
    model: SpotterModel,
    folder: Path,
    *,
    name: str,
    licence: str,
    scores: Mapping[str, Any] | None = None,
    offsets: Mapping[str, float] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write `model` to `folder`, which `kwsd listen --model`, `kwsd eval` and plain transformers then load.

    Other files in the folder (a README, the recipe, licences) stay. The thresholds and the verifier of an earlier card
    are kept if the weights have not changed; without thresholds of that card, `settings` (keys of `UNCHOSEN`) hold.
    `offsets` are added to the logits of the labels that they name (see `kwsd.networks.logit_adjustment`). Raises
    ModelError where the earlier card is invalid.
    """
    earlier = read_raw_card(folder)
    half: Any = copy.deepcopy(model)
    add(half, offsets or {})
    half.to("cpu", torch.float16)
    compact = half.config.model_type in VERIFIER_TYPES  # in half precision it would be too large to ship
    extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]  # transformers ships no types for it
        sampling_rate=model.config.sampling_rate, do_normalize=False, return_attention_mask=False
    )
    with replacing_model(folder) as scratch:
        half.save_pretrained(scratch)
        if compact:
            weights = scratch / WEIGHTS
            save_file(compacted(load_file(weights)), weights, metadata={"format": "pt"})
        extractor.save_pretrained(scratch)
        try:
            write_graph(scratch)
        except ModelError as error:
            log.warning("%s: %s", folder, error)
        same = earlier.get("sha256", {}).get(WEIGHTS) == checksum(scratch / WEIGHTS)
        chosen = {key: earlier[key] for key in UNCHOSEN if key in earlier} if same else {}
        if not chosen.get("thresholds"):
            chosen |= settings or {}
        told = {"name": name, "licence": licence, "scores": dict(scores or {}), **UNCHOSEN, **chosen}
        write_card(scratch, earlier | told)


@contextmanager
def replacing_model(folder: Path) -> Iterator[Path]:
    """A temporary folder to save a network in, with its graph and its card; its files then replace those in `folder`.

    All of them are there before the first one is replaced, so a full disk leaves the earlier model whole. The card goes
    first and the weights last: if the process is killed between, the checksums do not fit, and no labels, thresholds or
    graph are used with other weights. The graph of an earlier network is removed if there is no new one.

    The folder lies inside `folder`, since a place beside that may be on another disk or belong to another user. The
    config is set to dtype float32, so that transformers computes in single precision however the weights are stored.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]  # standard error is the log
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch, _locked(Path(scratch)):
        yield Path(scratch)
        config = Path(scratch) / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float32"}, indent=2) + "\n")
        files = sorted(Path(scratch).iterdir(), key=lambda file: (file.name == WEIGHTS, file.name != CARD, file.name))
        drawn = any(file.name == GRAPH for file in files)
        for file in files:
            file.chmod(0o644)
            if file.name == WEIGHTS and not drawn:
                (folder / GRAPH).unlink(missing_ok=True)
            os.replace(file, folder / file.name)


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary folders that killed processes left in a model's folder, but none that is in use."""
    for left in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError), _locked(left) as alone:
            if alone:
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether no other process has locked the folder, which is then locked; its process's end unlocks it."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield try_lock(held)
    finally:
        os.close(held)
