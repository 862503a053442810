from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from kwsd.datasets.recordings import Recording, find_sounds
from kwsd.datasets.speech_commands import SPLITS
from kwsd.errors import InputError
from kwsd.evaluation import splits
from kwsd.evaluation.output_files import save_wav
from kwsd.evaluation.splits import beside_clips, seconds_of, without_inferred
from kwsd.labels import NOISE
from kwsd.training.finetuning.labelled import find_labelled


@pytest.fixture
def folder(tmp_path, say, babble):
    """Three clips of "yes" and half a minute of noise."""
    for name in "abc":
        save_wav(tmp_path / "clips" / "yes" / f"{name}.wav", say("low"))
    save_wav(tmp_path / "clips" / "_background_noise_" / "n.wav", babble(1, 2.5))
    return tmp_path / "clips"


def clips_of(*arguments):
    found = splits.clips_of(*arguments)
    return found.clips, found.notes


def names(found) -> list[str]:
    return [clip.name for clip in found[0]]


def test_the_lists_of_speech_commands_say_what_is_for_test(folder):
    (folder / "testing_list.txt").write_text("yes/b.wav\n")
    (folder / "validation_list.txt").write_text("yes/c.wav\n")
    kept, (note,) = clips_of(folder)
    assert [(each.name, each.start, each.length) for each in kept] == [
        ("b", 0, 16000), ("n-0", 0, 16000), ("n-1", 16000, 16000),
    ]  # fmt: skip
    assert note == "test: 1 of 3 clips, by the lists in the folder (--split)"
    assert names(clips_of(folder, "train"))[:-2] == ["a"]
    assert clips_of(folder, "all")[1] == ()
    assert names(clips_of(folder, "all"))[:-2] == ["a", "b", "c"]
    (folder / "testing_list.txt").write_text("no/b.wav\n")
    with pytest.raises(InputError, match="no clip that can be read is for test, by the lists in the folder; --split"):
        clips_of(folder)


def test_a_tables_column_says_it_and_rows_without_one_go_by_the_rule(folder):
    table = folder.parent / "clips.csv"
    table.write_text(
        "file,label,split\nclips/yes/a.wav,yes,train\nclips/yes/b.wav,yes,testing\nclips/yes/c.wav,yes,\n"
        "clips/_background_noise_/n.wav,_background_noise_,\n"
    )
    kept, (note,) = clips_of(table)
    assert [(clip.name, clip.label) for clip in kept] == [
        ("b", "yes"), ("n-0", "_background_noise_"), ("n-1", "_background_noise_"),
    ]  # fmt: skip
    assert note == "test: 1 of 3 clips, by the table (--split)"
    assert names(clips_of(table, "train")) == ["a", "c", "n-0", "n-1"]


def test_where_nobody_says_it_all_are_taken_or_those_that_training_left_out(folder, say):
    for number in range(40):
        save_wav(folder / "no" / f"{number:08x}_nohash_0.wav", say("high"))
    kept, (note,) = clips_of(folder)
    assert len(kept) == 45
    assert note.startswith("all clips; if kwsd train learnt from them, --split test")
    table = folder.parent / "clips.tsv"
    rows = [f"clips/{place.parent.name}/{place.name}\t{place.parent.name}" for place in sorted(folder.glob("*/*"))]
    table.write_text("\n".join(["file\tlabel", *rows]) + "\n")
    for place in (folder, table):
        learnt = find_labelled(place)
        for split in ("train", "validation", "test"):
            kept, (note,) = clips_of(place, split)
            assert {clip.path for clip in kept} - set(learnt.noise) == {clip.path for clip in learnt.part(split)}
            assert note.endswith("by the rule of kwsd train (--split)")


def test_noise_alone_is_scored_and_nothing_at_all_is_told(folder, tmp_path):
    for clip in (folder / "yes").iterdir():
        clip.unlink()
    assert names(clips_of(folder)) == ["n-0", "n-1"]
    (tmp_path / "clips.csv").write_text("file,label\ngone.wav,yes\n")
    with pytest.raises(
        InputError, match="none of its clips can be read; give their paths relative to the table's folder"
    ):
        clips_of(tmp_path / "clips.csv")
    (tmp_path / "clips.csv").write_text("file,label\n")
    for split in ("", "test", "all"):
        with pytest.raises(InputError, match="no clips below its first line; write a line for each"):
            clips_of(tmp_path / "clips.csv", split)
    with pytest.raises(InputError, match="no such folder or table"):
        clips_of(tmp_path / "none.csv")


def test_noise_that_lies_among_the_clips_counts_once(folder, tmp_path, babble):
    save_wav(tmp_path / "noise" / "rain.wav", babble(2, 1.5))
    for where, name in ((folder, "_background_noise_"), (tmp_path / "noise", "more")):
        (where / name).mkdir(exist_ok=True)
        (where / name / "linked.wav").symlink_to(folder / "_background_noise_" / "n.wav")
    clips, _ = clips_of(folder)
    assert [clip.name for clip in clips if clip.label == NOISE] == ["linked-0", "linked-1"]
    assert [second.name for second in beside_clips(find_sounds(tmp_path / "noise"), clips)] == ["rain"]


def test_files_that_are_not_there_are_told_if_they_are_to_be_scored(folder):
    table = folder.parent / "clips.csv"
    rows = ["clips/yes/a.wav,yes,test", "clips/yes/gone.wav,yes,test", "clips/yes/lost.wav,yes,train"]
    table.write_text("\n".join(["file,label,split", *rows]) + "\n")
    told: list[InputError] = []
    kept, (note,) = clips_of(table, "", told.append)
    assert [clip.name for clip in kept] == ["a"]
    assert len(told) == 1
    assert "gone.wav" in str(told[0])
    assert note.startswith("test: 1 of 3 clips")


def test_a_pack_is_divided_by_its_speakers(tmp_path, say):
    save_wav(tmp_path / "a.wav", say("low", total_s=10.0))
    rows = [f"a.wav\t{n}\tyes\tspeaker-{n % 40}\t{100 * n}\t100" for n in range(200)]
    (tmp_path / "index.tsv").write_text("\n".join(["file\tclip\tlabel\tspeaker\tstart\tlength", *rows]) + "\n")
    sides = {split: {clip.speaker for clip in clips_of(tmp_path, split)[0]} for split in SPLITS}
    assert all(sides.values())
    assert clips_of(tmp_path, "test")[1][0].endswith("by Speech Commands' rule, by speaker (--split)")
    assert sum(len(speakers) for speakers in sides.values()) == 40


def test_an_index_needs_no_note(tmp_path, say):
    save_wav(tmp_path / "a.wav", say("low"))
    save_wav(tmp_path / "yes-inferred.wav", say("low"))
    rows = ["file\tclip\tlabel\tspeaker\tstart\tlength", "a.wav\tx\tyes\t\t0\t8000"]
    (tmp_path / "index.tsv").write_text("\n".join([*rows, "yes-inferred.wav\ty\tyes\t\t0\t8000"]) + "\n")
    kept, notes = clips_of(tmp_path)
    assert (len(kept), notes) == (2, ())
    assert [clip.name for clip in without_inferred(kept)] == ["x"]


def test_what_is_unknown_and_what_cannot_be_read_divides_as_in_training(tmp_path, say):
    """By the names alone: training reads them before it knows what is in them."""
    for seed in range(12):
        place = tmp_path / f"{seed}"
        for number in range(9):
            for label in ("unknown", "yes", "silence")[: 1 + (number + seed) % 3]:
                save_wav(place / label / f"{seed}{number}_nohash_0.wav", say("low"))
        learnt = find_labelled(place)
        for clip in learnt.part("validation")[:1]:
            clip.path.write_bytes(b"")
        for split in ("validation", "test"):
            with suppress(InputError):  # no clip is of that split
                found = {clip.path for clip in clips_of(place, split, lambda _: None)[0]}
                assert found <= {clip.path for clip in learnt.part(split)}


def test_an_index_beside_lists_still_cuts_its_clips(tmp_path, say):
    save_wav(tmp_path / "all.wav", say("low", total_s=3.0))
    rows = [f"all.wav\tclip-{n}\tyes\tann\t{n * 16000}\t16000" for n in range(3)]
    (tmp_path / "index.tsv").write_text("\n".join(["file\tclip\tlabel\tspeaker\tstart\tlength", *rows]) + "\n")
    (tmp_path / "testing_list.txt").write_text("yes/all.wav\n")
    kept, _ = clips_of(tmp_path, "all")
    assert [(clip.name, clip.start, clip.length) for clip in kept] == [
        (f"clip-{n}", n * 16000, 16000) for n in range(3)
    ]
    assert names(clips_of(tmp_path)) == ["clip-0", "clip-1", "clip-2"]


def test_a_link_to_nowhere_counts_where_clips_are_divided(folder, say):
    for number in range(40):
        save_wav(folder / "no" / f"{number:08x}_nohash_0.wav", say("high"))
    (folder / "no" / "gone_nohash_0.wav").symlink_to("nowhere.wav")
    told: list[InputError] = []
    assert {clip.split for clip in find_labelled(folder).clips if clip.path.is_symlink()} == {"train"}
    clips_of(folder, "train", told.append)
    assert "gone_nohash_0.wav" in str(told[0])


def test_of_an_index_beside_lists_the_clips_for_test_are_taken(tmp_path, say):
    for name in "ab":
        save_wav(tmp_path / f"{name}.wav", say("low"))
    rows = [f"{name}.wav\t{name}\tyes\tann\t0\t16000" for name in "ab"]
    (tmp_path / "index.tsv").write_text("\n".join(["file\tclip\tlabel\tspeaker\tstart\tlength", *rows]) + "\n")
    (tmp_path / "testing_list.txt").write_text("yes/b.wav\n")
    assert names(clips_of(tmp_path)) == ["b"]


def test_who_asks_for_all_clips_is_not_told_of_other_splits(folder):
    assert clips_of(folder)[1][0].startswith("all clips; if kwsd train learnt from them")
    assert clips_of(folder, "all")[1] == ()


@pytest.mark.parametrize(
    ("start", "length", "pieces"),
    [
        (0, 24_000, [(0, 24_000)]),
        (0, 32_000, [(0, 16_000), (16_000, 16_000)]),
        (48_000, 47_999, [(48_000, 16_000), (64_000, 16_000)]),
    ],
)
def test_noise_is_scored_in_whole_seconds_and_a_short_one_as_it_is(start, length, pieces):
    noise = Recording(Path("n.wav"), "n", "_background_noise_", "", start, length)
    assert [(each.start, each.length) for each in seconds_of(noise)] == pieces
