"""`kwsd train --backbone` as the terminal sees it. Imports torch; `train` imports it when it is wanted."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from safetensors import SafetensorError

from kwsd.cli import console
from kwsd.cli.entry import INTERRUPTED
from kwsd.cli.fetching import pull_if_missing
from kwsd.cli.interrupts import Interrupted, Interrupts
from kwsd.cli.run_folder import going_on, model_place, run_folder
from kwsd.errors import NO_ROOM, DeviceError
from kwsd.exporting.export import card_as_it_lies
from kwsd.networks.devices import pick_device
from kwsd.networks.foreign import licence_of
from kwsd.training.adopting import adopt, export_adopted
from kwsd.training.finetune import Finetuning
from kwsd.training.finetune_recipe import FinetuneRecipe
from kwsd.training.labelled import find_labelled
from kwsd.training.unreadable import check_readable
from kwsd.zoo import find_model

log = logging.getLogger(__name__)

_QUIET_S = 60.0
_JOURNAL = ("step", "loss", "rate", "validation_accuracy", "validation_per_label", "validation_clips")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run's data lie, and where its findings go."""

    data: Path
    runs: Path
    out: Path | None
    licence: str
    fresh: bool


def finetune(recipe: FinetuneRecipe, places: Places, device: str) -> None:
    """Carry out `kwsd train --backbone`. Raises typer.Exit(130) when interrupted."""
    device = pick_device(device)
    data = find_labelled(places.data, recipe.words)
    check_readable(data)
    for doubt in data.doubts():
        log.warning("%s", doubt)
    pull_if_missing(recipe.model)
    backbone = find_model(recipe.model)
    clips = data.digest(places.data if places.data.is_dir() else places.data.parent)
    told = recipe.to_dict(data.labels) | {"clips": clips}
    folder = run_folder(places.runs, recipe.name, told, fresh=places.fresh, usual=told)  # other keys, before
    place = model_place(folder, places.out, recipe.name)
    card_as_it_lies(place)  # refused now, not when all is learnt
    model, extractor = adopt(backbone, recipe, data.labels, device)
    run = Finetuning(recipe, model, extractor, data, folder, device)
    if run.resume():
        log.info("%s: goes on from step %d of %d", folder, run.step, run.steps)
    log.info("%d labels, %d clips to train on, on %s", len(data.labels), len(data.part("train")), device)
    with console.progress() as show:
        _learn(run, show, going_on(places.fresh))
    scores = {split: figures for split in ("validation", "test") if (figures := run.measure(split))}
    licence = places.licence or licence_of(backbone)
    try:
        export_adopted(run.model, extractor, place, name=recipe.name, licence=licence, scores=scores)
    except (OSError, SafetensorError) as error:
        raise _unwritten(place, error, going_on(places.fresh)) from error
    left_out = f", {len(run.unreadable.found)} clips left out" if run.unreadable.found else ""
    console.say(f"{place}: {run.step} steps{left_out}{''.join(f', {key} {value}' for key, value in _told(scores))}")


def _unwritten(place: Path, error: Exception, again: str) -> DeviceError:
    """A full disk, mostly. What was kept last is whole: checkpoints are written beside their place."""
    why = getattr(error, "strerror", None) or error
    room = "make room" if getattr(error, "errno", None) in NO_ROOM else "see to that"
    return DeviceError(f"{place}: cannot be written ({why}): {room}, then go on with {again}")


def _told(scores: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
    return [
        (split, f"{100 * figures['accuracy']:.1f} % of {figures['clips']:.0f}") for split, figures in scores.items()
    ]


def _learn(run: Finetuning, show: console.Show, again: str) -> None:
    told = time.monotonic()
    path = run.folder / "journal.csv"
    rows = _kept(path, run.step)
    try:
        with path.open("w", newline="", encoding="utf-8") as file, Interrupts() as interrupts:
            journal = csv.DictWriter(file, _JOURNAL, restval="")
            journal.writeheader()
            journal.writerows(rows)

            def report(figures: dict[str, float]) -> None:
                nonlocal told
                journal.writerow({key: f"{value:.6g}" for key, value in figures.items() if key in _JOURNAL})
                file.flush()
                show("training", int(figures["step"]), run.steps)
                if "validation_accuracy" in figures or time.monotonic() - told >= _QUIET_S:
                    told = time.monotonic()
                    log.info("%s", "  ".join(f"{key} {value:.5g}" for key, value in figures.items()))
                interrupts.check()

            run.train(report)
    except Interrupted:
        run.keep()
        console.error(f"interrupted at step {run.step} of {run.steps}; {again} goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        raise _unwritten(run.folder, error, again) from error


def _kept(path: Path, step: int) -> list[dict[str, Any]]:
    """The journal's rows up to the step that the run goes on from."""
    if not step or not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if int(float(row["step"] or 0)) <= step]
