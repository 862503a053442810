"""What the evaluations and `kwsd bench` share: flags, and loading the model with the settings to measure."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kwsd.cli import console, stderr
from kwsd.cli.fetching import pull_if_missing
from kwsd.cli.labels import split_labels
from kwsd.config import load_config
from kwsd.errors import UsageError

if TYPE_CHECKING:
    from kwsd.classifier import Classifier
    from kwsd.spotting.settings import SpottingSettings
    from kwsd.zoo import ModelCard

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
AsConfigured = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        readable=False,
        help="Measure what a daemon with this configuration would hear; unset for the model's own settings.",
    ),
]
EAR = ("model", "gate", "trigger")
"""The sections of the configuration that decide what is heard."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model with its card and the settings with which the daemon would listen."""

    card: ModelCard
    classifier: Classifier
    settings: SpottingSettings


def load_model(
    overrides: Mapping[str, Any], labels: str = "", *, only_these_fire: bool = True, file: Path | None = None
) -> LoadedModel:
    """Load the model with the settings of the flags and of `file`.

    A user's own configuration does not affect a measurement unless it is named.

    `labels` are what a zero-shot model listens for. With `only_these_fire`, they are the words of any other model that
    may fire.

    Raises:
        UsageError: `labels` is no list of words.
        ConfigError, ModelError, DeviceError: as for `kwsd listen`.
    """
    split_labels(labels)
    stderr.log_from()
    file = file or Path(os.devnull)
    pull_if_missing(load_config(file, overrides).config.model.name)
    with console.working("loading the model"):
        from kwsd import fitting
        from kwsd.zoo import load_classifier, read_card

        card = read_card(load_config(file, overrides).config.model.name)
        asked = "model.labels" if card.kind == "zero-shot" else "trigger.words"
        given = {asked: labels} if labels and (only_these_fire or card.kind == "zero-shot") else {}
        config = load_config(file, dict(overrides) | given).config
        card = fitting.fitted(config, card)
        fitting.check_words(config, card)
        settings = fitting.spotting_settings(config, card)
        classifier = load_classifier(card, device=config.model.device)
    return LoadedModel(card, classifier, settings)


def check_finite(**flags: float | None) -> None:
    """Raise UsageError for a flag whose value is NaN or infinite."""
    for name, value in flags.items():
        if value is not None and not math.isfinite(value):
            raise UsageError(f"--{name} is {value:g}; it must be a number")
