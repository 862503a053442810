"""The only writer of model folders: weights in half precision, what transformers needs beside them, and the card."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Wav2Vec2FeatureExtractor

from kwsd.networks.hubert import HubertSpotterModel
from kwsd.networks.hubert_config import label_names
from kwsd.networks.labels import UNKNOWN

WEIGHTS = "model.safetensors"


def export_model(
    model: HubertSpotterModel,
    folder: Path,
    *,
    name: str,
    licence: str,
    scores: Mapping[str, Any] | None = None,
    unknown_offset: float = 0.0,
) -> None:
    """Write `model` to `folder`, which `kwsd listen --model`, `kwsd eval` and plain transformers then load.

    Files that are there already and are none of the model's own (a README, the recipe, licences) stay. Thresholds of an
    earlier card are not kept: they belonged to other weights. `unknown_offset` is taken off the logit of `_unknown_`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half: Any = copy.deepcopy(model)
    with torch.no_grad():
        half.word_head.outer.bias[label_names(model.config).index(UNKNOWN)] -= unknown_offset
    half.to("cpu", torch.float16)
    extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]  # transformers ships no types for it
        sampling_rate=model.config.sampling_rate, do_normalize=False, return_attention_mask=False
    )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        half.save_pretrained(scratch)
        extractor.save_pretrained(scratch)
        # Stored in half precision, but computed in single: transformers loads what the config says.
        config = Path(scratch) / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float32"}, indent=2) + "\n")
        for file in sorted(Path(scratch).iterdir()):
            file.chmod(0o644)
            os.replace(file, folder / file.name)
    write_card(folder, {"name": name, "licence": licence, "scores": dict(scores or {}), "thresholds": {}})


def write_card(folder: Path, changes: Mapping[str, Any]) -> None:
    """Put `changes` into the folder's card.json, with the checksum of the weights that lie there now."""
    path = folder / "card.json"
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    card.update(changes)
    card["sha256"] = {WEIGHTS: hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)
