"""Measures how well a model hears words in streams, for `kwsd eval stream`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from kwsd.classifier import Classifier
from kwsd.errors import InputError
from kwsd.evaluation.det import BUDGETS, sweep
from kwsd.evaluation.operating import operate
from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.scored_stream import ScoredStream
from kwsd.evaluation.stream_report import GateReport, StreamReport
from kwsd.evaluation.stream_scoring import score_stream
from kwsd.evaluation.thresholds import choose_thresholds
from kwsd.evaluation.truth import SpokenWord, Stream
from kwsd.samples import RATE
from kwsd.shown import brief
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings

Progress = Callable[[str, int, int], None]
"""Called with the name of the step, how much of it is done, and its total."""


def evaluate_streams(
    streams: Iterable[Stream],
    classifier: Classifier,
    settings: SpottingSettings,
    *,
    choose: float | None = None,
    progress: Progress = lambda *_: None,
) -> StreamReport:
    """Score the streams' windows once, then replay gate and trigger at many thresholds.

    The words of the trigger's `thresholds` may fire; other spoken words do not count. All is measured with the gate and
    without; the way of the settings comes first, and the tables by word are of it alone. With `choose`, thresholds for
    that many false alarms an hour are chosen for it as well.

    Raises InputError if none of the words is spoken.
    """
    trigger, gated, words = settings.trigger, settings.gated, tuple(settings.trigger.thresholds)
    streams, recorded = [stream.spelt(words) for stream in streams], []
    _check_spoken([word for stream in streams for word in stream.words], words)
    for stream in streams:

        def scored(done: int, stream: Stream = stream) -> None:
            progress(f"scoring {stream.name}, s", done // RATE, len(stream.samples) // RATE)

        recorded.append(score_stream(stream, classifier, settings, progress=scored))
    gates = tuple(_gate_report(recorded, trigger, progress, gated=on) for on in (gated, not gated))
    chosen = None
    if choose is not None:
        tried = partial(progress, "choosing thresholds")
        chosen = choose_thresholds(recorded, words, trigger=trigger, gated=gated, budget=choose, progress=tried)
    return StreamReport(
        chosen=chosen,
        model=recorded[0].model,
        streams=tuple(each.name for each in recorded),
        hours=sum(each.hours for each in recorded),
        spoken=len(gates[0].given.outcomes),
        notes=tuple(dict.fromkeys(note for each in recorded for note in each.notes))
        + _strangers(recorded, words)
        + _short(sum(each.hours for each in recorded)),
        gates=gates,
    )


def _gate_report(
    recorded: Sequence[ScoredStream], trigger: TriggerSettings, progress: Progress, *, gated: bool
) -> GateReport:
    """The figures with the gate on, or off."""
    replayers = [Replayer(each, tuple(trigger.thresholds), gated=gated, trigger=trigger) for each in recorded]
    length = max(1, sum(each.length for each in recorded))
    scored = sum(each.scored_share(trigger, gated=gated) * each.length for each in recorded)
    cost = sum(each.cpu_per_second(trigger, gated=gated) * each.length for each in recorded)
    return GateReport(
        gated=gated,
        scored_share=scored / length,
        cpu_per_second=cost / length,
        given=operate(replayers, trigger.thresholds),
        sweep=sweep(replayers, trigger, progress=partial(progress, f"thresholds, gate {'on' if gated else 'off'}")),
    )


def _short(hours: float) -> tuple[str, ...]:
    """A note on budgets that allow less than one alarm in these hours: their points have no alarm at all."""
    few = [f"{budget:g}" for budget in BUDGETS if budget * hours < 1]
    return (f"at {', '.join(few)} an hour: {hours:.2g} hours allow no alarm at all; use longer streams",) if few else ()


def _check_spoken(spoken: Iterable[SpokenWord], words: Collection[str]) -> None:
    """Raise InputError unless one of the `words` that may fire is spoken."""
    there = sorted({word.word for word in spoken})
    if not there:
        raise InputError("no word is spoken in these streams; name a table with words")
    if not set(there) & set(words):
        raise InputError(
            f"no word that is spoken here may fire: {brief(', '.join(there), 100)};",
            f"those that may: {', '.join(words)}",
        )


def _strangers(recorded: Sequence[ScoredStream], words: Sequence[str]) -> tuple[str, ...]:
    others = {word.word for each in recorded for word in each.words} - set(words)
    return (f"spoken, but not listened for: {', '.join(sorted(others))}",) if others else ()
