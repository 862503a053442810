"""`kwsd train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kwsd.cli import console
from kwsd.errors import DeviceError


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The run, as a TOML file.")],
    data: Annotated[Path, typer.Option(metavar="ROOT", help="Folder that the recipe's folders lie in.")],
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where runs and decoded audio are kept.")] = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the model's folder, DIR/NAME, is put [default: the run's own folder]."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Begin anew, or go on from the checkpoint, if there is one.")
    ] = False,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="The weights' licence, for the model's card [default: by the recipe].")
    ] = "",
) -> None:
    """Train a model from a recipe: the same recipe, data and seed give the same weights.

      kwsd train models/hubert-commands/recipe.toml --data ~/speech
      kwsd train recipe.toml --data ~/speech --out models

    A run lies in RUNS/NAME: checkpoint.pt (Ctrl-C or a kill loses little; the same
    command goes on from there), journal.csv with all figures, and journal.png. At the
    end the model is written, for `kwsd listen --model FOLDER` and `kwsd eval`.
    """
    console.log_to_stderr()
    try:
        with console.working("loading torch"):
            from kwsd.cli import teaching
    except ImportError as error:
        raise DeviceError(f"training needs more packages ({error}): pip install 'kwsd[train]'") from error
    teaching.teach(recipe, data, runs, out=out, fresh=fresh, licence=licence)
