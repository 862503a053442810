"""`kwsd export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kwsd.cli import console
from kwsd.errors import DeviceError


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A shipped model's name, or a model folder.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write MODEL-float32.onnx and MODEL-int8.onnx, weights inside, to a folder."),
    ] = None,
) -> None:
    """Write a model as ONNX, checked against the original.

      kwsd export runs/mine/model            graph.onnx, beside the weights
      kwsd export hubert-commands --out .    two files for use without kwsd

    With graph.onnx in its folder, a model runs on ONNX Runtime: in a quarter of the time
    and of the memory, and torch is not imported. The graph holds no weights;
    they are taken from model.safetensors, the large matrices rounded to 8 bits. `kwsd
    train` writes it as well.

    Scores in single precision must be the original's to 0.0001, else nothing is
    written; how far those in 8 bits are off is told. The files of --out take windows
    of raw samples (batch, 16000) and give probabilities (batch, labels); both need
    ONNX Runtime, whose own operators they use.
    """
    console.log_to_stderr()
    try:
        with console.working("loading torch"):
            from kwsd.cli import exporting
    except ImportError as error:
        raise DeviceError(f"exporting needs more packages ({error}): pip install 'kwsd[train]'") from error
    exporting.export(model, out)
