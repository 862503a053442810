"""Carries out `kwsd train` on a recipe of kwsd's own, from the recordings to the exported model.

Imports torch, so `train` imports this module only when it runs.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError

from kwsd.cards.card_writing import read_raw_card
from kwsd.cards.folder import licence_of
from kwsd.cli import console
from kwsd.cli.learning import Places, learn, unwritten
from kwsd.errors import KwsdError, ModelError, UsageError
from kwsd.exporting.export import export_model
from kwsd.networks.devices import pick_device
from kwsd.networks.heads import SpotterModel
from kwsd.networks.logit_adjustment import add
from kwsd.training.finetuning.adopting import keep_notices
from kwsd.training.journal import JOURNAL, plot_journal
from kwsd.training.loop import COLUMNS, Run
from kwsd.training.prepare import prepare
from kwsd.training.recipe import Recipe
from kwsd.training.recipe_file import read_recipe
from kwsd.training.run_folder import going_on, model_folder, model_place, run_folder
from kwsd.training.trained import load_trained
from kwsd.training.weight_averaging import average_weights
from kwsd.zoo import find_model

log = logging.getLogger(__name__)


def teach(recipe: Path, places: Places, device: str) -> None:
    """Carry out `kwsd train` on a recipe. Raises Interrupted after Ctrl-C."""
    device = pick_device(device)
    plan = read_recipe(recipe)
    _check_kept(plan, model_folder(places.runs / plan.name, places.out, plan.name))
    usual = asdict(Recipe(plan.name, plan.words))
    with run_folder(places.runs, plan.name, asdict(plan), fresh=places.fresh, usual=usual) as folder:
        _teach(plan, places, folder, device)


def _teach(plan: Recipe, places: Places, folder: Path, device: str) -> None:
    """Train and export the model, resuming the run in `folder` if there is one."""
    place = model_place(folder, places.out, plan.name)
    read_raw_card(place)  # raises now, not after training
    other = load_trained(plan.soup.model, plan.labels, "soup.model") if plan.soup.model else None
    with console.progress() as show:
        network, lesson = prepare(plan, places.data, folder.parent / "cache", show)
        run = Run(plan, network, lesson, folder, device)
        if run.resume():
            log.info("%s: resuming from step %d of %d", folder, run.step, plan.schedule.steps)
        validated = learn(run, COLUMNS, show, going_on(places.fresh))
        model, validated = _result(run, plan, other, validated)
    origins = [find_model(name) for name in (plan.network.start, plan.soup.model) if name]
    try:
        export_model(
            model,
            place,
            name=plan.name,
            licence=places.licence or _licence(plan, origins),
            scores=_scores(validated),
            offsets=plan.mix.offsets,
        )
        for origin in origins:
            keep_notices(origin, place)
    except (OSError, SafetensorError) as error:
        raise unwritten(place, error, going_on(places.fresh)) from error
    _plot(folder)
    console.say(f"{place}: {run.step} steps, best accuracy per word on the validation clips {run.best:.4f}")


def _result(
    run: Run, plan: Recipe, other: SpotterModel | None, validated: dict[str, float]
) -> tuple[SpotterModel, dict[str, float]]:
    """The run's network, mixed with `other`, and its figures as it is exported, with the offsets of its words.

    `validated` has the figures of the run's last validation, and is empty if the run was at its end already.
    """
    model, changes = run.learner.average, []
    if other is not None:
        model = average_weights(model, other, plan.soup.share)
        changes.append(f"averaged with {plan.soup.model}")
    if any(plan.mix.offsets.values()):
        changes.append("with the offsets of its words")
    if changes or not validated:
        run.learner.average = copy.deepcopy(model)
        add(run.learner.average, plan.mix.offsets)
        validated = run.judged()
    if changes:
        log.info("%s: accuracy per word %.4f", ", ".join(changes), validated["per_word"])
    return model, validated


def _check_kept(plan: Recipe, place: Path) -> None:
    """Raise UsageError where the result would replace a model that the recipe needs: the run could not be repeated."""
    for key, model in plan.models.items():
        with suppress(ModelError, OSError):  # told when it is loaded or written, with what to do
            if place.exists() and place.samefile(find_model(model)):
                what = f"{place} is what the recipe names as {key}, and the result would replace it;"
                raise UsageError(what, "give the recipe another name, or another folder with --runs or --out")


def _licence(plan: Recipe, origins: Sequence[Path]) -> str:
    """The default licence: also those of the models whose weights are in the result.

    Weights that descend from an encoder, Moonshine's or Whisper's, need its MIT notice."""
    told = ["Apache-2.0 AND MIT" if plan.teacher.weights else "Apache-2.0"]
    told += [licence_of(origin, read_raw_card(origin)) for origin in origins]
    parts: list[str] = []
    for licence in told:
        parts += [f"({licence})"] if " OR " in licence else licence.split(" AND ")
    return " AND ".join(dict.fromkeys(parts))


def _scores(validated: Mapping[str, float]) -> dict[str, dict[str, float]]:
    found = {key: round(validated[key], 6) for key in ("accuracy", "per_word") if key in validated}
    return {"validation": found} if found else {}


def _plot(folder: Path) -> None:
    """Plot the run's journal; an error is only logged, as the model is written."""
    try:
        plot_journal(folder / JOURNAL, folder / "journal.png")
    except KwsdError as error:
        log.warning("%s", error)
