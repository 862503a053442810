"""`kwsd eval stream`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kwsd.cli import console, stderr
from kwsd.cli.flags import configured, given_flags
from kwsd.cli.labels import Labels, Without, split_labels
from kwsd.cli.measuring import EAR, AsConfigured, HeldOut, Split, Transcripts, check_finite, load_model
from kwsd.cli.publishing import Json, Plots, check_places, publish
from kwsd.cli.toml import as_key, as_value
from kwsd.datasets.transcripts import read_transcripts
from kwsd.errors import UsageError
from kwsd.evaluation.report import threshold
from kwsd.replacing import try_folder

if TYPE_CHECKING:
    from kwsd.evaluation.thresholds import Choice

_BUILD = "To build a stream"
_BUILDING = (
    "words", "split", "speech", "noise", "snr", "hours", "count", "transcripts", "without", "held_out", "seed", "save",
)  # fmt: skip
_WORDS_AN_HOUR = 300
_MOST_WORDS = 1_000_000


@configured(*EAR, without=("model.labels", "trigger.words", "gate.enabled"))
def stream(
    ctx: typer.Context,
    overrides: dict[str, Any],
    audio: Annotated[Path | None, typer.Argument(metavar="AUDIO", readable=False, help="A long recording.")] = None,
    table: Annotated[
        Path | None,
        typer.Argument(metavar="TSV", readable=False, help="Its words: start_s, end_s, word, with tabs between."),
    ] = None,
    labels: Labels = "",
    words: Annotated[
        Path | None,
        typer.Option(metavar="CLIPS", readable=False, rich_help_panel=_BUILD, help="Recordings of the words."),
    ] = None,
    split: Split = None,
    speech: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", readable=False, rich_help_panel=_BUILD, help="Sentences around them; may be given again."
        ),
    ] = None,
    noise: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", readable=False, rich_help_panel=_BUILD, help="Noise under all of it; may be given again."
        ),
    ] = None,
    snr: Annotated[
        float,
        typer.Option(
            metavar="DB",
            min=-100,
            max=100,
            rich_help_panel=_BUILD,
            help="Each word's mean power over that of its noise.",
        ),
    ] = 10.0,
    hours: Annotated[
        float, typer.Option(metavar="HOURS", min=0.001, rich_help_panel=_BUILD, help="How much speech to take at most.")
    ] = 1.0,
    count: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=_MOST_WORDS,
            rich_help_panel=_BUILD,
            help=f"How many words; 0 for {_WORDS_AN_HOUR} an hour of --hours.",
        ),
    ] = 0,
    transcripts: Transcripts = None,
    without: Without = "",
    held_out: HeldOut = 0,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, rich_help_panel=_BUILD, help="Another seed, another stream.")
    ] = 0,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", readable=False, rich_help_panel=_BUILD, help="Keep the stream, as WAV and TSV."),
    ] = None,
    config: AsConfigured = None,
    choose: Annotated[
        float | None,
        typer.Option(metavar="ALARMS", min=0, help="Also choose thresholds for so many false alarms an hour in all."),
    ] = None,
    json: Json = None,
    plots: Plots = None,
) -> None:
    """Measure how many words are missed in long audio, and how often something else fires.

    The audio goes through the daemon's gate, spotter and trigger, faster than real time.
    It is either a recording with a table of its words, or a stream built from parts:

      kwsd eval stream talk.wav talk.tsv
      kwsd eval stream --words clips --speech sentences --noise noise --snr 10

    If Speech Commands' lists or a table name test words, only those are used. Sentences
    whose transcript (as for kwsd eval negatives) contains a listened word, or one of
    --without, are left out; long recordings are cut at pauses, so that words come
    throughout. The first detection of the right word, from its start to half a second
    after its end, is a hit; another one there is a repeat. Everything else is a false
    alarm: also a late detection, and the detection of another word. The output has the
    misses at 0.1, 0.5 and 1 false alarms an hour and at the model's own thresholds, with
    95 % intervals, latency and cost, with the gate on and off.

    --choose 0.5 chooses a threshold for each word so that all words together give half
    an alarm an hour on this stream (late detections not counted), as a table and as
    lines for config.toml. Other speakers cause many more alarms: use hours of the talk
    that your machine will hear, and measure the result on other talk, with --config. With
    --labels, they are for a daemon that listens for these words alone. To choose for some
    words beside others, leave it out: a word that is not spoken here keeps its threshold
    unless it causes an alarm. For any talk, use one threshold for all words, from the
    tables by word: (+1.09) is how far it lies above the given one, in log-odds.

    False alarms and missed words are listed with their second, so that you can listen to
    them; --json has all of them. A file that cannot be read is named and left out; the
    exit status is then 66.
    """
    _check(audio, table, given_flags(ctx, _BUILDING))
    check_finite(hours=hours, choose=choose)
    count = count or _count(hours)
    check_places(json, plots)
    if save is not None:
        try_folder(save)
    said = read_transcripts(transcripts) if transcripts else None
    unwanted = split_labels(without, "--without") or []
    model = load_model(overrides, labels, file=config)
    from kwsd.evaluation.left_out import LeftOut
    from kwsd.evaluation.plots import plot_streams
    from kwsd.evaluation.stream_builder import StreamSettings
    from kwsd.evaluation.stream_parts import stream_from_folders
    from kwsd.evaluation.streams import evaluate_streams
    from kwsd.evaluation.truth import read_stream, write_stream

    unreadable = LeftOut()
    with console.working("reading the recordings"):
        if audio and table:
            heard = read_stream(audio, table)
        else:
            assert words is not None  # _check has made sure
            settings = StreamSettings(snr_db=snr if noise else None, seed=seed)
            listened = tuple(model.settings.trigger.thresholds)
            heard = stream_from_folders(
                words, speech or [], noise or [], listen_for=listened, without=unwanted, count=count,
                split=split or "", hours=hours, held_out=held_out, said=said, settings=settings, unreadable=unreadable,
            )  # fmt: skip
        if save:
            written = write_stream(heard, save / f"{heard.name.replace(' ', '-')}-{seed}.wav")
            stderr.note(f"wrote {written.with_suffix('.wav')} and {written}")
    with console.progress() as show:
        report = evaluate_streams([heard], model.classifier, model.settings, choose=choose, progress=show)
    trigger = model.settings.trigger
    alone = tuple(trigger.thresholds) if labels and trigger.substitution != 1 else ()
    others = not {*model.card.words} <= {*alone}
    chosen = as_configuration(report.chosen, alone if others else ()) if report.chosen else ()
    report = replace(report, unreadable=unreadable.told)
    publish(report, json, plots, lambda place: plot_streams(report, place), chosen)
    unreadable.check()


def _count(hours: float) -> int:
    """How many words so many hours get. Raises UsageError for more than a stream may have."""
    if hours > _MOST_WORDS / _WORDS_AN_HOUR:
        what = f"--hours is {hours:g}, which at {_WORDS_AN_HOUR} words an hour takes more than {_MOST_WORDS:,} words;"
        raise UsageError(what, "take fewer hours, or say how many words with --count")
    return max(1, round(_WORDS_AN_HOUR * hours))


def as_configuration(chosen: Choice, alone: Sequence[str] = ()) -> Iterator[str]:
    """The chosen thresholds as lines of a configuration file.

    Where the scores of the words depend on which others are listened for, `alone` names all that were."""
    found = chosen.operating
    late = f", and {found.late} detected late" if found.late else ""
    alarms = f"{len(found.alarms) - found.late}{late}"
    yield f"# false alarms: {alarms}, in {found.hours:.2g} hours; missed: {found.miss_rate:.0%}"
    if 0 < chosen.budget * found.hours < 1:
        enough = f"use {1 / chosen.budget:.3g} hours or more"
        yield f"# too short a stream: {chosen.budget:g} false alarms an hour allow none at all in it; {enough}"
    if alone:
        yield "# for a daemon that listens for these words alone; beside others they fire at lower probabilities:"
        yield f"# words = {as_value(alone)} in [trigger]"
    yield "[trigger.thresholds]"
    for word, value in chosen.operating.thresholds.items():
        if value <= 1:
            yield f"{as_key(word)} = {threshold(value)}"
        else:
            yield f"# {word}: fires too often at any threshold that hears it; leave it out of [trigger] words"


def _check(audio: Path | None, table: Path | None, building: list[str]) -> None:
    """Raise UsageError unless there is exactly one stream: a recording, or one that the flags `building` describe."""
    if audio and building:
        both = "AUDIO and TSV exclude the flags that build a stream"
        raise UsageError(both, f"leave out {', '.join(building)}")
    if audio and not table:
        raise UsageError(f"{audio} needs a table of its words;", "name a TSV file (start_s, end_s, word) after it")
    if not audio and not {"--words", "--speech"} <= set(building):
        raise UsageError("there is nothing to measure on;", "name AUDIO and TSV, or --words and --speech (see --help)")
    if "--snr" in building and "--noise" not in building:
        raise UsageError("--snr needs --noise;", "name a folder of noise, or leave out --snr")
