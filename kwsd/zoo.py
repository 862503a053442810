"""A model's name or folder -> verified files -> a ready classifier.

Reading a card imports no torch. graph.onnx, where a folder has one, lets ONNX Runtime compute the same weights.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from kwsd.classifier import Classifier, numbers
from kwsd.config import expanded, nearest
from kwsd.errors import ConfigError, ModelError
from kwsd.events import RATE
from kwsd.networks.arrangement import GRAPH, WEIGHTS
from kwsd.networks.cards import DEFAULT_THRESHOLD, ModelCard, card_of_file, card_of_folder, own_window
from kwsd.networks.exported import is_exported, read_exported
from kwsd.networks.hub import HubId, complete, forget, hub_id, pulled, pulled_ids

__all__ = [
    "DEFAULT_MODEL", "DEFAULT_THRESHOLD", "ModelCard", "find_model", "load_classifier", "missing_id", "pull_model",
    "pulled_models", "read_card", "remove_model", "shipped_models",
]  # fmt: skip

DEFAULT_MODEL = "hubert-commands"
"""The model that listens where none is named."""


def shipped_models() -> list[ModelCard]:
    """The cards of the models that came with kwsd, the default one first."""
    cards = [read_card(str(path.parent)) for path in sorted(_shipped().glob("*/config.json"))]
    return sorted(cards, key=lambda card: card.name != DEFAULT_MODEL)


def read_card(name_or_folder: str) -> ModelCard:
    """The card of a shipped model, a model folder, an exported file, or a model pulled from the Hub, files verified.

    Never uses the network: what is not on this machine has to be pulled first.

    Raises:
        ModelError: there is none, a file is missing or truncated, a checksum is wrong, the labels do not fit the
            weights, or the weights are pickled.
    """
    if is_exported(name_or_folder):
        return card_of_file(expanded(name_or_folder))
    return _with_verifiers_window(card_of_folder(find_model(name_or_folder), name_or_folder))


def load_classifier(
    card: ModelCard, *, device: str = "auto", any_length: bool = False, on_torch: bool = False
) -> Classifier:
    """The classifier behind a card, warmed up on `device` ("auto", "cuda" or "cpu").

    On the CPU it is ONNX Runtime's if the folder has a graph for windows of the card's length, and neither torch nor
    transformers is imported. With `any_length` it takes windows of whatever length, which a graph does not, and which
    nothing verifies. With `on_torch` a graph is not used.

    Raises:
        ModelError: its scores are no numbers.
        ModelError, DeviceError: see `kwsd.networks.devices.pick_device`, `kwsd.networks.torch_classifier.load_own` and
            `kwsd.networks.onnx_classifier.load_onnx`.
        ConfigError: an exported model is to run on a GPU.
    """
    if card.kind == "exported":
        if device == "cuda":
            raise ConfigError(
                f"--device cuda: {card.path} runs on the processor;", "for the GPU name the model's folder"
            )
        from kwsd.networks.onnx_classifier import load_exported

        return _tried(load_exported(*read_exported(card.path), str(card.path)), card)
    from kwsd.networks.devices import pick_device

    device = pick_device(device)
    if card.kind == "zero-shot":
        from kwsd.networks.clap import load_zero_shot

        return _tried(load_zero_shot(card.path, card.name, card.labels, card.window, device), card)
    if card.kind == "classifier":
        from kwsd.networks.auto_classifier import load_auto

        return _tried(load_auto(card.path, card.name, card.window, device, card.longest), card)
    drawn = not (any_length or on_torch)
    first = _load_own(card, device, drawn=drawn)
    if card.verifier is None or any_length:
        return first
    from kwsd.networks.cascade import Cascade

    verifying = _verifying(card, card.verifier.model)
    if (verifying.window, verifying.about) != (card.verifier.window, card.about):
        lengths = f"{verifying.about / RATE:g} s at once, {card.name} {card.about / RATE:g} s"
        raise ModelError(f"{verifying.name} verifies {card.name}, but judges {lengths};", "take --no-verify")
    second, chosen = _load_own(verifying, device, drawn=drawn), card.verifier
    hear = card.window, verifying.window
    return Cascade(first, second, asked_from=chosen.asked_from, weight=chosen.weight, hear=hear)


def _load_own(card: ModelCard, device: str, *, drawn: bool) -> Classifier:
    """One of kwsd's own networks; by its graph, if that may be and fits."""
    fits = (card.path / GRAPH).is_file() and card.window == own_window(card.path)
    if device == "cpu" and drawn and fits:
        from kwsd.networks.onnx_classifier import load_onnx

        return _tried(load_onnx(card.path, card.name, card.labels), card)
    from kwsd.networks.torch_classifier import load_own

    return _tried(load_own(card.path, card.name, device), card)


def _tried(classifier: Classifier, card: ModelCard) -> Classifier:
    """The classifier, which gives numbers for a window of noise. What diverged in training may still do for silence."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (1, card.window)).astype(np.float32)
    numbers(classifier.score(noise), str(card.path))
    return classifier


def _with_verifiers_window(card: ModelCard) -> ModelCard:
    """The card, which knows now what its verifier hears at once. What is wrong with that one, loading it tells."""
    verifier = card.verifier
    folder = _beside(card, verifier.model) if verifier else None
    if verifier is None or folder is None:
        return card
    with suppress(ModelError):
        return replace(card, verifier=replace(verifier, window=own_window(folder)))
    return card


def _verifying(card: ModelCard, name: str) -> ModelCard:
    """The card of the model that verifies."""
    folder = _beside(card, name)
    if folder is None:
        what = f"{card.name} is verified by {name}, which is not beside it"
        raise ModelError(what, "put it there, or take --no-verify")
    return card_of_folder(folder, name)


def _beside(card: ModelCard, name: str) -> Path | None:
    """A verifier's folder: it lies beside the model that it verifies, or came with kwsd."""
    folders = (card.path.resolve().parent / name, _shipped() / name)
    return next((folder for folder in folders if (folder / "config.json").is_file()), None)


def missing_id(name_or_folder: str) -> HubId | None:
    """The model on the Hub that is meant, if it is not on this machine yet; None for all that is no such id.

    A folder that is here is what is meant, be it a model or none.
    """
    here = expanded(name_or_folder).is_dir() or (_shipped() / name_or_folder / "config.json").is_file()
    wanted = None if here or is_exported(name_or_folder) else hub_id(name_or_folder)
    if wanted is None or ((there := pulled(wanted)) is not None and complete(there)):
        return None
    return wanted


def pull_model(name: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetch a model from the Hub, or what has changed of it; its folder. `progress` is told the bytes here and in all.

    Raises:
        ModelError, DeviceError: see `kwsd.networks.pulling.pull`.
    """
    wanted = hub_id(name)
    if wanted is None:
        raise ModelError(f"{name!r} is no id of a model on the Hub", "those read OWNER/NAME, or OWNER/NAME@REVISION")
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
    if is_exported(name_or_folder):
        raise ModelError(f"{name_or_folder} is an exported model, which can only listen", "name what it was made from")
    shipped = _shipped() / name_or_folder
    for folder in (expanded(name_or_folder), shipped):
        if (folder / "config.json").is_file():
            return folder
    ours = sorted(path.parent.name for path in _shipped().glob("*/config.json"))
    known = ", ".join(ours) or "none"
    recipe = next((place / "recipe.toml" for place in (Path(name_or_folder), shipped) if _only_recipe(place)), None)
    if recipe is not None:
        raise ModelError(f"{name_or_folder} is a recipe, not a model yet", f"kwsd train {recipe} --data FOLDER")
    if (here := expanded(name_or_folder)).is_dir():
        of_run = f"did you mean {here / 'model'}?" if (here / "model" / "config.json").is_file() else ""
        raise ModelError(f"{here} is no model folder: it has no config.json;", of_run or f"kwsd's own models: {known}")
    wanted = hub_id(name_or_folder)
    if wanted:
        folder_of_hub = pulled(wanted)
        if folder_of_hub:
            return folder_of_hub
        raise ModelError(f"{wanted} is neither a folder here nor pulled yet", f"kwsd models pull {wanted}")
    hint = nearest(name_or_folder, ours) or f"kwsd's own models: {known}"
    raise ModelError(f"no model and no folder is called {name_or_folder!r};", hint)


def _only_recipe(folder: Path) -> bool:
    """Whether there is what a model can be trained from, and no part of one yet."""
    return (folder / "recipe.toml").is_file() and not (folder / WEIGHTS).is_file()
