"""What is wrong with labelled clips, and which of them can be learnt from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kwsd.errors import InputError
from kwsd.evaluation.output_files import save_wav
from kwsd.training.finetuning.labelled import find_labelled
from kwsd.training.finetuning.unreadable import Unreadable, check_readable


def test_what_is_wrong_with_a_tree(tree: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find_labelled(tmp_path / "nowhere")
    data = tree("yes/a.wav", "no/readme.txt")
    with pytest.raises(InputError, match="'no' is empty"):
        find_labelled(data)
    (data / "no" / "b.wav").touch()
    (data / "validation_list.txt").write_text("no/b.wav\n")
    with pytest.raises(InputError, match="no: no clips to train on"):
        find_labelled(data)
    with pytest.raises(InputError, match="no clips of zebra; it has no, yes"):
        find_labelled(data, ["zebra"])


def test_clips_that_lie_in_no_folder_of_a_label_are_told(
    tree: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = tree("yes/a.wav", "no/b.wav", "c.wav", "readme.txt", ".hidden.wav")
    find_labelled(data)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == f"{data}: c.wav skipped, as no folder gives the label; lay them out as label/clip.wav"
    with pytest.raises(
        InputError, match=r"yes: its clips lie directly in it, .*; name the folder above, or lay them out"
    ):
        find_labelled(data / "yes")


def test_what_is_no_clip_is_told_once_a_class(tree: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    data = tree("yes/a.wav", "yes/b.m4a", "yes/c.M4A", "yes/more/d.wav", "yes/.hidden", "no/b.wav", "no/readme.txt")
    find_labelled(data)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{data / 'yes'}: 2 .m4a files, 1 folder skipped")
    (data / "fire").mkdir()
    (data / "fire" / "f.m4a").touch()
    with pytest.raises(InputError, match=r"'fire' has no clips, but 1 \.m4a file: convert them"):
        find_labelled(data)


@pytest.mark.parametrize("place", ["yes/anna/0.wav", "yes/anna/monday/0.wav"])
def test_clips_that_lie_by_person_are_to_be_moved_up(tree: Callable[..., Path], place: str) -> None:
    data = tree(place, "yes/ben/0.txt", "no/a.wav")
    with pytest.raises(InputError, match=r"'yes' has no clips directly in it, but 2 folders; move the clips up"):
        find_labelled(data)


def test_two_labels_that_differ_in_case_alone_are_refused(tree: Callable[..., Path]) -> None:
    data = tree("Marvin/a.wav", "marvin/b.wav", "no/c.wav")
    with pytest.raises(InputError, match=r"the labels Marvin and marvin differ in case alone"):
        find_labelled(data)


def test_one_class_is_none(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav")
    (data / "testing_list.txt").write_text("yes/b.wav\n")
    with pytest.raises(InputError, match="at least two are needed"):
        find_labelled(data)


def test_too_many_unreadable_clips_end_a_run(caplog: pytest.LogCaptureFixture) -> None:
    found = Unreadable(of=20)
    for number in (1, 2, 3, 3, 3):
        found.add(Path(f"{number}.wav"), InputError(f"{number}.wav: damaged"))
    assert caplog.text.count("left out: ") == 3  # each is named once
    with pytest.raises(InputError, match=r"4 clips cannot be read, the last is 4\.wav"):
        found.add(Path("4.wav"), InputError("4.wav: damaged"))


def test_a_label_of_which_nothing_can_be_read_is_refused(tree: Callable[..., Path]) -> None:
    data = tree("yes/a.wav", "yes/c.wav", "no/b.wav")
    for name in ("yes/c.wav", "no/b.wav"):
        save_wav(data / name, np.arange(16_000, dtype=np.int16))
    check_readable(find_labelled(data))  # one is enough
    (data / "fire").mkdir()
    for name in ("fire/d.wav", "fire/f.wav"):
        (data / name).write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"fire: none of the 2 clips to train on can be read .*d\.wav.*repair"):
        check_readable(find_labelled(data))


def test_a_word_of_which_no_clip_holds_a_sound_is_told(tree: Callable[..., Path]) -> None:
    """A muted microphone records such; silence may be silent."""
    data = tree("yes/a.wav", "yes/c.wav", "no/b.wav", "_silence_/d.wav", "_background_noise_/e.wav")
    for clip in data.glob("*/*.wav"):
        save_wav(clip, np.full(16_000, -1, np.int16))
    for label in ("no", "yes"):
        with pytest.raises(InputError, match=rf"{label}: none of the \d clips to train on holds a sound: .* not muted"):
            check_readable(find_labelled(data))
        save_wav(next((data / label).iterdir()), np.arange(16_000, dtype=np.int16))
    check_readable(find_labelled(data))
