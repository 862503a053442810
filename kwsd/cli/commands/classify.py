"""`kwsd classify`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kwsd.cli import console, stderr
from kwsd.cli.fetching import pull_if_missing
from kwsd.cli.flags import configured
from kwsd.config import load_config
from kwsd.envelope import SCHEMA
from kwsd.errors import InputError, UsageError
from kwsd.shown import one_line, readable

if TYPE_CHECKING:
    from kwsd.evaluation.whole import Guess


@configured("model.name", "model.device", "model.window_s", "model.labels")
def classify(
    overrides: dict[str, Any],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", readable=False, help="Recordings, in any format of libsndfile.")
    ],
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many labels to tell of each.")] = 5,
    format: Annotated[
        Literal["text", "json"], typer.Option(metavar="text|json", help="A table, or a JSON object a line.")
    ] = "text",
) -> None:
    """Classify whole recordings: the best labels, with their scores.

      kwsd classify bark.wav --model MIT/ast-finetuned-audioset-10-10-0.4593
      kwsd classify *.wav --top 1 --format json >heard.jsonl

    A recording goes through the network in one piece, as in the pipelines of
    transformers. If it is longer than the model can hear, than a minute, or than
    --window, it is cut into equal pieces, and their scores are averaged. No verifier is
    used, so the scores differ from those of kwsd listen, and config.toml is not read. A
    file that cannot be read is named on standard error and skipped; the exit status is
    then 66.
    """
    alone = {"trigger.smoothing": 1}  # no mean over windows, of which a short --window would have too few
    if Path("-") in files and not Path("-").exists():
        raise UsageError("kwsd classify reads files, not standard input;", "kwsd listen - reads that")
    config = load_config(Path(os.devnull), alone | overrides).config
    stderr.log_from()
    pull_if_missing(config.model.name)
    with console.working("loading the model"):
        from kwsd.evaluation.whole import classify_file
        from kwsd.fitting import fitted
        from kwsd.zoo import load_classifier, read_card

        own = read_card(config.model.name)
        card, before, exactly = fitted(config, own), own.window - own.about, own.kind == "exported"
        longest = card.window if config.model.window_s else card.longest
        if longest is not None and card.longest is not None:
            longest = min(longest, card.longest - before)  # what comes before a piece is heard with it
        classifier = load_classifier(card, device=config.model.device, any_length=True)
    bad = 0
    for file in files:
        try:
            with console.working(f"hearing {one_line(readable(file))}"):
                guesses = classify_file(
                    file, classifier, rate=card.rate, longest=longest, exactly=exactly, before=before
                )
        except InputError as error:
            stderr.error(str(error))
            bad += 1
            continue
        _show(file, guesses[:top], format)
    if bad and len(files) > 1:
        stderr.note(f"{bad} of {len(files)} files could not be read")
    if bad:
        raise typer.Exit(InputError.exit_status)


def _show(file: Path, guesses: list[Guess], format: str) -> None:
    if format == "json":
        labels = [{"label": guess.label, "score": round(guess.score, 6)} for guess in guesses]
        console.say_json({"schema": SCHEMA, "file": readable(file), "labels": labels}, indent=None)
    else:
        console.table(readable(file), ("score", "label"), [(f"{guess.score:.4f}", guess.label) for guess in guesses])
        console.say()
