"""Reads a model's files into its card and verifies them, without importing torch.

A model folder holds what `save_pretrained` writes (config.json, model.safetensors, preprocessor_config.json) and a
card.json with what travels with the weights: thresholds, checksums, licence, measured scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kwsd.cards.card_file import check_words, read_card_file, verify_checksums
from kwsd.cards.exported import read_exported
from kwsd.cards.folder import licence_of, read_json, read_labels, whole
from kwsd.cards.foreign import LEAST_WINDOW, LONGEST_S, is_foreign, read_spec
from kwsd.cards.hub import hub_id
from kwsd.cards.model_card import DEFAULT_THRESHOLD, ModelCard
from kwsd.cards.names import CARD, VERIFIER_TYPES, WEIGHTS, WHISPER_TYPE
from kwsd.cards.untrusted import check_own_means
from kwsd.cards.verifier import read_verifier
from kwsd.cards.weights import check_fetched, no_weights, weight_files
from kwsd.config import expanded
from kwsd.errors import ModelError
from kwsd.labels import can_fire, misplaced
from kwsd.samples import RATE
from kwsd.shown import one_line, readable

DEFAULT_WINDOW = RATE
"""The input's length, in samples, for a model that does not name one: a second."""
_HEAD = "classifier.weight"
"""The last layer of transformers' audio classifiers, except those of `_OTHER_HEADS`."""
_OTHER_HEADS = {"audio-spectrogram-transformer": "classifier.dense.weight"}
"""The last layers that are called otherwise, by the type of the model."""


def card_of_folder(folder: Path, given: str) -> ModelCard:
    """The card of the model in `folder`, which the user named `given`; its files are verified.

    Raises:
        ModelError: a file is missing or truncated, a checksum is wrong, the labels do not fit the weights, the
            thresholds do not fit the labels, or the weights are pickled.
    """
    config = read_json(folder / "config.json")
    check_own_means(config, given)
    card = read_card_file(folder / CARD)
    if is_foreign(config):
        return _foreign_card(folder, config, card, given)
    if not (folder / WEIGHTS).is_file():
        raise no_weights(folder, str(folder))
    labels, window = read_labels(folder, config), own_window(folder)
    with suppress(OSError):  # told where its checksum is
        check_fetched(folder / WEIGHTS)
    _verify(folder, card, labels)
    told = str(folder / CARD)
    verifier = read_verifier(card, told)
    check_words(card["thresholds"], labels, f"{told}: thresholds")
    if verifier is not None:
        check_words(verifier.thresholds, labels, f"{told}: the verifier's thresholds")
    return ModelCard(
        name=_name(folder, card, given),
        path=folder,
        labels=labels,
        thresholds=_thresholds(card, labels),
        licence=str(card.get("licence", "unknown")),
        size_bytes=(folder / WEIGHTS).stat().st_size,
        scores=card["scores"],
        window=window,
        longest=window if config["model_type"] == WHISPER_TYPE else None,  # it has a position for each step of that
        spoken=_own_spoken(folder, config, window),
        verifier=verifier,
        smoothing=card["smoothing"],
        substitution=card["substitution"],
        latest_ms=card["latest_ms"],
        second_chance=card["second_chance"],
    )


def card_of_file(path: Path) -> ModelCard:
    """The card of a model that `kwsd export` wrote.

    Raises ModelError where a threshold is for an unknown label, and as `kwsd.cards.exported.read_exported` does."""
    found, data = read_exported(path)
    check_words(found.thresholds, found.labels, f"{path}: thresholds")
    window = found.window * RATE // found.rate
    return ModelCard(
        name=found.name,
        path=path,
        labels=found.labels,
        thresholds=_thresholds({"thresholds": found.thresholds}, found.labels),
        licence=found.licence,
        size_bytes=len(data),
        scores=found.scores,
        kind="exported",
        rate=found.rate,
        window=window,
        longest=window,
        spoken=None if found.about is None else found.about * RATE // found.rate,
        smoothing=found.smoothing,
        substitution=found.substitution,
        latest_ms=found.latest_ms,
        second_chance=found.second_chance,
    )


def own_window(folder: Path) -> int:
    """The length, in samples, of the input of kwsd's own model in `folder`. Raises ModelError."""
    said = read_json(folder / "config.json").get("window_samples", RATE)
    return whole(said, folder, "window_samples", LONGEST_S * RATE, LEAST_WINDOW)


def _own_spoken(folder: Path, config: Mapping[str, Any], window: int) -> int | None:
    """The number of last samples that the scores of kwsd's own model are about; None for all. Raises ModelError."""
    said = config.get("about_samples")
    if said is None or config.get("model_type") not in VERIFIER_TYPES:
        return None
    found = whole(said, folder, "about_samples", window, LEAST_WINDOW)
    return None if found == window else found


def _foreign_card(folder: Path, config: Mapping[str, Any], card: Mapping[str, Any], given: str) -> ModelCard:
    """The card of a model that is not kwsd's own."""
    name = _name(folder, card, given)
    files = weight_files(folder, name)
    spec = read_spec(folder, config, name)
    verify_checksums(folder, card)
    if spec.kind == "classifier":
        _check_head(files, config, spec.labels, name)
    if spec.labels:  # a zero-shot model gets its labels later
        check_words(card["thresholds"], spec.labels, f"{folder / CARD}: thresholds")
    return ModelCard(
        name=name,
        path=folder,
        labels=spec.labels,
        thresholds=_thresholds(card, spec.labels),
        licence=licence_of(folder, card),
        size_bytes=sum(file.stat().st_size for file in files),
        scores=card["scores"],
        kind=spec.kind,
        rate=spec.rate,
        window=spec.window or DEFAULT_WINDOW,
        longest=spec.longest,
        smoothing=card["smoothing"],
    )


def _name(folder: Path, card: Mapping[str, Any], given: str) -> str:
    """The model's name: its id for a model from the Hub, where two cards may share a name; otherwise its card's.

    Without one in the card it is the folder's name, made printable."""
    wanted = hub_id(given)
    if wanted and folder != expanded(given):
        return str(wanted)
    return str(card.get("name", one_line(readable(folder.resolve().name))))


def _thresholds(card: Mapping[str, Any], labels: tuple[str, ...]) -> dict[str, float]:
    """A threshold for every label that can fire: the card's or the default."""
    return {word: float(card["thresholds"].get(word, DEFAULT_THRESHOLD)) for word in filter(can_fire, labels)}


def _check_head(files: list[Path], config: Mapping[str, Any], labels: tuple[str, ...], name: str) -> None:
    """Raise ModelError where the last layer, if it is called as in transformers, has another number of labels."""
    from safetensors import safe_open

    head = _OTHER_HEADS.get(str(config.get("model_type")), _HEAD)
    for file in files:
        with safe_open(file, framework="np") as weights:
            if head in weights.keys():  # noqa: SIM118  # it is no mapping
                rows = (weights.get_slice(head).get_shape() or [1])[0]  # a single number is one row
                if rows != len(labels) and config.get("id2label") is None:
                    raise ModelError(
                        f"{name}: config.json has no id2label, and the weights are for {rows} labels;",
                        "add id2label to it",
                    )
                if rows != len(labels):
                    what = f"{name}: config.json names {len(labels)} labels, but the weights are for {rows};"
                    raise ModelError(what, "fetch the model again")


def _verify(folder: Path, card: Mapping[str, Any], labels: tuple[str, ...]) -> None:
    """Raise ModelError unless the files fit the card and the labels.

    Checksums must match, silence must be the last label, and the word head must have a node for each other one."""
    verify_checksums(folder, card)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / WEIGHTS, framework="np") as weights:
            shape = weights.get_slice("word_head.outer.weight").get_shape()
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{folder / WEIGHTS} is damaged, or not from kwsd ({error})", "fetch the model again"
        ) from error
    if len(shape) != 2:
        why = f"word_head.outer.weight has {len(shape)} dimensions"
        raise ModelError(f"{folder / WEIGHTS} is damaged, or not from kwsd ({why})", "fetch the model again")
    nodes = shape[0]
    if nodes != len(labels) - 1:
        told = f"{folder}: config.json names {len(labels)} labels, but the weights are for {nodes + 1};"
        raise ModelError(told, "fetch the model again")
    if what := misplaced(labels):
        raise ModelError(
            f"{folder}/config.json: {what};", "put id2label into the order of the scores, or fetch the model again"
        )
