"""What --labels of a measurement names."""

from __future__ import annotations

import pytest

from kwsd.cli.labels import split_labels
from kwsd.errors import UsageError


@pytest.mark.parametrize(
    ("labels", "words"),
    [("", None), ("yes", ["yes"]), (" yes, no,yes,", ["yes", "no"]), ('"yes", "no"', ["yes", "no"]),
     ('"Speech, male",dog', ["Speech, male", "dog"]), ("yes\nno, go\n", ["yes", "no", "go"])],
)  # fmt: skip
def test_a_list_is_read_as_the_configuration_reads_its_own(labels: str, words: list[str] | None) -> None:
    assert split_labels(labels) == words


@pytest.mark.parametrize("labels", [",", " ", '""', "\n", '"' + "a" * 140_000])
def test_a_list_of_nothing_is_wrong_usage(labels: str) -> None:
    with pytest.raises(UsageError, match=r"--labels is .*; it must be words separated by commas"):
        split_labels(labels)
