"""Clips that nobody has divided: by Speech Commands' rule, but so that each label is learnt and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from kwsd.datasets.layouts import Clip
from kwsd.datasets.speech_commands import listed, place_of, speaker_of, split_at, which_split
from kwsd.datasets.splits import divided


def clips(label: str, names: Iterable[str], split: str = "") -> list[Clip]:
    return [Clip(Path(label) / name, label, split) for name in names]


def speakers(split: str, count: int) -> list[str]:
    """Names of files whose speakers the rule puts there."""
    return [name for name in (f"{n}_nohash_0.wav" for n in range(1000)) if which_split(name) == split][:count]


@pytest.mark.parametrize(
    ("split", "speakers"),
    [
        ("validation", ["1942abd7", "53d5b86f", "7c1d8533", "3bdf05d3"]),
        ("test", ["bb05582b"]),
        ("train", ["2c393fd2", "59fe87e6", "17c94b23", "b7669804"]),
    ],
)
def test_the_rule_puts_speakers_where_the_lists_of_speech_commands_have_them(split: str, speakers: list[str]) -> None:
    """Speakers of the data set, in its own split; those of a line that are nearest to another one's."""
    assert {which_split(f"{speaker}_nohash_{take}.wav") for speaker in speakers for take in range(2)} == {split}


def splits(found: Iterable[Clip], label: str) -> list[str]:
    return [clip.split for clip in found if clip.label == label]


def test_many_speakers_go_by_the_rule() -> None:
    names = [f"{n}_nohash_{take}.wav" for n in range(200) for take in range(2)]
    assert [clip.split for clip in divided(clips("yes", names))] == [which_split(name) for name in names]


def test_what_was_said_stays() -> None:
    given = [*clips("yes", ["a.wav", "b.wav"], "test"), *clips("no", ["a.wav", "b.wav"], "train")]
    assert divided(given) == given


def test_where_a_table_says_some_splits_the_others_go_by_the_rule_alone() -> None:
    names = speakers("train", 6)
    found = divided([*clips("yes", names), *clips("yes", ["a.wav"], "test")])
    assert splits(found, "yes") == ["train"] * 6 + ["test"]


@pytest.mark.parametrize("rule", ["train", "validation", "test"])
@pytest.mark.parametrize(("told", "together"), [(["test"], "test"), (["test", "validation", "train"], "train")])
def test_a_speaker_whose_split_a_table_says_is_there_with_all_clips(rule: str, told: list[str], together: str) -> None:
    """Else the network would be chosen, or measured, by a voice that it has learnt."""
    (name,) = speakers(rule, 1)
    yes = [Clip(Path("yes") / name.replace("0.wav", f"{take}.wav"), "yes", split) for take, split in enumerate(told, 1)]
    found = divided([*yes, *clips("no", [name]), *clips("no", ["a.wav"], "train")])
    assert splits(found, "yes") == told
    assert splits(found, "no") == [together, "train"]


@pytest.mark.parametrize("rule", ["train", "validation", "test"])
def test_where_one_person_says_all_what_a_table_leaves_open_is_learnt(rule: str) -> None:
    """Whoever marks only what is to choose by."""
    (name,) = speakers(rule, 1)
    names = [name.replace("0.wav", f"{n}.wav") for n in range(5)]
    found = divided([*clips("yes", names[:2], "validation"), *clips("yes", names[2:])])
    assert splits(found, "yes") == ["validation"] * 2 + ["train"] * 3


@pytest.mark.parametrize("lonely", ["validation", "test"])
def test_a_label_of_one_speaker_is_learnt(lonely: str) -> None:
    found = divided([*clips("yes", speakers(lonely, 1)), *clips("no", speakers("train", 5))])
    assert splits(found, "yes") == ["train"]


def test_of_few_speakers_one_is_to_choose_by_with_all_that_they_say() -> None:
    names = sorted(speakers("train", 6), key=lambda name: place_of(speaker_of(name)))
    found = divided([*clips("yes", names), *clips("no", names), *clips("up", names[:1])])
    chosen = {clip.path.name for clip in found if clip.split == "validation"}
    assert chosen == {names[1]}  # the nearest is the only one who says "up"
    assert sorted(splits(found, "yes")) == ["train"] * 5 + ["validation"]
    assert splits(found, "up") == ["train"]


@pytest.mark.parametrize(("train", "test", "moved"), [(4, 1, "test"), (2, 2, "test"), (1, 1, "test"), (5, 1, "train")])
def test_where_few_learn_one_of_test_is_to_choose_by(train: int, test: int, moved: str) -> None:
    expected = Counter({"train": train, "test": test, "validation": 1})
    expected[moved] -= 1
    found = divided(clips("yes", [*speakers("train", train), *speakers("test", test)]))
    assert Counter(splits(found, "yes")) == expected


def test_whoever_has_five_speakers_has_some_to_learn_from_and_to_choose_by() -> None:
    for first in range(300):
        found = divided(clips("yes", [f"{first}-{number}_nohash_0.wav" for number in range(5)]))
        assert {"train", "validation"} <= set(splits(found, "yes"))


def test_nobody_is_taken_from_where_they_are_the_last() -> None:
    found = divided(clips("yes", [*speakers("validation", 2), *speakers("test", 2)]))
    assert sorted(splits(found, "yes")) == ["test", "train", "validation", "validation"]


def test_order_does_not_matter() -> None:
    rows = [*clips("yes", speakers("train", 4)), *clips("no", speakers("train", 3)), *clips("up", speakers("test", 2))]
    there = {clip.path: clip.split for clip in divided(rows)}
    assert {clip.path: clip.split for clip in divided(rows[::-1])} == there


def test_a_name_in_a_list_may_hold_what_ends_a_line_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "testing_list.txt").write_text("yes/a\u2028b.wav\r\nyes/c\x0cd.wav\n", encoding="utf-8", newline="")
    assert listed(tmp_path) == {"yes/a\u2028b.wav": "test", "yes/c\x0cd.wav": "test"}


@pytest.mark.parametrize("alike", [2, 40])
def test_a_folder_is_a_speaker_where_it_tells_clips_of_one_name_apart(alike: int) -> None:
    """Else all of them would be one speaker, and nothing were left to choose by."""
    given = [Clip(Path("people") / f"p{number}" / f"yes{number // alike}.wav", "yes", "") for number in range(40)]
    found = divided(given)
    assert [clip.split for clip in found] == [split_at(place_of(f"p{number}")) for number in range(40)]
    assert len({clip.split for clip in found}) == 3
    same = [Clip(Path(folder) / "ann_nohash_0.wav", "yes", "") for folder in ("a", "b")]
    assert len({clip.split for clip in divided(same)}) == 1


def test_a_folder_that_is_a_speaker_is_one_with_all_its_clips() -> None:
    """Whoever has more clips than the others has some of names that are unique."""
    names = [(f"p{person}", f"yes_{number}.wav") for person in range(20) for number in range(8 + person)]
    given = [Clip(Path(person) / name, "yes", "") for person, name in names]
    splits: dict[str, set[str]] = {}
    for clip in divided(given):
        splits.setdefault(clip.path.parent.name, set()).add(clip.split)
    assert {len(found) for found in splits.values()} == {1}
    assert len(set().union(*splits.values())) == 3
