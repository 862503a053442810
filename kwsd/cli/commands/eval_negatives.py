"""`kwsd eval negatives`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kwsd.cli import console
from kwsd.cli.flags import configured
from kwsd.cli.labels import Labels, Without, split_labels
from kwsd.cli.measuring import EAR, AsConfigured, HeldOut, Transcripts, load_model
from kwsd.cli.publishing import Json, check_places, publish
from kwsd.datasets.transcripts import read_transcripts
from kwsd.errors import UsageError
from kwsd.replacing import try_folder
from kwsd.samples import RATE


@configured(*EAR, without=("model.labels", "trigger.words"))
def negatives(
    overrides: dict[str, Any],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", readable=False, help="Speech or noise without the words, or one file.")
    ],
    labels: Labels = "",
    sounds: Annotated[
        bool, typer.Option("--sounds", help="Labels name sounds (dog: a bark), they are no transcripts.")
    ] = False,
    transcripts: Transcripts = None,
    without: Without = "",
    held_out: HeldOut = 0,
    config: AsConfigured = None,
    save_snippets: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, help="Save the two seconds up to each false alarm, to train on."),
    ] = None,
    json: Json = None,
) -> None:
    """Measure how often the daemon fires where no word is spoken, and what it fires at.

    FOLDER is a folder of recordings of any depth, with or without an index.tsv, or one
    file. A recording whose transcript (its label in an index.tsv, a *.trans.txt beside
    it, or --transcripts) contains a listened word, or one of --without, is left out. A
    damaged file is used up to the damage; the exit status is then 66.

      kwsd eval negatives ~/speech --labels yes,no
      kwsd eval negatives ~/noise --sounds --save-snippets hard
    """
    if sounds and transcripts:
        raise UsageError("--sounds (nothing is spoken) contradicts --transcripts;", "leave one of them out")
    if sounds and without:
        raise UsageError("--sounds (nothing is spoken) contradicts --without;", "leave one of them out")
    unwanted = split_labels(without, "--without") or []
    check_places(json)
    said = read_transcripts(transcripts) if transcripts else None
    model = load_model(overrides, labels, file=config)
    from kwsd.evaluation.left_out import LeftOut
    from kwsd.evaluation.negatives import evaluate_negatives, find_negatives
    from kwsd.evaluation.snippets import Snippets

    unreadable = LeftOut()
    with console.working("looking for recordings"):
        kept, notes = find_negatives(
            folder,
            (*model.settings.trigger.thresholds, *unwanted),
            transcribed=not sounds,
            said=said,
            held_out=held_out,
            unreadable=unreadable,
        )
    snippets = None
    if save_snippets is not None:
        try_folder(save_snippets)  # before the long work, but after all checks of the recordings
        snippets = Snippets(save_snippets)
    with console.progress() as show:
        report = evaluate_negatives(
            kept,
            model.classifier,
            model.settings,
            snippets=snippets,
            unreadable=unreadable,
            notes=notes,
            progress=lambda done, total: show("negatives, s", done // RATE, total // RATE),
        )
    publish(report, json)
    if snippets is not None:
        snippets.check()
    unreadable.check()
