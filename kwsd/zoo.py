"""A model's name or folder -> verified files -> a ready classifier.

A model folder holds what `save_pretrained` writes (config.json, model.safetensors, preprocessor_config.json) and a
card.json with what travels with the weights: thresholds, checksums, licence, measured scores. Reading a card imports
no torch. graph.onnx, where there is one, lets ONNX Runtime compute the same weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.errors import ModelError
from kwsd.networks.arrangement import GRAPH
from kwsd.networks.labels import SILENCE, UNKNOWN

if TYPE_CHECKING:
    from kwsd.networks.engine import TorchClassifier
    from kwsd.networks.runtime import OnnxClassifier

DEFAULT_MODEL = "hubert-commands"
"""The model that listens where none is named."""

DEFAULT_THRESHOLD = 0.95
"""For a word whose card names none."""

_WEIGHTS = "model.safetensors"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model folder says of itself. `thresholds` has every word; `scores` is whatever was measured."""

    name: str
    path: Path
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    licence: str
    size_bytes: int
    scores: Mapping[str, Any]

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that can fire."""
        return tuple(label for label in self.labels if label not in (SILENCE, UNKNOWN))


def shipped_models() -> list[ModelCard]:
    """The cards of the models that came with kwsd, the default one first."""
    cards = [read_card(str(path.parent)) for path in sorted(_shipped().glob("*/config.json"))]
    return sorted(cards, key=lambda card: card.name != DEFAULT_MODEL)


def read_card(name_or_folder: str) -> ModelCard:
    """The card of a shipped model or of a model folder, its files verified.

    Raises:
        ModelError: there is none, a file is missing or truncated, a checksum is wrong, the labels do not fit the
            weights, or the weights are pickled.
    """
    folder = find_model(name_or_folder)
    config = _json(folder / "config.json")
    card = _card(folder / "card.json")
    if not (folder / _WEIGHTS).is_file():
        pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickles:
            raise ModelError(f"{folder}: {pickles[0]} is a pickle, which can run code: save the model as safetensors")
        raise ModelError(f"{folder}: there is no {_WEIGHTS}: fetch the model again")
    labels = _labels(folder, config)
    _verify(folder, card, labels)
    thresholds = card["thresholds"]
    words = [label for label in labels if label not in (SILENCE, UNKNOWN)]
    return ModelCard(
        name=str(card.get("name", folder.resolve().name)),
        path=folder,
        labels=labels,
        thresholds={word: float(thresholds.get(word, DEFAULT_THRESHOLD)) for word in words},
        licence=str(card.get("licence", "unknown")),
        size_bytes=(folder / _WEIGHTS).stat().st_size,
        scores=card["scores"],
    )


def load_classifier(card: ModelCard, *, device: str = "auto") -> TorchClassifier | OnnxClassifier:
    """The classifier behind a card, warmed up on `device` ("auto", "cuda" or "cpu").

    On the CPU it is ONNX Runtime's if the folder has a graph for it, and neither torch nor transformers is imported.

    Raises:
        ModelError, DeviceError: see `kwsd.networks.engine.load_hubert` and `kwsd.networks.runtime.load_onnx`.
    """
    from kwsd.networks.devices import pick_device

    device = pick_device(device)
    if device == "cpu" and (card.path / GRAPH).is_file():
        from kwsd.networks.runtime import load_onnx

        return load_onnx(card.path, card.name, card.labels)
    from kwsd.networks.engine import load_hubert

    return load_hubert(card.path, card.name, device)


def _shipped() -> Path:
    """In an installed package the models lie inside it, in a checkout beside it."""
    package = Path(__file__).parent
    return package / "models" if (package / "models").is_dir() else package.parent / "models"


def find_model(name_or_folder: str) -> Path:
    """The folder of a shipped model, or the model folder itself. Raises ModelError where there is none."""
    shipped = _shipped() / name_or_folder
    for folder in (Path(name_or_folder).expanduser(), shipped):
        if (folder / "config.json").is_file():
            return folder
    known = ", ".join(sorted(path.parent.name for path in _shipped().glob("*/config.json"))) or "none"
    if Path(name_or_folder).is_dir():
        raise ModelError(f"{name_or_folder} is no model folder: it has no config.json; kwsd's own models: {known}")
    raise ModelError(f"no model and no folder is called {name_or_folder!r}; kwsd's own models: {known}")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}: fetch the model again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is no JSON object: fetch the model again")
    return value


def _card(path: Path) -> dict[str, Any]:
    """The card, with its three tables; an empty one where there is none."""
    card = _json(path) if path.exists() else {}
    for name in ("sha256", "thresholds", "scores"):
        if not isinstance(card.setdefault(name, {}), dict):
            raise ModelError(f"{path}: {name} is no table: fetch the model again")
    for word, threshold in card["thresholds"].items():
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            raise ModelError(f"{path}: the threshold of {word!r} is {threshold!r}, no number from 0 to 1")
    return card


def _labels(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    named = config.get("id2label")
    try:
        labels = tuple(str(named[str(index)]) for index in range(len(named)))  # type: ignore[index, arg-type]  # may be None
    except (TypeError, KeyError) as error:
        raise ModelError(f"{folder}/config.json has no id2label with the labels 0, 1, 2, …") from error
    if not labels:
        raise ModelError(f"{folder}/config.json names no labels")
    return labels


def _digest(path: Path) -> str:
    """SHA-256 of a file, which is never held as a whole."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
    return digest.hexdigest()


def _verify(folder: Path, card: Mapping[str, Any], labels: tuple[str, ...]) -> None:
    """Checksums as the card has them, and one node of the word head for every label but silence."""
    for name, expected in card["sha256"].items():
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise ModelError(f"{folder / name}: {error.strerror}, but the card lists it: fetch it again") from error
        if found != expected:
            raise ModelError(f"{folder / name} is damaged: its SHA-256 is not the card's; fetch the model again")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / _WEIGHTS, framework="np") as weights:
            nodes = weights.get_slice("word_head.outer.weight").get_shape()[0]
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder / _WEIGHTS} is no whole model of kwsd ({error}): fetch it again") from error
    if nodes != len(labels) - 1:
        raise ModelError(f"{folder}: {len(labels)} labels, but weights for {nodes + 1}: config.json is another model's")
