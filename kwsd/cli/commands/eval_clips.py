"""`kwsd eval clips`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kwsd.cli import console
from kwsd.cli.flags import configured
from kwsd.cli.labels import Labels, split_labels
from kwsd.cli.measuring import Split, load_model
from kwsd.cli.publishing import Json, Plots, check_places, publish


@configured("model.name", "model.device", "model.verify", "model.window_s")
def clips(
    overrides: dict[str, Any],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="CLIPS",
            readable=False,
            help="A folder of label/clip.wav (any format), or with an index.tsv; or a table of file, label and split.",
        ),
    ],
    labels: Labels = "",
    split: Split = None,
    noise: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", readable=False, help="Recordings to be heard as silence, whatever their labels."
        ),
    ] = None,
    json: Json = None,
    plots: Plots = None,
) -> None:
    """Measure how many clips, of one word each, are classified correctly.

    Labels that the model does not have count as unknown, _silence_ as silence. If Speech
    Commands' lists or a table name test clips, only those are scored. --labels scores a
    subset task, in which all other words are unknown. The 12-class task:

      kwsd eval clips DIR --labels yes,no,up,down,left,right,on,off,stop,go

    The output has the overall accuracy and that of each word, with 95 % intervals, how
    many clips pass the threshold at which a word fires, word against noise, the
    calibration error, and in the JSON the confusion matrix. A file that cannot be read
    is named and left out; the exit status is then 66.
    """
    check_places(json, plots)
    model = load_model(overrides, labels, only_these_fire=False)
    from kwsd.datasets.recordings import find_sounds
    from kwsd.evaluation.clips import evaluate_clips
    from kwsd.evaluation.left_out import LeftOut
    from kwsd.evaluation.plots import plot_clips
    from kwsd.evaluation.splits import beside_clips, clips_of

    unreadable = LeftOut()
    with console.working("looking for recordings"):
        found = clips_of(folder, split or "", unreadable)
        quiet = beside_clips(find_sounds(noise, unreadable), found.clips) if noise else []
    with console.progress() as show:
        report = evaluate_clips(
            model.classifier,
            found.clips,
            split_labels(labels),
            noise=quiet,
            trigger=model.settings.trigger,
            window=model.card.about,
            before=model.card.heard - model.card.about,
            unreadable=unreadable,
            notes=found.notes,
            progress=lambda done, total: show("clips", done, total),
        )
    publish(report, json, plots, lambda place: plot_clips(report, place))
    unreadable.check()
