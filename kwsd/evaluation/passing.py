"""Which clips pass a threshold: a word may be recognised, and still score less than it takes to fire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.evaluation.report import Row, percent, span
from kwsd.evaluation.statistics import Counts, wilson_interval
from kwsd.evaluation.task import Task
from kwsd.spotting.claims import claims
from kwsd.spotting.trigger import TriggerSettings


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """How many clips pass a threshold, each by one window.

    In the daemon somewhat more words fire: there a word is in several windows, and the best ones count. Of the task's
    classes (words, then other speech and noise) there are `clips` (classes,), and so many pass the threshold of each
    word: `passed` (classes, words).
    """

    clips: Counts
    passed: Counts

    @property
    def words(self) -> int:
        """How many clips are of the task's words."""
        return int(self.clips[: self.passed.shape[1]].sum())

    @property
    def right(self) -> int:
        """How many clips of words pass the threshold of the word that is said."""
        return int(self.passed.trace())

    @property
    def wrong(self) -> int:
        """How many clips of words pass another one's."""
        return int(self.passed[: self.passed.shape[1]].sum()) - self.right

    @property
    def alarms(self) -> int:
        """How many clips of other speech and noise pass one."""
        return int(self.passed[self.passed.shape[1] :].sum())

    def share(self, column: int) -> float:
        """The share of a word's clips that pass its threshold, of another class's that pass any; NaN for no clips."""
        word = column < self.passed.shape[1]
        some = int(self.passed[column, column] if word else self.passed[column].sum())
        return some / int(self.clips[column]) if self.clips[column] else math.nan

    def rows(self) -> tuple[Row, ...]:
        """For the table: the shares of the clips, with 95 % intervals; none for what there are no clips of."""
        counts = (
            ("words that pass their threshold", self.right, self.words),
            ("words that pass another's", self.wrong, self.words),
            ("other clips that pass one", self.alarms, int(self.clips.sum()) - self.words),
        )
        return tuple(
            (name, f"{percent(some / clips, 2)} of {clips} (95 %: {span(*wilson_interval(some, clips))})")
            for name, some, clips in counts
            if clips
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        head = {"words": self.words, "right": self.right, "as_another": self.wrong, "alarms": self.alarms}
        return head | {"passed": self.passed}


def passing(
    scores: NDArray[np.float32], labels: Sequence[str], truth: NDArray[np.intp], task: Task, trigger: TriggerSettings
) -> Passing:
    """Count the clips whose likeliest word passes its threshold, where the task's words are listened for.

    `scores` (clips, labels) are probabilities, `truth` (clips,) the classes. A word that has no threshold in `trigger`
    does not pass.
    """
    claimed = claims(scores, labels, task.words, trigger.substitution)[:, [labels.index(word) for word in task.words]]
    over = claimed >= np.array([trigger.thresholds.get(word, math.inf) for word in task.words])
    best = np.where(over, claimed, -1).argmax(axis=1)  # the trigger, too, takes the greatest
    passes = over.any(axis=1)
    passed = np.zeros((len(task.classes), len(task.words)), np.int64)
    np.add.at(passed, (truth[passes], best[passes]), 1)
    return Passing(np.bincount(truth, minlength=len(task.classes)), passed)
