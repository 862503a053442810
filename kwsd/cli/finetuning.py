"""Carries out `kwsd train` on clips, for a foreign encoder or kwsd's own HuBERT.

Imports torch, so `train` imports this module only when it runs.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from kwsd.cards.card_writing import read_raw_card
from kwsd.cards.folder import licence_of, read_json, read_labels
from kwsd.cards.names import WEIGHTS
from kwsd.cards.reading import own_window
from kwsd.cli import console
from kwsd.cli.fetching import pull_if_missing
from kwsd.cli.learning import Places, learn, unwritten
from kwsd.errors import UsageError
from kwsd.labels import UNKNOWN
from kwsd.networks.devices import pick_device
from kwsd.samples import RATE
from kwsd.shown import first_few, several
from kwsd.training.finetuning.adopting import adopt, export_adopted, is_own, keep_notices
from kwsd.training.finetuning.data_warnings import doubts
from kwsd.training.finetuning.examples import LONG
from kwsd.training.finetuning.finetune import COLUMNS, Finetuning
from kwsd.training.finetuning.labelled import Labelled, find_labelled
from kwsd.training.finetuning.recipe import FEW_STEPS, FinetuneRecipe
from kwsd.training.finetuning.unreadable import check_readable, warned_once
from kwsd.training.run_folder import (
    CONTENTS_KEY,
    WEIGHTS_KEY,
    going_on,
    keep_recipe,
    model_folder,
    model_place,
    run_folder,
)
from kwsd.zoo import find_model, missing_id

log = logging.getLogger(__name__)

_FEW = 12
"""A model with fewer labels knows few words, and has hardly learnt to reject others."""
_MANY = 50
"""The fewest clips for a figure in per cent: with fewer, one clip is more than two per cent."""
_NAMED = 5
"""The most clips that are named in a line."""


@warned_once()
def finetune(recipe: FinetuneRecipe, places: Places, device: str) -> None:
    """Carry out `kwsd train` on clips. Raises Interrupted after Ctrl-C."""
    device = pick_device(device)
    out = places.out
    besides = (places.runs, places.runs / recipe.name, *(() if out is None else (out, out / recipe.name)))
    data = find_labelled(places.data, recipe.words, besides)
    check_readable(data)
    for doubt in doubts(data, recipe.window):
        log.warning("%s", doubt)
    if missing_id(recipe.model) is None:  # an invalid model is reported before a folder is made for the run
        backbone = find_model(recipe.model)
        _check_kept(backbone, model_folder(places.runs / recipe.name, out, recipe.name))
        recipe, data = _fitted(recipe, data, backbone)
    told = _told(recipe, data, places)
    usual = {"add": False, CONTENTS_KEY: told[CONTENTS_KEY]}
    with run_folder(places.runs, recipe.name, told, fresh=places.fresh, usual=usual) as folder:
        _finetune(recipe, places, folder, data, device)


def _finetune(recipe: FinetuneRecipe, places: Places, folder: Path, data: Labelled, device: str) -> None:
    """Train and export the model, resuming the run in `folder` if there is one."""
    place = model_place(folder, places.out, recipe.name)
    read_raw_card(place)  # raises now, not after training
    to_be_fetched = missing_id(recipe.model) is not None
    pull_if_missing(recipe.model)  # after all other checks, as it may take minutes
    backbone = find_model(recipe.model)
    card = read_raw_card(backbone)
    licence = places.licence or licence_of(backbone, card)
    asked, (recipe, data) = (recipe, data), _fitted(recipe, data, backbone)
    if to_be_fetched or (recipe, data) != asked:
        keep_recipe(folder, _told(recipe, data, places))  # the weights are known only now
    model, extractor = adopt(backbone, recipe, data.labels, device)
    run = Finetuning(recipe, model, extractor, data, folder, device)
    with console.progress() as show:
        unlike = list(_unlike(run, backbone, show))  # before a checkpoint is loaded: that network knows the clips
    if run.resume():
        log.info("%s: resuming from step %d of %d", folder, run.step, run.steps)
    shares = ((len(data.part(split)), of) for split, of in (("validation", "to validate with"), ("test", "to test")))
    others = "".join(f", {count} {of}" for count, of in shares if count)
    log.info("%d labels, %d clips to train on%s, on %s", len(data.labels), len(data.part("train")), others, device)
    _doubt(run, recipe, data, few_words=recipe.add and not card.get("verifier") and len(_known(backbone)) < _FEW)
    for doubt in unlike:
        log.warning("%s", doubt)
    with console.progress() as show:
        learn(run, COLUMNS, show, going_on(places.fresh))
    run.unreadable.bear_all()
    scores = {split: figures for split in ("validation", "test") if (figures := run.measure(split, noise=False))}
    try:
        added_to = card if recipe.add else None
        export_adopted(run.model, extractor, place, name=recipe.name, licence=licence, scores=scores, added_to=added_to)
        keep_notices(backbone, place)
    except (OSError, SafetensorError) as error:
        raise unwritten(place, error, going_on(places.fresh)) from error
    told = [several(run.step, "step")]
    if left_out := len(run.unreadable.found | run.unreadable.silent):
        told.append(f"{several(left_out, 'clip')} left out")
    console.say(f"{place}: {', '.join([*told, *_figures(scores)])}")
    model = shlex.quote(str(place))
    log.info("to use it: kwsd listen --model %s", model)
    log.info("how often it fires at talk it has not learnt from: kwsd eval negatives TALK --model %s", model)


def _check_kept(backbone: Path, place: Path) -> None:
    """Raise UsageError where the result would replace the model that is taught: there would be no way back to it."""
    if place.exists() and place.samefile(backbone):
        raise UsageError(f"{place} is the model to teach, and the result would replace it;", "name another with --name")


def _doubt(run: Finetuning, recipe: FinetuneRecipe, data: Labelled, *, few_words: bool) -> None:
    """Warn of weaknesses that the trained model will have; `few_words`: words are added to a model that knows few."""
    if few_words:
        log.warning(
            "%s knows few words, so other words will often be taken for an added one; put the clips of all words "
            "together, and train without --add",
            recipe.model,
        )
    if run.steps < FEW_STEPS:
        enough = -(-FEW_STEPS // run.steps_an_epoch)
        log.warning(
            "%s in all are too few: most words will not reach the threshold; --epochs %d makes %d of them",
            *(several(run.steps, "step"), enough, enough * run.steps_an_epoch),
        )
    if any(clip.label == UNKNOWN for clip in data.clips) and not run.hears_talk:
        log.warning(
            "%s has no continuous speech: words will fire in talk without them; add recordings of people talking, each "
            "of %g s or more",
            *(UNKNOWN, LONG * recipe.window_s),
        )


def _unlike(run: Finetuning, backbone: Path, show: console.Show) -> Iterator[str]:
    """A line for each new word of kwsd's own HuBERT of which some clips may be mistakes."""
    if not is_own(backbone):
        return
    for label, odd, count in run.unlike_others(_known(backbone), partial(show, "comparing clips")):
        some = first_few(odd, _NAMED)
        yield (
            f"{label!r}: {len(odd)} of {count} clips do not sound like the others; listen to them: {some}; remove "
            "those that hold something else, only a part of the word, or a noise that drowns it"
        )


def _fitted(recipe: FinetuneRecipe, data: Labelled, backbone: Path) -> tuple[FinetuneRecipe, Labelled]:
    """The recipe and the data, adapted to the backbone.

    For kwsd's own HuBERT, the encoder is frozen, the labels `_unknown_` and `_silence_` are added, and classes are
    weighted, so that much talk, or many words, do not outweigh a rare one. Raises UsageError where words cannot be
    added to the backbone, or there are no new ones.
    """
    if not is_own(backbone):
        if recipe.add:
            what = f"--add works only with kwsd's own HuBERT, not with {recipe.model}"
            raise UsageError(f"{what};", "leave it out")
        return recipe, data
    recipe = replace(recipe, frozen=True, class_weights=True)
    return recipe, _beside(data, recipe, backbone) if recipe.add else data.completed()


def _known(backbone: Path) -> tuple[str, ...]:
    return read_labels(backbone, read_json(backbone / "config.json"))


def _beside(data: Labelled, recipe: FinetuneRecipe, backbone: Path) -> Labelled:
    known = _known(backbone)
    heard = own_window(backbone)
    if recipe.window != heard:
        seconds = f"{heard / RATE:g}"
        raise UsageError(f"--add: {recipe.model} keeps its window of {seconds} s;", f"use --window {seconds}")
    found = data.beside(known)
    if len(found.labels) == len(known):
        raise UsageError(f"--add: {recipe.model} knows all of these words already;", "leave it out to train them again")
    return found


def _told(recipe: FinetuneRecipe, data: Labelled, places: Places) -> dict[str, Any]:
    """The recipe, the clips' digest and the weights as plain values, to compare with a later call's."""
    clips = data.digest(places.data if places.data.is_dir() else places.data.parent)
    told = {"clips": clips, CONTENTS_KEY: data.contents()}
    return recipe.to_dict(data.labels) | told | {WEIGHTS_KEY: _weights_of(recipe.model)}


def _weights_of(model: str) -> str:
    """The checksum of the weights that the run starts from, by the model's card: the model may be replaced later.

    "" without a card, as for most foreign models, and for a model that is not here yet."""
    if missing_id(model) is not None:
        return ""
    return str(read_raw_card(find_model(model)).get("sha256", {}).get(WEIGHTS, ""))


def _figures(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The figures of each split in words: how many windows were right, in per cent if there are enough of them."""
    told = []
    for split, figures in scores.items():
        clips, accuracy = round(figures["clips"]), figures["accuracy"]
        right = f"{100 * accuracy:.1f} %" if clips >= _MANY else f"{round(accuracy * clips)}"
        told.append(f"{split} {right} of {several(clips, 'window')}")
    return told
