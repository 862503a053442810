"""`kwsd eval negatives`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from kwsd.audio.transcripts import read_transcripts
from kwsd.cli import console
from kwsd.cli.flags import configured
from kwsd.cli.labels import Labels
from kwsd.cli.measuring import EAR, HeldOut, Json, Transcripts, ear, publish
from kwsd.errors import InputError, UsageError


@configured(*EAR, without=("model.labels", "trigger.words"))
def negatives(
    overrides: dict[str, Any],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", readable=False, help="Speech or noise that holds none of the words.")
    ],
    labels: Labels = "",
    sounds: Annotated[
        bool, typer.Option("--sounds", help="Labels name sounds (dog: a bark), they are no transcripts.")
    ] = False,
    transcripts: Transcripts = None,
    held_out: HeldOut = 0,
    save_snippets: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Save the two seconds up to each false alarm, to train on."),
    ] = None,
    json: Json = "",
) -> None:
    """How often the daemon fires at nothing, and at what.

    A folder of recordings, with an index.tsv or not. A recording whose transcript (its
    label, or --transcripts) holds a listened word is left out.

      kwsd eval negatives ~/speech --labels yes,no
      kwsd eval negatives ~/noise --sounds --save-snippets hard
    """
    if sounds and transcripts:
        raise UsageError("--sounds says that nothing is spoken: leave it or --transcripts out")
    if save_snippets is not None:
        _check_folder(save_snippets)  # at once, not after hours of audio
    said = read_transcripts(transcripts) if transcripts else None
    model = ear(overrides, labels)
    from kwsd.evaluation.negatives import evaluate_negatives, find_negatives
    from kwsd.evaluation.selection import kept_back
    from kwsd.evaluation.snippets import Snippets

    found, notes = find_negatives(folder, tuple(model.trigger.thresholds), transcribed=not sounds, said=said)
    kept = kept_back(found, held_out, noise=sounds)
    if not kept:
        raise InputError(f"{folder}: training left out none of these recordings; take --held-out 0 for all of them")
    snippets = Snippets(save_snippets) if save_snippets is not None else None
    with console.progress() as show:
        report = evaluate_negatives(
            kept,
            model.classifier,
            trigger=model.trigger,
            gate=model.gate if model.gated else None,
            hop=model.hop,
            window=model.window,
            coarse=model.coarse,
            snippets=snippets,
            notes=notes,
            progress=lambda done, total: show("negatives", done, total),
        )
    publish(report, json)
    if snippets is not None:
        snippets.check()


def _check_folder(folder: Path) -> None:
    """Make the folder, unless it is there. Raises InputError where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror or error})", "name another folder") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: nothing can be written into it", "name another folder")
