"""Where labelled clips come from, how they are divided, and what a label may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from divided import by_split

from kwsd.datasets.speech_commands import which_split
from kwsd.errors import InputError
from kwsd.training.finetuning.labelled import find_labelled, weights_of


def test_the_official_lists(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav", "yes/b.wav", "no/c.wav", "no/d.flac", "no/readme.txt", "_background_noise_/hum.wav")
    (data / "validation_list.txt").write_text("yes/b.wav\n")
    (data / "testing_list.txt").write_text("no/d.flac\n")
    found = find_labelled(data)
    assert found.labels == ("no", "yes", "_silence_")
    assert by_split(found) == {"train": {"a.wav", "c.wav"}, "validation": {"b.wav"}, "test": {"d.flac"}}
    assert [path.name for path in found.noise] == ["hum.wav"]


def test_the_rule_where_there_are_no_lists() -> None:
    """All clips of a speaker are on one side, a tenth each for validation and test."""
    for speaker in ("0a7c2a8d", "ffd2ba2f", "b4aa9fef"):
        assert len({which_split(f"{speaker}_nohash_{take}.wav") for take in range(5)}) == 1
    shares = [which_split(f"{number:08x}_nohash_0.wav") for number in range(3000)]
    assert 0.08 < shares.count("validation") / 3000 < 0.12
    assert 0.08 < shares.count("test") / 3000 < 0.12
    assert which_split("caf\udce9.wav") in ("train", "validation", "test")  # a name that is not UTF-8


def test_the_rule_is_the_published_one() -> None:
    """The same arithmetic as `which_set` of the data set's README, written out."""
    import hashlib

    for number in range(200):
        name = f"{number:08x}"
        percent = (int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16) % 2**27) * (
            100.0 / (2**27 - 1)
        )
        expected = "validation" if percent < 10 else "test" if percent < 20 else "train"
        assert which_split(f"{name}_nohash_1.wav") == expected


def test_lists_of_any_file_names(tree: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    data = tree("yes/one a.wav", "yes/b.wav", "no/c.wav", "no/d.wav")
    (data / "validation_list.txt").write_text("\ufeffyes/one a.wav\r\n\r\nno/c.wav \r\n", encoding="utf-8")
    assert {clip.path.name: clip.split for clip in find_labelled(data).clips} == {
        "one a.wav": "validation", "b.wav": "train", "c.wav": "validation", "d.wav": "train",
    }  # fmt: skip
    assert not caplog.records
    (data / "validation_list.txt").write_text("one a.wav\n")
    find_labelled(data)
    assert "its lists name none of the clips" in caplog.text
    (data / "validation_list.txt").write_bytes(b"yes/\xe9.wav\n")
    with pytest.raises(InputError, match=r"validation_list\.txt: cannot be read: not UTF-8, in line 1"):
        find_labelled(data)


def test_silence_and_unknown_by_their_plain_names(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav", "no/b.wav", "Silence/c.wav", "dog/d.wav", "unknown/e.wav")
    (data / "validation_list.txt").write_text("cat/other.wav\n")
    found = find_labelled(data, ["yes", "no"])
    assert found.labels == ("no", "yes", "_unknown_", "_silence_")
    assert {clip.path.name: clip.label for clip in found.clips} == {
        "a.wav": "yes", "b.wav": "no", "c.wav": "_silence_", "d.wav": "_unknown_", "e.wav": "_unknown_",
    }  # fmt: skip


def test_an_umlaut_of_two_characters_is_the_one_that_keyboards_type(tree: Callable[..., Path]) -> None:
    data = tree("Gru\u0308n/a.wav", "rot/b.wav")
    assert find_labelled(data, ["Gr\u00fcn"]).labels == ("Gr\u00fcn", "_unknown_")
    assert find_labelled(data, ["Gru\u0308n", "unknown"]).labels == ("Gr\u00fcn", "_unknown_")


def test_a_folder_of_runs_among_the_clips_is_no_class(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav", "no/b.wav", "runs/mine/model/config.json")
    (data / "validation_list.txt").write_text("no/other.wav\n")
    assert find_labelled(data, besides=(data / "runs",)).labels == ("no", "yes")
    with pytest.raises(InputError, match="the class 'runs'"):
        find_labelled(data)


@pytest.mark.parametrize(("named", "runs"), [(".", "runs"), ("data", "data/runs"), ("data", "link/runs")])
def test_a_folder_of_runs_may_be_named_in_another_way_than_the_clips(
    tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, named: str, runs: str
) -> None:
    data = tree("yes/a.wav", "no/b.wav", "runs/mine/model/config.json")
    (data.parent / "link").symlink_to(data)
    monkeypatch.chdir(data if named == "." else data.parent)
    assert find_labelled(Path(named), besides=(Path(runs),)).labels == ("no", "yes")


def test_what_another_system_hides_beside_the_clips_is_none(
    tree: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """macOS writes a "._a.wav" beside each file on a foreign disk: one of two clips would be no audio."""
    found = find_labelled(tree("yes/a.wav", "yes/._a.wav", "no/b.wav", "no/.DS_Store", ".Trash/c.wav"))
    assert sorted(clip.path.name for clip in found.clips) == ["a.wav", "b.wav"]
    assert found.labels == ("no", "yes")
    assert not caplog.records


def test_all_but_the_chosen_words_are_unknown(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav", "no/b.wav", "dog/c.wav", "cat/d.wav")
    (data / "validation_list.txt").write_text("cat/other.wav\n")
    found = find_labelled(data, ["yes", "no"])
    assert found.labels == ("no", "yes", "_unknown_")
    assert [clip.label for clip in found.clips] == ["_unknown_", "_unknown_", "no", "yes"]


def test_what_comes_of_noise_and_of_other_words_can_be_among_the_chosen_words(tree: Callable[..., Path]) -> None:
    folder = tree("yes/a.wav", "no/a.wav", "_background_noise_/hum.wav")
    found = find_labelled(folder, ["yes", "_unknown_", "_silence_"])
    assert found.labels == ("yes", "_unknown_", "_silence_")
    with pytest.raises(InputError, match="no clips of _unknown_"):
        find_labelled(folder, ["yes", "no", "_silence_", "_unknown_"])
    with pytest.raises(InputError, match="no clips of up; it has _silence_, no, yes"):
        find_labelled(folder, ["up"])


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("*", r"the label \* stands for any word in \[hooks\]; give the clips another"),
        ("a\tb", r"the label 'a\\tb' is blank, or holds control characters; give"),
        (" ", "the label ' ' is blank"),
    ],
)
def test_labels_that_no_model_may_have(tree: Callable[..., Path], label: str, told: str) -> None:
    """Else a model is taught that nobody can listen with."""
    data = tree(f"{label}/a.wav", "yes/b.wav")
    with pytest.raises(InputError, match=told):
        find_labelled(data)
    assert find_labelled(data, ["yes"]).labels == ("yes", "_unknown_")


def test_correct_spelling_is_a_label(tree: Callable[..., Path]) -> None:
    assert "turn\u00a0on" in find_labelled(tree("turn\u00a0on/a.wav", "yes/b.wav")).labels


def test_labels_with_commas_are_told_as_the_option_takes_them(tree: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match='no clips of hey; it has "hey, you", stop'):
        find_labelled(tree("hey, you/a.wav", "stop/a.wav"), ["hey"])


def test_the_digest_is_of_what_is_learnt_from_and_not_of_where_it_lies(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav", "no/b.wav", "_background_noise_/hum.wav")
    seen = {find_labelled(data).digest(data)}
    data = data.rename(data.with_name("moved"))
    assert find_labelled(data).digest(data) in seen
    (data / "yes" / "c.wav").touch()  # one more
    seen.add(find_labelled(data).digest(data))
    (data / "yes" / "c.wav").rename(data / "no" / "c.wav")  # another label
    seen.add(find_labelled(data).digest(data))
    (data / "validation_list.txt").write_text("no/b.wav\n")  # another split
    seen.add(find_labelled(data).digest(data))
    (data / "_background_noise_" / "hum.wav").write_bytes(b"longer")
    seen.add(find_labelled(data).digest(data))
    assert len(seen) == 5


def test_what_recordings_hold_is_told_apart_at_the_same_size(tree: Callable[..., Path]) -> None:
    """As of clips that `arecord -d 2` records again, or talk."""
    data = tree("yes/a.wav", "no/b.wav", "_background_noise_/hum.wav")
    places = ("yes/a.wav", "_background_noise_/hum.wav")
    seen = set()
    for said in (b"one", b"two"):
        for place in places:
            (data / place).write_bytes(bytes(3 << 20) + said)
            seen.add(find_labelled(data).contents())
    assert len(seen) == 4
    data = data.rename(data.with_name("moved"))
    assert find_labelled(data).contents() in seen
    (data / "no" / "b.wav").unlink()
    (data / "no" / "b.wav").symlink_to("nowhere.wav")  # reported when it is read
    assert find_labelled(data).contents()


def test_rare_labels_weigh_more() -> None:
    assert weights_of(["yes", "yes", "yes", "no"], ["no", "yes", "_silence_"]) == [2.0, pytest.approx(2 / 3), 1.0]
