"""A model's name or folder -> verified files -> a ready classifier.

A model folder holds what `save_pretrained` writes (config.json, model.safetensors, preprocessor_config.json) and a
card.json with what travels with the weights: thresholds, checksums, licence, measured scores. Reading a card imports
no torch. graph.onnx, where there is one, lets ONNX Runtime compute the same weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.errors import ModelError
from kwsd.events import RATE
from kwsd.networks.arrangement import GRAPH, WEIGHTS
from kwsd.networks.foreign import Kind, is_foreign, licence_of, read_nature, weight_files
from kwsd.networks.foreign import read_json as _json
from kwsd.networks.foreign import read_labels as _labels
from kwsd.networks.hub import HubId, forget, hub_id, pulled, pulled_ids
from kwsd.networks.labels import can_fire

if TYPE_CHECKING:
    from kwsd.networks.auto_engine import AutoClassifier
    from kwsd.networks.clap import ZeroShotClassifier
    from kwsd.networks.engine import TorchClassifier
    from kwsd.networks.runtime import OnnxClassifier

    Classifiers = TorchClassifier | OnnxClassifier | AutoClassifier | ZeroShotClassifier

DEFAULT_MODEL = "hubert-commands"
"""The model that listens where none is named."""

DEFAULT_THRESHOLD = 0.95
"""For a word whose card names none."""

DEFAULT_WINDOW = RATE
"""What a model hears at once that does not say how much it wants, in samples: a second."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model folder says of itself. `thresholds` has every word; `scores` is whatever was measured.

    `rate` (Hz) is what the network takes. `window` is what it hears at once, `longest` the most that it can (None for
    no limit), both in samples at 16 kHz. A zero-shot model has no labels until it is given some.
    """

    name: str
    path: Path
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    licence: str
    size_bytes: int
    scores: Mapping[str, Any]
    kind: Kind = "kwsd"
    rate: int = RATE
    window: int = RATE
    longest: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that can fire."""
        return tuple(label for label in self.labels if can_fire(label))


def shipped_models() -> list[ModelCard]:
    """The cards of the models that came with kwsd, the default one first."""
    cards = [read_card(str(path.parent)) for path in sorted(_shipped().glob("*/config.json"))]
    return sorted(cards, key=lambda card: card.name != DEFAULT_MODEL)


def read_card(name_or_folder: str) -> ModelCard:
    """The card of a shipped model, of a model folder, or of a model that was pulled from the Hub, its files verified.

    Never uses the network: what is not on this machine has to be pulled first.

    Raises:
        ModelError: there is none, a file is missing or truncated, a checksum is wrong, the labels do not fit the
            weights, or the weights are pickled.
    """
    folder = find_model(name_or_folder)
    config = _json(folder / "config.json")
    card = _card(folder / "card.json")
    if is_foreign(config):
        return _foreign_card(folder, config, card, name_or_folder)
    if not (folder / WEIGHTS).is_file():
        pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickles:
            raise ModelError(f"{folder}: {pickles[0]} is a pickle, which can run code: save the model as safetensors")
        raise ModelError(f"{folder}: there is no {WEIGHTS}: fetch the model again")
    labels = _labels(folder, config)
    _verify(folder, card, labels)
    thresholds = card["thresholds"]
    words = filter(can_fire, labels)
    return ModelCard(
        name=str(card.get("name", folder.resolve().name)),
        path=folder,
        labels=labels,
        thresholds={word: float(thresholds.get(word, DEFAULT_THRESHOLD)) for word in words},
        licence=str(card.get("licence", "unknown")),
        size_bytes=(folder / WEIGHTS).stat().st_size,
        scores=card["scores"],
        window=_own_window(folder),
    )


def _own_window(folder: Path) -> int:
    """What kwsd's own model hears at once, in samples."""
    return int(_json(folder / "config.json").get("window_samples", RATE))


def _foreign_card(folder: Path, config: Mapping[str, Any], card: Mapping[str, Any], given: str) -> ModelCard:
    """The card of a model that is not kwsd's own. One from the Hub is called by its id, another by its folder."""
    hub_name = given if hub_id(given) else folder.resolve().name
    name = str(card.get("name", hub_name))
    files = weight_files(folder, name)
    nature = read_nature(folder, config, name)
    _verify_checksums(folder, card)
    return ModelCard(
        name=name,
        path=folder,
        labels=nature.labels,
        thresholds={word: float(card["thresholds"].get(word, DEFAULT_THRESHOLD)) for word in nature.labels},
        licence=str(card.get("licence") or licence_of(folder)),
        size_bytes=sum(file.stat().st_size for file in files),
        scores=card["scores"],
        kind=nature.kind,
        rate=nature.rate,
        window=nature.window or DEFAULT_WINDOW,
        longest=nature.longest,
    )


def load_classifier(card: ModelCard, *, device: str = "auto", any_length: bool = False) -> Classifiers:
    """The classifier behind a card, warmed up on `device` ("auto", "cuda" or "cpu").

    On the CPU it is ONNX Runtime's if the folder has a graph for windows of the card's length, and neither torch nor
    transformers is imported. With `any_length` it takes windows of whatever length, which a graph does not.

    Raises:
        ModelError, DeviceError: see `kwsd.networks.engine.load_hubert` and `kwsd.networks.runtime.load_onnx`.
    """
    from kwsd.networks.devices import pick_device

    device = pick_device(device)
    if card.kind == "zero-shot":
        from kwsd.networks.clap import load_zero_shot

        return load_zero_shot(card.path, card.name, card.labels, card.window, device)
    if card.kind == "classifier":
        from kwsd.networks.auto_engine import load_auto

        return load_auto(card.path, card.name, card.window, device, card.longest)
    drawn = (card.path / GRAPH).is_file() and not any_length and card.window == _own_window(card.path)
    if device == "cpu" and drawn:
        from kwsd.networks.runtime import load_onnx

        return load_onnx(card.path, card.name, card.labels)
    from kwsd.networks.engine import load_hubert

    return load_hubert(card.path, card.name, device)


def missing_id(name_or_folder: str) -> HubId | None:
    """The model on the Hub that is meant, if it is not on this machine yet; None for all that is no such id."""
    here = any((place / "config.json").is_file() for place in (Path(name_or_folder), _shipped() / name_or_folder))
    wanted = None if here else hub_id(name_or_folder)
    return wanted if wanted and pulled(wanted) is None else None


def pull_model(name: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetch a model from the Hub, or what has changed of it; its folder. `progress` is told the bytes here and in all.

    Raises:
        ModelError, DeviceError: see `kwsd.networks.pulling.pull`.
    """
    wanted = hub_id(name)
    if wanted is None:
        raise ModelError(f"{name!r} is no id of a model on the Hub: those read OWNER/NAME, or OWNER/NAME@REVISION")
    from kwsd.networks.pulling import pull

    return pull(wanted, progress)


def pulled_models() -> list[ModelCard]:
    """The cards of all pulled models that kwsd can run; whatever else lies in the Hub's cache is left out."""
    cards = []
    for found in pulled_ids():
        with suppress(ModelError):
            cards.append(read_card(str(found)))
    return cards


def remove_model(name: str) -> int:
    """Remove a pulled model; the bytes that were freed. Raises ModelError for one that is not among them."""
    wanted = hub_id(name)
    if wanted is None:
        raise ModelError(f"{name}: only pulled models are removed, OWNER/NAME; a folder is yours to delete")
    return forget(wanted)


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
    wanted = hub_id(name_or_folder)
    if wanted:
        folder_of_hub = pulled(wanted)
        if folder_of_hub:
            return folder_of_hub
        raise ModelError(f"{wanted} is neither a folder here nor pulled yet: kwsd models pull {wanted}")
    raise ModelError(f"no model and no folder is called {name_or_folder!r}; kwsd's own models: {known}")


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


def _verify(folder: Path, card: Mapping[str, Any], labels: tuple[str, ...]) -> None:
    """Checksums as the card has them, and one node of the word head for every label but silence."""
    _verify_checksums(folder, card)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / WEIGHTS, framework="np") as weights:
            nodes = weights.get_slice("word_head.outer.weight").get_shape()[0]
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder / WEIGHTS} is no whole model of kwsd ({error}): fetch it again") from error
    if nodes != len(labels) - 1:
        raise ModelError(f"{folder}: {len(labels)} labels, but weights for {nodes + 1}: config.json is another model's")


def _digest(path: Path) -> str:
    """SHA-256 of a file, which is never held as a whole."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
    return digest.hexdigest()


def _verify_checksums(folder: Path, card: Mapping[str, Any]) -> None:
    for name, expected in card["sha256"].items():
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise ModelError(f"{folder / name}: {error.strerror}, but the card lists it: fetch it again") from error
        if found != expected:
            raise ModelError(f"{folder / name} is damaged: its SHA-256 is not the card's; fetch the model again")
