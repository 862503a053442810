"""A training run's folder, which belongs to one recipe from the first step to the last. Imports torch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kwsd.cards.allowed import A_NAME, is_name
from kwsd.cards.names import RUN
from kwsd.errors import ConfigError, DeviceError, InputError, KwsdError, writing
from kwsd.locking import try_lock
from kwsd.replacing import give_back, missing, try_folder, write_bytes
from kwsd.training.checkpoint import BEST, CHECKPOINT
from kwsd.training.journal import JOURNAL

_LEFT = (CHECKPOINT, BEST, JOURNAL, RUN)
"""The files that an earlier run leaves in its folder, beside the model."""
WEIGHTS_KEY = "weights"
"""The recipe's key for the weights that a run starts from; "" where they are not known yet."""
CONTENTS_KEY = "contents"
"""The recipe's key for what the clips hold."""
_ANEW = "use --fresh to start over, another name (--name, or name in the recipe), or another folder with --runs"


@contextmanager
def run_folder(
    runs: Path, name: str, recipe: Mapping[str, Any], *, fresh: bool, usual: Mapping[str, Any] | None = None
) -> Iterator[Path]:
    """The run's folder in `runs`, made if need be, with `recipe` in it, and locked against other processes.

    `fresh` sets aside what an earlier run left. `usual` has the values of keys that a recipe of an earlier version of
    kwsd lacks.

    Raises:
        ConfigError: the name leads elsewhere, or is not a valid name of a model; or an earlier run with another recipe
            would be resumed, and the text says what differs.
        OutputError: the folder cannot be written to; InputError: the earlier run's recipe is invalid.
        DeviceError: the disk is full, or another process trains there.
    """
    folder = runs / name
    if folder.parent != runs or name in ("", ".", ".."):
        raise ConfigError(f"{name!r} cannot be the name of a run: it leads out of {runs};", "choose a plain one")
    if not is_name(name):
        raise ConfigError(f"no run can be called {name!r:.40}: it takes {A_NAME};", "choose another name")
    made = missing(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), _forgotten_if_refused(folder, made):
        with writing(folder):
            if fresh:
                _set_aside(folder)
            if (folder / CHECKPOINT).exists() and (folder / RUN).exists():
                now, before = (json.loads(json.dumps(told)) for told in (recipe, usual or {}))
                _compare(folder, _earlier(folder / RUN), now, before)
        keep_recipe(folder, recipe)
        yield folder


def keep_recipe(folder: Path, recipe: Mapping[str, Any]) -> None:
    """Write the recipe of the run in `folder`, with the weights that an earlier part of the run started from.

    Raises ConfigError where that part started from other weights than the recipe names, OutputError where the folder
    cannot be written to, and DeviceError where the disk is full.
    """
    with writing(folder):
        if (folder / CHECKPOINT).exists() and (folder / RUN).exists():
            began = _earlier(folder / RUN).get(WEIGHTS_KEY, "")
            if began and recipe.get(WEIGHTS_KEY) not in (None, "", began):
                raise ConfigError(f"{folder}: the model that this run began with has changed since;", _ANEW)
            recipe = {**recipe, WEIGHTS_KEY: began} if began else recipe
        write_bytes(folder / RUN, f"{json.dumps(recipe, indent=2)}\n".encode())


def going_on(fresh: bool) -> str:
    """The command that resumes an interrupted run, in words."""
    return "the same command without --fresh" if fresh else "the same command"


def model_folder(folder: Path, out: Path | None, name: str) -> Path:
    """Where the model of the run in `folder` is written: there or, by its name, in `out`."""
    return folder / "model" if out is None else out / name


def model_place(folder: Path, out: Path | None, name: str) -> Path:
    """The `model_folder`, made and tested before training.

    Raises OutputError where it cannot be written to, DeviceError where there is no room.
    """
    place = model_folder(folder, out, name)
    try_folder(place)
    return place


@contextmanager
def _forgotten_if_refused(folder: Path, made: Sequence[Path]) -> Iterator[None]:
    """Remove the folders `made` for a run that failed before its first step, for missing data, say."""
    try:
        yield
    except KwsdError:
        if folder in made and not any((folder / name).exists() for name in (CHECKPOINT, JOURNAL)):
            with suppress(OSError):
                (folder / RUN).unlink(missing_ok=True)
            give_back((folder / "model", *made))
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder: two runs would overwrite each other's checkpoints. Raises DeviceError where it is locked."""
    with writing(folder):
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not try_lock(held):
            what = f"{folder}: another kwsd trains there; wait for it or end it, then repeat this command"
            raise DeviceError(what)
        yield
    finally:
        os.close(held)


def _earlier(recipe: Path) -> dict[str, Any]:
    try:
        found = json.loads(recipe.read_text(encoding="utf-8"))
    except ValueError as error:
        found = error
    if not isinstance(found, dict):
        raise InputError(f"{recipe}: is not the recipe of a run;", _ANEW)
    return found


def _set_aside(folder: Path) -> None:
    """Rename what an earlier run left to .old or, where that exists, to .old2 and so on."""
    ends = (".old", *(f".old{number}" for number in range(2, 1000)))
    end = next(end for end in ends if not any((folder / f"{name}{end}").exists() for name in _LEFT))
    for name in _LEFT:
        if (folder / name).exists():
            os.replace(folder / name, folder / f"{name}{end}")


def _compare(folder: Path, earlier: Mapping[str, Any], recipe: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    before, now = dict(_flat(usual)) | dict(_flat(earlier)), dict(_flat(recipe))
    compared = {*before, *now} - {WEIGHTS_KEY}  # `keep_recipe` checks that one
    changed = sorted(key for key in compared if before.get(key) != now.get(key))
    if changed:
        what = f"this run began with another recipe (it differs in {', '.join(changed)})"
        if "clips" in changed:  # and so what they hold
            changed = [key for key in changed if key != CONTENTS_KEY]
        if changed in (["clips"], [CONTENTS_KEY]):
            what = "the clips have changed since this run began"
        elif changed == ["clips", "labels"]:  # a folder beside the others, or other --labels
            what = "the words, and so the clips, have changed since this run began"
        raise ConfigError(f"{folder}: {what};", _ANEW)


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
