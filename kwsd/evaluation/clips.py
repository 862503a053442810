"""Measures how many clips a classifier gets right, each by one window and one label.

A clip longer than a window (usually a second) is judged by the window around its speech, as in training; a shorter one
is padded with silence on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import begin_of_speech, cut_window
from kwsd.classifier import Classifier, check_scores
from kwsd.datasets.loading import load
from kwsd.datasets.recordings import Recording
from kwsd.errors import InputError
from kwsd.evaluation import statistics
from kwsd.evaluation.clip_report import ClipReport, WordAccuracy
from kwsd.evaluation.left_out import LeftOut
from kwsd.evaluation.passing import passing
from kwsd.evaluation.splits import without_inferred
from kwsd.evaluation.task import Task, task_of
from kwsd.labels import SILENCE, can_fire, folded
from kwsd.samples import RATE
from kwsd.shown import brief
from kwsd.spotting.trigger import TriggerSettings

Progress = Callable[[int, int], None]

_BATCH = 64


def evaluate_clips(
    classifier: Classifier,
    recordings: Sequence[Recording],
    labels: Sequence[str] | None = None,
    *,
    noise: Sequence[Recording] = (),
    trigger: TriggerSettings | None = None,
    window: int = RATE,
    before: int = 0,
    batch: int = _BATCH,
    unreadable: LeftOut | None = None,
    notes: tuple[str, ...] = (),
    progress: Progress = lambda *_: None,
) -> ClipReport:
    """Score every recording by its label, and every recording of `noise` as silence whatever its label.

    A clip is judged by `window` samples and the `before` samples of context that precede them. `labels` names the
    words of a subset task (see `Task`). With `trigger` the report tells how many clips pass its thresholds. Recordings
    whose label was inferred by a machine (`WORD-inferred.opus`) are left out; so are those that cannot be read, if
    `unreadable` is given. `progress` is called with the number of clips done and the total.

    Raises:
        ConfigError: the model lacks one of `labels`, or none of them is a word.
        InputError: there is nothing to score, or a recording cannot be read and `unreadable` is not given.
        ModelError: scores are not probabilities.
    """
    task = task_of(classifier.labels, labels)
    kept = without_inferred(recordings)
    if not kept and not noise:
        raise InputError(
            "no clips to score: there are none, or every label in this folder was inferred; name another folder"
        )
    total = len(kept) + len(noise)
    truth: list[int] = []
    scores: list[NDArray[np.float32]] = []
    began = time.process_time()
    clips = _with_truth(task, kept, noise, unreadable)
    windows = ((label, judged(samples, window, before)) for label, samples in clips)  # clips may be long
    while chunk := list(islice(windows, batch)):
        truth += [label for label, _ in chunk]
        scored = classifier.score(np.stack([heard for _, heard in chunk]))
        scores.append(check_scores(scored, classifier.name))
        progress(len(truth), total)
    if not scores and unreadable is not None:
        unreadable.check()
    found, classes = np.concatenate(scores), np.array(truth, np.intp)
    merged, spent_s = task.merged(found, classifier.labels), time.process_time() - began
    return replace(
        report_of(classifier.name, task, classes, merged),
        passing=passing(found, classifier.labels, classes, task, trigger) if trigger else None,
        left_out=len(recordings) - len(kept),
        notes=(*notes, *_strangers(classifier.labels, kept)),
        unreadable=unreadable.told if unreadable is not None else (),
        cpu_s=spent_s,
    )


def report_of(model: str, task: Task, truth: NDArray[np.intp], scores: NDArray[np.float64]) -> ClipReport:
    """The report from true classes (clips,) and scores (clips, classes)."""
    classes = task.classes
    predicted = scores.argmax(axis=1)
    confusion = statistics.confusion_matrix(truth, predicted, len(classes))
    silence = len(classes) - 1
    is_noise, called_noise = truth == silence, scores[:, silence] > 0.5
    return ClipReport(
        model=model,
        classes=classes,
        confusion=confusion,
        words=tuple(
            WordAccuracy(word, int(row.sum()), int(row[column]))
            for column, (word, row) in enumerate(zip(classes, confusion, strict=True))
            if row.sum()
        ),
        reliability=statistics.reliability(scores.max(axis=1), predicted == truth),
        speech=WordAccuracy("speech", int((~is_noise).sum()), int((~is_noise & ~called_noise).sum())),
        noise=WordAccuracy("noise", int(is_noise.sum()), int((is_noise & called_noise).sum())),
    )


def judged(samples: NDArray[np.int16], length: int = RATE, before: int = 0) -> NDArray[np.float32]:
    """Cut a clip, (n,) int16, to the (before + length,) float32 samples by which it is judged.

    They are the window that `kwsd train` would learn from, and the `before` samples that precede it; zeros outside the
    clip."""
    return cut_window(samples, begin_of_speech(samples, length) - before, before + length)


def _strangers(labels: Sequence[str], clips: Sequence[Recording]) -> tuple[str, ...]:
    """A note on labels that the model does not know: a folder's name may differ from the word that is meant."""
    known = {folded(label) for label in labels} | {""}
    strange = sorted({clip.label for clip in clips if can_fire(clip.label) and folded(clip.label) not in known})
    return (f"labels that the model lacks, counted as unknown: {brief(', '.join(strange), 200)}",) if strange else ()


def _with_truth(
    task: Task, recordings: Iterable[Recording], noise: Iterable[Recording], unreadable: LeftOut | None
) -> Iterator[tuple[int, NDArray[np.int16]]]:
    for recording, samples in load(recordings, unreadable):
        yield task.truth(recording.label), samples
    for _, samples in load(noise, unreadable):
        yield task.truth(SILENCE), samples
