"""The result of a clip evaluation, as values and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kwsd.evaluation import statistics
from kwsd.evaluation.passing import Passing
from kwsd.evaluation.report import Row, Table, number, percent, plain_table, span
from kwsd.evaluation.statistics import Counts, Reliability


@dataclass(frozen=True, slots=True)
class WordAccuracy:
    """How many of a word's clips were heard as that word."""

    word: str
    clips: int
    correct: int

    @property
    def accuracy(self) -> float:
        """The share of clips that were heard as the word; NaN for no clips."""
        return self.correct / self.clips if self.clips else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        return statistics.wilson_interval(self.correct, self.clips)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        head = {"word": self.word, "clips": self.clips, "correct": self.correct}
        return plain_table(head | {"accuracy": self.accuracy, "interval": self.interval})


@dataclass(frozen=True, slots=True, eq=False)
class ClipReport:
    """The result on clips of one label each.

    `classes` are the task's words, then `_unknown_`, then `_silence_`. `confusion` (classes, classes) counts clips; its
    rows are the true classes. `words` has one entry for each class that has clips. `speech` counts the speech clips
    that were not taken for silence, `noise` the silent ones that were. `passing` is None if no thresholds were given.
    """

    model: str
    classes: tuple[str, ...]
    confusion: Counts
    words: tuple[WordAccuracy, ...]
    reliability: Reliability
    speech: WordAccuracy
    noise: WordAccuracy
    passing: Passing | None = None
    left_out: int = 0
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    cpu_s: float = 0.0

    @property
    def total(self) -> WordAccuracy:
        """All clips, all classes."""
        return WordAccuracy("all", int(self.confusion.sum()), int(self.confusion.trace()))

    @property
    def word_or_noise(self) -> WordAccuracy:
        """All clips, judged only as speech or silence."""
        clips = self.speech.clips + self.noise.clips
        return WordAccuracy("word or noise", clips, self.speech.correct + self.noise.correct)

    def mean_word_accuracy(self, at_least: int = 1) -> float:
        """The unweighted mean accuracy of the words that have `at_least` clips; NaN for none."""
        proper = self.classes[:-2]
        shares = [word.accuracy for word in self.words if word.word in proper and word.clips >= at_least]
        return sum(shares) / len(shares) if shares else math.nan

    def rows(self) -> tuple[Row, ...]:
        """The overall figures."""
        return (
            ("clips", f"{self.total.clips}"),
            ("accuracy", f"{percent(self.total.accuracy, 2)} (95 %: {span(*self.total.interval)})"),
            ("mean over words", percent(self.mean_word_accuracy(), 2)),
            ("mean over words of 100 clips or more", percent(self.mean_word_accuracy(100), 2)),
            *(self.passing.rows() if self.passing else ()),
            ("word or noise", f"{percent(self.word_or_noise.accuracy, 2)} of {self.word_or_noise.clips}"),
            ("speech taken for speech", f"{percent(self.speech.accuracy, 2)} of {self.speech.clips}"),
            ("noise taken for noise", f"{percent(self.noise.accuracy, 2)} of {self.noise.clips}"),
            ("expected calibration error", number(self.reliability.ece, 4)),
            *(("note", note) for note in self.notes),
            *(("note", f"left out: {reason}") for reason in self.unreadable),
        )

    def tables(self) -> tuple[Table, ...]:
        """The overall figures, then those by word."""
        words = tuple(
            (
                word.word,
                f"{word.clips}",
                percent(word.accuracy),
                span(*word.interval),
                *((percent(self.passing.share(self.classes.index(word.word))),) if self.passing else ()),
                self._taken_for(word.word),
            )
            for word in self.words
        )
        passing = ("pass",) if self.passing else ()
        columns = ("word", "clips", "accuracy", "95 % interval", *passing, "most often taken for")
        return Table("Clips", ("figure", self.model), self.rows()), Table("By word", columns, words)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the overall `accuracy`, `per_word` by word, and the rest."""
        bins = self.reliability
        return plain_table(
            {
                "kind": "clips",
                "model": self.model,
                "clips": self.total.clips,
                "correct": self.total.correct,
                "accuracy": self.total.accuracy,
                "interval": self.total.interval,
                "per_word": {word.word: word.accuracy for word in self.words},
                "mean_per_word": self.mean_word_accuracy(),
                "mean_per_word_100_clips": self.mean_word_accuracy(100),
                "passing": self.passing.to_dict() if self.passing else None,
                "words": [word.to_dict() for word in self.words],
                "word_or_noise": self.word_or_noise.to_dict(),
                "speech": self.speech.to_dict(),
                "noise": self.noise.to_dict(),
                "classes": self.classes,
                "confusion": self.confusion,
                "ece": bins.ece,
                "reliability": {
                    "edges": bins.edges,
                    "counts": bins.counts,
                    "confidence": bins.confidence,
                    "accuracy": bins.accuracy,
                },
                "inferred_left_out": self.left_out,
                "notes": self.notes,
                "unreadable": self.unreadable,
                "cpu_s": self.cpu_s,
            }
        )

    def _taken_for(self, word: str) -> str:
        row = self.confusion[self.classes.index(word)].copy()
        row[self.classes.index(word)] = 0
        worst = int(row.argmax())
        return f"{self.classes[worst]} ({row[worst]})" if row[worst] else ""
