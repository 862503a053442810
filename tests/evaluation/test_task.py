"""Which word a clip's label stands for in a task of some of a model's words, and what its scores come to there."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.errors import ConfigError
from kwsd.evaluation.task import task_of
from kwsd.labels import SILENCE, UNKNOWN

LABELS = ("yes", "no", "dog", UNKNOWN, SILENCE)


def test_unknown_gets_the_sum_of_what_was_not_chosen():
    task = task_of(LABELS, ["yes", UNKNOWN, SILENCE])
    scores = np.array([[0.3, 0.25, 0.25, 0.1, 0.1]], np.float32)
    assert task.merged(scores, LABELS)[0] == pytest.approx([0.3, 0.6, 0.1])
    assert task.merged(scores, LABELS).argmax() == 1
    assert task_of(LABELS, None).merged(scores, LABELS)[0] == pytest.approx(scores[0])


@pytest.mark.parametrize(("total", "merged"), [(1.015, 0.515), (0.985, 0.485), (1.03, 0.3)])
def test_probabilities_that_were_rounded_add_up_all_the_same(total: float, merged: float) -> None:
    """As of a network in 8 bits; what is further from one are scores of labels that do not exclude each other."""
    scores = np.array([[0.5, 0.3, 0, total - 0.8, 0]], np.float32)
    assert task_of(LABELS, ["yes"]).merged(scores, LABELS)[0, 1] == pytest.approx(merged)


def test_labels_that_do_not_exclude_each_other_leave_the_greatest_of_them():
    scores = np.array([[0.3, 0.25, 0.25, 0.1, 0.1], [0.9, 0.8, 0.7, 0.1, 0.2]], np.float32)
    task = task_of(LABELS, [LABELS[0]])
    assert task.merged(scores, LABELS).max() <= 1
    assert task.merged(scores, LABELS)[1] == pytest.approx([0.9, 0.8, 0.2])
    assert task_of(LABELS, None).merged(scores, LABELS) == pytest.approx(scores)


def test_labels_that_the_model_lacks_are_unknown_and_silence_has_three_names():
    task = task_of(LABELS, None)
    assert [task.classes[task.truth(label)] for label in ("yes", "shoe", "", UNKNOWN)] == ["yes", *[UNKNOWN] * 3]
    assert {task.classes[task.truth(label)] for label in (SILENCE, "silence", "_background_noise_")} == {SILENCE}


def test_a_word_that_is_chosen_twice_is_one_class() -> None:
    assert task_of(LABELS, ["yes", "no", "yes"]).words == ("yes", "no")


def test_a_chosen_word_that_the_model_lacks():
    with pytest.raises(ConfigError, match="does not know shoe"):
        task_of(LABELS, ["yes", "shoe"])


def test_a_chosen_word_that_is_misspelt_and_no_word_at_all():
    with pytest.raises(ConfigError, match="does not know yess; did you mean 'yes'"):
        task_of(LABELS, ["no", "yess"])
    with pytest.raises(ConfigError, match=f"no word is among {UNKNOWN}; the model knows yes, no, dog"):
        task_of(LABELS, [UNKNOWN])


def test_a_label_in_another_case_is_the_word_where_that_is_plain():
    assert [task_of(LABELS, None).truth(label) for label in ("yes", "YES", "shoe")] == [0, 0, 3]
    assert [task_of(("Yes", "yes"), None).truth(label) for label in ("yes", "Yes", "YES")] == [1, 0, 2]
