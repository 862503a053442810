"""`kwsd export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kwsd.cli import console, stderr
from kwsd.cli.fetching import refuse_empty
from kwsd.cli.flags import complete_model
from kwsd.config.sections import LONGEST_WINDOW_S, SHORTEST_WINDOW_S


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A shipped model's name, a model folder, or a Hub id.",
            autocompletion=complete_model,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Write MODEL-float32.onnx and MODEL-int8.onnx, weights inside, to a folder.",
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=SHORTEST_WINDOW_S,
            max=LONGEST_WINDOW_S,
            help="What the files hear at once [default: as the model has it, or 1].",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="WORD,WORD", help="What the files of a zero-shot model (CLAP) tell apart, in plain English."
        ),
    ] = None,
) -> None:
    """Write a model as ONNX, checked against the original.

      kwsd export hubert-commands --out .      two files, each of them a model
      kwsd export runs/mine/model --out .      what kwsd train --backbone made
      kwsd export runs/hubert-commands/model   graph.onnx, beside the weights
      kwsd export superb/hubert-base-superb-ks@refs/pr/2 --out .
      kwsd export laion/clap-htsat-unfused --labels 'dog barking, alarm' --out .
      kwsd listen --model hubert-commands-int8.onnx

    With graph.onnx in its folder, one of kwsd's own models runs on ONNX Runtime: in a
    fifth of the time and of the memory, and torch is not imported. The graph holds no
    weights; they are taken from model.safetensors, the large matrices rounded to 8
    bits. `kwsd train` writes it for kwsd's own networks.

    --out also exports any HuBERT, wav2vec2, WavLM, AST or Whisper that classifies sound.
    The files include the preprocessing, labels, thresholds, licence and scores: --model
    loads them anywhere, without torch. Their input is windows of raw samples (batch,
    samples), their output probabilities (batch, labels), in any program that has ONNX
    Runtime. The labels of a CLAP are fixed to those of --labels.

    The scores in single precision must equal the original's to 0.0001, otherwise nothing
    is written; the deviation of those in 8 bits is shown.
    """
    refuse_empty(model)
    stderr.log_from()
    with console.importing("exporting"):
        from kwsd.cli import exporting
    exporting.export(model, out, window, labels)
