"""Finds the card of a model by its name or folder, with its files verified. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from kwsd.cards.card_file import read_card_file
from kwsd.cards.exported import is_exported
from kwsd.cards.hub import hub_id, id_in_address, pulled
from kwsd.cards.model_card import ModelCard
from kwsd.cards.names import CARD, RUN, WEIGHTS
from kwsd.cards.reading import card_of_file, card_of_folder, own_window
from kwsd.cards.verifier import read_verifier
from kwsd.cards.weights import is_adapter, only_adapter
from kwsd.config import expanded, nearest
from kwsd.config.sections import DEFAULT_MODEL
from kwsd.errors import ModelError, out_of_reach

log = logging.getLogger(__name__)


@contextmanager
def within_reach() -> Iterator[None]:
    """Wrap a search for a model by its name. Raises ModelError where the name leads to a place out of reach."""
    try:
        yield
    except OSError as error:
        if not (where := out_of_reach(error)):
            raise
        raise ModelError(where, "check the name and its permissions, or name another model") from error


def shipped_models() -> list[ModelCard]:
    """The cards of the models that came with kwsd, the default one first."""
    cards = [read_card(str(shipped() / name)) for name in shipped_names()]
    return sorted(cards, key=lambda card: card.name != DEFAULT_MODEL)


def shipped_names() -> list[str]:
    """The names of the shipped models in alphabetical order; no card is read."""
    return sorted(path.parent.name for path in shipped().glob("*/config.json"))


@within_reach()
def read_card(name_or_folder: str) -> ModelCard:
    """The card of a shipped model, a model folder, an exported file, or a pulled model; its files are verified.

    Never uses the network: a model of the Hub has to be pulled first.

    Raises:
        ModelError: there is none, a file is missing or truncated, a checksum is wrong, the labels do not fit the
            weights, or the weights are pickled.
    """
    if is_exported(name_or_folder):
        return card_of_file(expanded(name_or_folder))
    return _with_verifiers_window(card_of_folder(find_model(name_or_folder), name_or_folder))


@within_reach()
def find_model(name_or_folder: str) -> Path:
    """The folder of a shipped or pulled model, or the model folder itself. Raises ModelError where there is none.

    A folder here goes before a shipped model of its name, with a warning: it may be a stranger's, and nobody who names
    no model expects it.
    """
    if is_exported(name_or_folder):
        raise ModelError(
            f"{name_or_folder} is an exported file, which cannot be trained or exported;",
            "name the model that it was made from",
        )
    came_with_kwsd = shipped() / name_or_folder
    for folder in (expanded(name_or_folder), came_with_kwsd):
        if (folder / "config.json").is_file():
            _doubt(name_or_folder, folder)
            return folder
    known = f"kwsd's own models: {', '.join(shipped_names()) or 'none'}"
    places = (Path(name_or_folder), came_with_kwsd)
    recipe = next((place / "recipe.toml" for place in places if _only_recipe(place)), None)
    if recipe is not None:
        raise ModelError(f"{name_or_folder} holds only a recipe, not a model yet", f"kwsd train {recipe} --data FOLDER")
    if (here := expanded(name_or_folder)).is_dir():
        if is_adapter(here):
            raise only_adapter(name_or_folder)
        inner = next(
            (place for place in (here / "model", *_checkpoints(here)) if (place / "config.json").is_file()), None
        )
        of_run = f"did you mean {inner}?" if inner else ""
        if not of_run and (here.parent / RUN).is_file():
            of_run = f"the run in {here.parent} is not finished: resume it with the `kwsd train` that began it"
        raise ModelError(f"{here} is not a model folder: it has no config.json;", of_run or known)
    if here.is_file():
        near = next((near for near in (here.parent, here.parent / "model") if (near / "config.json").is_file()), None)
        hint = f"name a model's folder, or one of {known}" if near is None else f"did you mean {near}?"
        raise ModelError(f"{here} is a file, but not an ONNX file of kwsd export;", hint)
    wanted = hub_id(name_or_folder)
    if wanted:
        folder_of_hub = pulled(wanted)
        if folder_of_hub:
            return folder_of_hub
        raise ModelError(f"{wanted} is neither a folder nor a pulled model", f"kwsd models pull {wanted}")
    raise ModelError(f"there is no model or folder {name_or_folder!r};", _meant(name_or_folder) or known)


def _doubt(name: str, folder: Path) -> None:
    """Warn of the model in `folder` if it is another than the shipped one that has just this name."""
    if name in shipped_names() and not folder.samefile(shipped() / name):
        log.warning("%s: the model of that name in the current folder is used, not the one that came with kwsd", name)


def _checkpoints(folder: Path) -> list[Path]:
    """The folders that transformers' Trainer writes, the newest first."""
    found = [path for path in folder.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), reverse=True)


def _meant(wanted: str) -> str:
    """A hint at what may have been meant, or "". For a relative path, it names the folder where kwsd was started."""
    if found := id_in_address(wanted):
        return f"did you mean {found}?"
    if "/" in wanted and not expanded(wanted).is_absolute():
        with suppress(OSError):  # that folder is gone
            return f"looked for it in {Path.cwd()}: check the path"
    return nearest(wanted, shipped_names())


def verifier_card(card: ModelCard, name: str) -> ModelCard:
    """The card of the verifier `name` of a model. Raises ModelError where it is neither beside it nor shipped."""
    folder = _beside(card.path, name)
    if folder is None:
        what = f"{card.name} needs its verifier {name}, which is not in a folder beside it;"
        raise ModelError(what, "put it there, or use --no-verify")
    return _with_verifiers_window(card_of_folder(folder, name))


def _with_verifiers_window(card: ModelCard) -> ModelCard:
    """The card with the length of the input that its verifier needs, which may have a verifier itself.

    Errors in a verifier are left for its loading to report. Raises ModelError for a model that would verify itself.
    """
    chain, windows, verifier = [card.path.resolve()], list[int](), card.verifier
    while verifier is not None and (folder := _beside(chain[-1], verifier.model)) is not None:
        if folder.resolve() in chain:
            what = f"{card.path / CARD}: {card.name} names itself as its verifier"
            raise ModelError(what, "name another there, or remove the verifier")
        chain.append(folder.resolve())
        try:
            windows.append(own_window(folder))
            verifier = read_verifier(read_card_file(folder / CARD), str(folder / CARD))
        except ModelError:
            break
    return replace(card, verifier=replace(card.verifier, window=max(windows))) if card.verifier and windows else card


def _beside(path: Path, name: str) -> Path | None:
    """A verifier's folder, beside that of the model which it verifies or among the shipped ones; None if in neither."""
    folders = (path.resolve().parent / name, shipped() / name)
    return next((folder for folder in folders if (folder / "config.json").is_file()), None)


def _only_recipe(folder: Path) -> bool:
    """Whether the folder holds a recipe but no weights yet."""
    return (folder / "recipe.toml").is_file() and not (folder / WEIGHTS).is_file()


def shipped() -> Path:
    """The folder of the shipped models: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    return package / "models" if (package / "models").is_dir() else package.parent / "models"
