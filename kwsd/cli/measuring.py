"""What the evaluations and `kwsd bench` share: the model with the settings to be measured, and where findings go."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer

from kwsd.cli import console, stderr
from kwsd.cli.fetching import pull_if_missing
from kwsd.cli.labels import split_labels
from kwsd.config import load_config
from kwsd.errors import KwsdError, UsageError, writing
from kwsd.pictures import check_matplotlib
from kwsd.replacing import try_folder
from kwsd.shown import readable, takes_utf8

if TYPE_CHECKING:
    from kwsd.classifier import Classifier
    from kwsd.evaluation.report import Table
    from kwsd.spotting.gate import GateSettings
    from kwsd.spotting.trigger import TriggerSettings
    from kwsd.zoo import ModelCard

_WHERE = "Where the findings go"

Json = Annotated[
    str,
    typer.Option(
        "--json", metavar="OUT", rich_help_panel=_WHERE, help="Write all that was found to a file; - prints it."
    ),
]
Plots = Annotated[
    Path | None,
    typer.Option(
        "--plots", metavar="DIR", readable=False, rich_help_panel=_WHERE, help="Draw pictures (PNG) into a folder."
    ),
]
HeldOut = Annotated[
    int,
    typer.Option(
        "--held-out",
        metavar="N",
        min=0,
        help="Take only what training left out: one in N sentences, one in 2 N noises. 3 for kwsd's own recipe.",
    ),
]
Transcripts = Annotated[
    Path | None,
    typer.Option(
        "--transcripts",
        metavar="TSV",
        readable=False,
        help="What is said in recordings: their names, a tab, the texts; Common Voice's and LibriSpeech's tables too.",
    ),
]
Split = Annotated[
    Literal["test", "validation", "train", "all"] | None,
    typer.Option(
        "--split",
        metavar="test|validation|train|all",
        help="Which clips: by Speech Commands' lists, the table's column, or else as kwsd train divides them; "
        "unset for the test clips where lists or table name them, else all.",
    ),
]
EAR = ("model", "gate", "trigger")
"""The sections of the configuration that decide what is heard."""


class Report(Protocol):
    """What was measured."""

    def tables(self) -> tuple[Table, ...]: ...

    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Ear:
    """A loaded model (`card`) with the daemon's settings; `hop` and `coarse` in samples."""

    card: ModelCard
    classifier: Classifier
    trigger: TriggerSettings
    gate: GateSettings
    gated: bool
    hop: int
    coarse: int


def ear(overrides: Mapping[str, Any], labels: str = "", *, only_these_fire: bool = True) -> Ear:
    """The model and settings that flags ask for; a user's own configuration file has no part in a measurement.

    `labels` are what a zero-shot model listens for. Of another model's words they are those that fire, if
    `only_these_fire`.

    Raises:
        UsageError: `labels` is no list of words.
        ConfigError, ModelError, DeviceError: as for `kwsd listen`.
    """
    split_labels(labels)
    stderr.log_from()
    pull_if_missing(load_config(Path(os.devnull), overrides).config.model.name)
    with console.working("loading the model"):
        from kwsd import fitting
        from kwsd.zoo import load_classifier, read_card

        card = read_card(load_config(Path(os.devnull), overrides).config.model.name)
        asked = "model.labels" if card.kind == "zero-shot" else "trigger.words"
        given = {asked: labels} if labels and (only_these_fire or card.kind == "zero-shot") else {}
        config = load_config(Path(os.devnull), dict(overrides) | given).config
        card = fitting.fitted(config, card)
        fitting.check_words(config, card)
        trigger = fitting.trigger_settings(config, card)
        gate = fitting.any_gate_settings(config)
        classifier = load_classifier(card, device=config.model.device)
    hop, coarse = config.model.hop, config.gate.coarse
    return Ear(card, classifier, trigger, gate, config.gate.enabled, hop, coarse)


def check_places(out: str, plots: Path | None = None) -> None:
    """Try where `publish` is to write: rather now than after hours. Raises as `try_folder`, InputError for a folder as
    the file, and DeviceError where no pictures can be drawn."""
    if out not in ("", "-"):
        _check_file(Path(out))
    if plots is not None:
        try_folder(plots)
        check_matplotlib()


def _check_file(path: Path) -> None:
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.is_file() or not path.exists():  # else a pipe or a device, which would notice
            try_folder(path.resolve().parent)


def publish(
    report: Report,
    out: str,
    plots: Path | None = None,
    draw: Callable[[Path], Sequence[Path]] | None = None,
    lines: Iterable[str] = (),
) -> None:
    """The findings as tables and `lines` on standard output, or as JSON there (`out` is -), in a file, as pictures."""
    escaped = out == "-" and not takes_utf8(sys.stdout)
    text = readable(json.dumps(report.to_dict(), indent=2, ensure_ascii=escaped)) if out else ""
    failed: KwsdError | None = None
    if out not in ("", "-"):  # first: who looks at the tables may stop looking (head)
        try:
            _write(Path(out), text + "\n")
        except KwsdError as error:  # what was measured is not lost for that
            failed = error
    if out == "-":
        console.say(text)
    else:
        for table in report.tables():
            console.table(table.title, table.columns, [[readable(cell) for cell in row] for row in table.rows])
            console.say()
        for line in lines:
            console.say(line)
    if plots is not None and draw is not None:
        for picture in draw(plots):
            stderr.note(f"drew {picture}")
    if failed:
        raise failed


def _write(path: Path, text: str) -> None:
    """Whole or not at all; into the file that a link names, and straight into what is no file: a pipe, a device."""
    from kwsd.evaluation.outputs import output

    with writing(path):
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        real = path.resolve()
    with output(real) as file:
        file.write(text.encode())


def check_finite(**flags: float | None) -> None:
    """Raise UsageError for a flag that is given as nan, or as infinite."""
    for name, value in flags.items():
        if value is not None and not math.isfinite(value):
            raise UsageError(f"--{name} is {value:g}; it must be a number")
