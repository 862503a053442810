"""The classes of a clip evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.config import nearest
from kwsd.errors import ConfigError
from kwsd.labels import SILENCE, UNKNOWN, can_fire, enumerated, plain, spelt

_ROUNDED = 0.02
"""How far from 1 the sum of a row of probabilities may lie: a network in 8 bits or bfloat16 rounds them."""


@dataclass(frozen=True, slots=True)
class Task:
    """The classes: the words that count, then unknown, then silence.

    A subset task (fewer words than the model knows) adds the scores of all other words to unknown: probabilities of
    mutually exclusive labels add up, so the class with the greatest sum is the best guess. Of labels that are not
    exclusive (a multi-label model's), the greatest score counts.
    """

    words: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The words, `_unknown_`, `_silence_`."""
        return (*self.words, UNKNOWN, SILENCE)

    def truth(self, label: str) -> int:
        """The class index of a clip labelled `label`: silence for silence, unknown for any label outside the task.

        A word may differ in case from the label, as long as only one matches (see `kwsd.labels.spelt`).
        """
        if plain(label) == SILENCE:
            return len(self.words) + 1
        word = spelt(label, self.words)
        return self.words.index(word) if word in self.words else len(self.words)

    def merged(self, scores: NDArray[np.float32], labels: Sequence[str]) -> NDArray[np.float64]:
        """Merge a classifier's scores (clips, labels) into (clips, classes); if all rows sum to one, they still do."""
        merge = np.add if np.allclose(scores.sum(axis=1), 1, atol=_ROUNDED) else np.maximum
        out = np.zeros((len(scores), len(self.classes)))
        for column, label in enumerate(labels):
            target = out[:, self.truth(label)]
            merge(target, scores[:, column], out=target)
        return out


def task_of(labels: Sequence[str], chosen: Sequence[str] | None) -> Task:
    """The task over `chosen`, or over all of the model's words.

    Raises ConfigError for a word that the model lacks, and if no word is chosen.
    """
    words = tuple(label for label in labels if can_fire(label))
    if chosen is None:
        return Task(words)
    wanted = tuple(dict.fromkeys(filter(can_fire, chosen)))
    strangers = [word for word in wanted if word not in words]
    if strangers:
        hint = nearest(strangers[0], words) or f"it knows {enumerated(words)}"
        raise ConfigError(f"the model does not know {', '.join(strangers)};", hint)
    if not wanted:
        raise ConfigError(f"no word is among {', '.join(chosen)};", f"the model knows {enumerated(words)}")
    return Task(wanted)
