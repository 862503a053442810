"""`kwsd train`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kwsd.cards.allowed import A_NAME, is_name
from kwsd.cli import console, stderr
from kwsd.cli.flags import completer, given_flags
from kwsd.cli.labels import split_labels
from kwsd.config import options
from kwsd.config.sections import DEFAULT_MODEL
from kwsd.config.values import allowed
from kwsd.errors import OutputError, UsageError
from kwsd.replacing import try_new_folder
from kwsd.training.finetuning.recipe import FEW_STEPS, FinetuneRecipe, read_finetune_recipe
from kwsd.training.values import bounds

_OWN = "Without a recipe"
_OWN_FLAGS = (
    "name", "labels", "add", "frozen", "window", "epochs", "batch", "accumulate", "learning_rate", "class_weights",
    "seed",
)  # fmt: skip
"""The options that a recipe with a [backbone] replaces."""

_DEVICE = options()["model.device"]
_USUAL = FinetuneRecipe("", "")
_PASSES = f"Passes over the clips [default: {_USUAL.passes(FEW_STEPS)}, or as many as make {FEW_STEPS} steps]."
_RATES = (
    f"At its peak [default: {_USUAL.rate:g}; {replace(_USUAL, frozen=True).rate:g} if frozen, "
    f"{replace(_USUAL, add=True).rate:g} with --add]."
)


def _number(field: str, metavar: str, said: str) -> Any:
    """An option with the bounds of a field of `FinetuneRecipe`."""
    low, high = bounds(FinetuneRecipe, field)
    return typer.Option(metavar=metavar, min=low, max=high, rich_help_panel=_OWN, help=said)


def train(
    ctx: typer.Context,
    recipe: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECIPE", readable=False, help="A run as a TOML file: kwsd's own, or with a [backbone]."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT",
            readable=False,
            help="Folder that the recipe's folders lie in; without a recipe, the clips or their table.",
        ),
    ] = None,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", readable=False, help="Where runs and decoded audio are kept.")
    ] = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Where the model's folder, DIR/NAME, is put [default: the run's own folder].",
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh/--resume",
            help="Start over (an earlier run is kept as .old, its model until there is a new one), or resume.",
        ),
    ] = False,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="The weights' licence, for the model's card [default: by the recipe].")
    ] = "",
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            rich_help_panel=_OWN,
            help=f"Encoder to teach: a folder or a Hub id [default: {DEFAULT_MODEL}].",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=_OWN, help="What the model is called [default: as the data]."),
    ] = None,
    labels: Annotated[
        str, typer.Option(metavar="WORD,WORD", rich_help_panel=_OWN, help="Words to learn; all others are _unknown_.")
    ] = "",
    add: Annotated[
        bool,
        typer.Option("--add", rich_help_panel=_OWN, help="Keep the words that kwsd's own knows, too."),
    ] = False,
    frozen: Annotated[
        bool,
        typer.Option("--frozen", rich_help_panel=_OWN, help="Leave the encoder as it is, always so with kwsd's own."),
    ] = False,
    window: Annotated[float, _number("window_s", "SECONDS", "How much it hears at once.")] = _USUAL.window_s,
    epochs: Annotated[int | None, _number("epochs", "N", _PASSES)] = _USUAL.epochs,
    batch: Annotated[int, _number("batch", "N", "Windows in the network at once.")] = _USUAL.batch,
    accumulate: Annotated[int, _number("accumulate", "N", "Batches that make a step.")] = _USUAL.accumulate,
    learning_rate: Annotated[float | None, _number("peak_rate", "RATE", _RATES)] = _USUAL.peak_rate,
    class_weights: Annotated[
        bool,
        typer.Option(
            "--class-weights",
            rich_help_panel=_OWN,
            help="Let rare labels count for more; always so for kwsd's own.",
        ),
    ] = False,
    seed: Annotated[int, _number("seed", "N", "Another seed, another run.")] = _USUAL.seed,
    device: Annotated[
        str, typer.Option(metavar="|".join(_DEVICE.choices), help=_DEVICE.help, autocompletion=completer(_DEVICE))
    ] = _DEVICE.default,
) -> None:
    """Teach your own words to kwsd's HuBERT or to any other encoder, or train by a recipe.

      kwsd train --data clips
      kwsd train --data clips --add --name added
      kwsd train --backbone facebook/wav2vec2-base@refs/pr/2 --data clips
      kwsd train --backbone ~/hubert --frozen --data clips.csv --labels yes,no
      kwsd train models/wav2vec2-base-commands/recipe.toml --data speech_commands
      kwsd train models/hubert-commands/first.toml --data ~/speech

    Clips are a tree label/clip.wav, Speech Commands with its lists, or a CSV or TSV
    table with the columns file and label (and split). Recordings in _background_noise_
    are learnt as _silence_. Put a few minutes of people talking under _unknown_, or the
    model takes all speech for the words. If nothing says which clips are for validation
    and test, Speech Commands' rule decides.

    Without --backbone, kwsd's own HuBERT learns the words, in a minute or two, and no
    longer hears any others. With --add it hears them beside the words that it knew, a
    little less reliably. It costs as much to run as with its own words. A backbone is a
    HuBERT, wav2vec2, WavLM, AST, or the encoder of a Whisper or Moonshine. A recipe with
    a [backbone] table takes the place of these options.

    A run is kept in RUNS/NAME: checkpoint.pt (Ctrl-C or a kill loses little; the same
    command without --fresh resumes from there) and journal.csv with all figures. At the
    end the model is written, for `kwsd listen --model FOLDER`, `kwsd eval`, and
    transformers. A GPU computes in half precision.
    """
    if data is None:
        raise UsageError(_no_data(recipe))
    if recipe is not None:
        _check_recipe_alone(recipe, backbone, given_flags(ctx, _OWN_FLAGS))
    _check_names(device, backbone, name, licence)
    stderr.log_from()
    told = read_finetune_recipe(recipe) if recipe is not None else None
    if recipe is None:
        words = tuple(dict.fromkeys(split_labels(labels) or ()))
        told = FinetuneRecipe(
            name or _name_of(data.resolve()), backbone or DEFAULT_MODEL, words, add=add, frozen=frozen,
            window_s=window, epochs=epochs, batch=batch, accumulate=accumulate, peak_rate=learning_rate,
            class_weights=class_weights, seed=seed,
        )  # fmt: skip
    if told is not None:
        _check_apart(runs, told.name, data)
    _check_places(runs, out, told.name if told is not None else "")
    from kwsd.cli.learning import Places

    places = Places(data, runs, out, licence, fresh)
    if told is not None:
        with console.importing("training"):
            from kwsd.cli.finetuning import finetune
        finetune(told, places, device)
    elif recipe is not None:
        with console.importing("training"):
            from kwsd.cli.teaching import teach
        teach(recipe, places, device)


def _check_recipe_alone(recipe: Path, backbone: str | None, given: list[str]) -> None:
    """Raise UsageError for flags that the recipe replaces."""
    if backbone is not None:
        raise UsageError("RECIPE and --backbone exclude each other;", "leave one of them out")
    if given:
        raise UsageError(
            f"{recipe} sets everything about the run;", f"leave out {', '.join(given)}, and edit the recipe instead"
        )


def _check_names(device: str, backbone: str | None, name: str | None, licence: str) -> None:
    """Raise UsageError for an unknown device, no encoder, or a name or a licence that a folder or a card may not have.

    An empty text, as of an unset variable in a script, would train something else than was meant.
    """
    if device not in _DEVICE.choices:
        raise UsageError(f"--device is {device!r}; it must be {allowed(_DEVICE)}")
    if backbone == "":
        raise UsageError("--backbone is empty;", f"the default is {DEFAULT_MODEL}")
    if name is not None and not _is_plain(name):
        raise UsageError(f"--name is {name!r:.40}; it must be {A_NAME}, without a slash, and not . or ..")
    if not licence.isprintable():  # such as the text of a LICENSE; with that in its card, the model would be refused
        raise UsageError(f"--licence is {licence!r:.40}; it must be one line, such as CC-BY-4.0")


def _is_plain(name: str) -> bool:
    """Whether it is a valid name of a run, and leads to no other folder."""
    return is_name(name) and "/" not in name and name not in (".", "..")


def _check_apart(runs: Path, name: str, data: Path) -> None:
    """Raise UsageError where the run's folder is that of its clips: its model would be taken for a class of them."""
    place, same = runs / name, False
    with suppress(OSError):  # one of the two is not there, or cannot be looked at
        same = _is_plain(name) and place.samefile(data)
    if same:
        raise UsageError(f"{place} holds the clips, and cannot be the run's folder, too;", "name another with --runs")


def _check_places(runs: Path, out: Path | None, name: str) -> None:
    """Raise now what would be raised once libraries are imported and recordings read, which may take minutes.

    OutputError where a place cannot be written to, DeviceError where there is no room. `name` is "" if it is not known
    yet.
    """
    for flag, place in (("--runs", runs), ("--out", out)):
        if place is not None:
            try:
                try_new_folder(place / name if _is_plain(name) else place)
            except OutputError as error:
                raise OutputError(error.what, f"{error.remedy} with {flag}") from error


def _no_data(recipe: Path | None) -> str:
    """The error for a missing --data; most often the data were given as the recipe."""
    if recipe is not None and recipe.is_dir():
        return f"{recipe} is a folder, not a recipe; did you mean kwsd train --data {recipe}?"
    if recipe is not None and not recipe.exists():
        return f"there is no recipe {recipe}; if it is what to train on, name it with --data"
    return "--data is missing; name the clips to train on with it (see kwsd train --help)"


def _name_of(data: Path) -> str:
    """The default name of a run, after its folder or table of clips."""
    return data.name if data.is_dir() else data.stem
