"""What a model will lack is told before anything is learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from kwsd.audio.decoding.files import read_clip
from kwsd.evaluation.output_files import save_wav
from kwsd.training.finetuning.data_warnings import doubts, hardly_judged
from kwsd.training.finetuning.labelled import find_labelled

RECORDINGS = Path(__file__).parents[2] / "recordings"


def test_words_alone_are_doubted(tree: Callable[..., Path]) -> None:
    """They make a model that fires on all speech and on noise."""
    data = tree("yes/a.wav", "no/b.wav")
    unknown, silence, few = doubts(find_labelled(data))
    assert unknown.startswith("there is no _unknown_: ")
    assert "--labels" in unknown
    assert silence.startswith("there is no _silence_: ")
    assert "_background_noise_" in silence
    assert few.startswith("few clips for validation (no 0, yes 0): ")
    tree(
        "_unknown_/c.wav",
        "_background_noise_/d.wav",
        *(f"{label}/v{n}.wav" for label in ("yes", "no") for n in range(10)),
    )
    held = [f"{label}/v{n}.wav" for label in ("yes", "no") for n in range(10)]
    (data / "validation_list.txt").write_text("\n".join(held))
    (few,) = doubts(find_labelled(data))
    assert few.startswith("few clips for validation (_unknown_ 0): ")


def test_a_model_without_a_word_is_doubted(tree: Callable[..., Path]) -> None:
    """The word's folder may be missing, or called unknown."""
    none, _few = doubts(find_labelled(tree("unknown/a.wav", "_background_noise_/b.wav")))
    assert none == "none of the labels is a word (_unknown_, _silence_): nothing that is said will fire"


def test_a_word_that_is_said_again_and_again_in_one_recording_is_doubted(tree: Callable[..., Path]) -> None:
    """One window of it is learnt; that of talk many are is meant."""
    data = tree(*(f"hey/{number}.wav" for number in range(9)), "_unknown_/talk.wav", "_background_noise_/hum.wav")
    save_wav(data / "hey" / "3.wav", np.zeros(20 * 16_000, np.int16))
    save_wav(data / "_unknown_" / "talk.wav", np.resize(read_clip(RECORDINGS / "sentence.flac"), 20 * 16_000))
    _few, long = doubts(find_labelled(data))
    assert long.startswith(f"{data / 'hey' / '3.wav'}: 20 s, of which one 'hey' is learnt; cut it up")
    (data / "hey" / "9.wav").touch()
    assert len(list(doubts(find_labelled(data)))) == 1


def test_clips_in_which_nobody_speaks_are_doubted(tree: Callable[..., Path]) -> None:
    """The room would be learnt as the word. A muted clip is reported when it is read, and so is a damaged one."""
    data = tree(*(f"hey/{number}.wav" for number in range(9)), "_unknown_/talk.wav", "_background_noise_/hum.wav")
    random, soft = np.random.default_rng(0), read_clip(RECORDINGS / "commands.flac")[: 2 * 16_000] // 20
    for number in range(9):
        save_wav(data / "hey" / f"{number}.wav", soft)
    save_wav(data / "_unknown_" / "talk.wav", random.integers(-50, 51, 32_000, np.int16))
    (data / "hey" / "1.wav").write_bytes(b"RIFF")
    save_wav(data / "hey" / "2.wav", np.zeros(32_000, np.int16))
    (_few,) = doubts(find_labelled(data))
    empty = [data / "hey" / f"{number}.wav" for number in (3, 4, 6, 8)]
    for path in empty:
        save_wav(path, random.integers(-50, 51, 32_000, np.int16))
    _few, nobody = doubts(find_labelled(data))
    named = ", ".join(map(str, empty[:3]))
    assert nobody.startswith(f"'hey': in 4 of 9 clips nobody seems to speak ({named}, …): ")


def test_talk_in_which_nobody_speaks_is_doubted(tree: Callable[..., Path]) -> None:
    """The wrong microphone: the room would be learnt as what is no word, and all talk be taken for words."""
    data = tree("hey/a.wav", "_unknown_/a.wav", "_unknown_/b.wav", "_unknown_/c.wav", "_background_noise_/hum.wav")
    room = np.random.default_rng(0).integers(-50, 51, 12 * 16_000, np.int16)
    talk = np.resize(read_clip(RECORDINGS / "sentence.flac"), 12 * 16_000) // 20
    save_wav(data / "_unknown_" / "a.wav", talk)
    save_wav(data / "_unknown_" / "b.wav", room[: 5 * 16_000])  # no long one
    (data / "_unknown_" / "c.wav").write_bytes(b"RIFF")  # told when it is read
    (_few,) = doubts(find_labelled(data))
    save_wav(data / "_unknown_" / "c.wav", room)
    _few, nobody = doubts(find_labelled(data))
    told = f"_unknown_: in 1 of 2 long recordings hardly anybody seems to speak ({data / '_unknown_' / 'c.wav'}): "
    assert nobody.startswith(told)


def test_recordings_that_lie_under_two_labels_are_doubted(tree: Callable[..., Path]) -> None:
    """Copied by mistake. What is left out of training does no harm, nor does what is twice under one label."""
    data = tree(*(f"{label}/{n}.wav" for label in ("hey", "you") for n in range(5)), "_unknown_/talk.wav")
    said = read_clip(RECORDINGS / "commands.flac")[: 2 * 16_000]
    for number in range(5):
        save_wav(data / "hey" / f"{number}.wav", said // (1 + number))
        save_wav(data / "you" / f"{number}.wav", said[:: number + 2])
    save_wav(data / "hey" / "4.wav", said)
    for path in (data / "hey" / "muted.wav", data / "you" / "muted.wav"):
        save_wav(path, np.zeros(32_000, np.int16))
    for path in (data / "hey" / "damaged.wav", data / "you" / "damaged.wav"):
        path.write_bytes(b"RIFF")
    assert not [doubt for doubt in doubts(find_labelled(data)) if "two labels" in doubt]
    copies = {data / "hey" / f"{n}.wav": data / "you" / f"{n}.wav" for n in range(4)}
    for path, copy in copies.items():
        copy.write_bytes(path.read_bytes())
    (twice,) = (doubt for doubt in doubts(find_labelled(data)) if "two labels" in doubt)
    named = ", ".join(f"{path} as 'hey' and {copy} as 'you'" for path, copy in list(copies.items())[:3])
    assert twice.startswith(f"4 recordings under two labels, with the very same contents ({named}, …): ")


def test_a_recording_of_noise_that_is_also_a_word_is_doubted(tree: Callable[..., Path]) -> None:
    data = tree("hey/hum.wav", "hey/0.wav", "_unknown_/talk.wav", "_background_noise_/hum.wav")
    for label in ("hey", "_background_noise_"):
        save_wav(data / label / "hum.wav", np.arange(32_000, dtype=np.int16))
    (twice,) = (doubt for doubt in doubts(find_labelled(data)) if "two labels" in doubt)
    assert (
        f"({data / 'hey' / 'hum.wav'} as 'hey' and {data / '_background_noise_' / 'hum.wav'} as '_silence_'): " in twice
    )


def test_a_phrase_that_is_longer_than_the_window_is_doubted(tree: Callable[..., Path]) -> None:
    """A part of it is learnt, and what else begins or ends like it fires."""
    data = tree(*(f"{label}/{n}.wav" for label in ("hey", "_unknown_") for n in range(8)), "_background_noise_/a.wav")
    random = np.random.default_rng(0)

    def record(seconds: float, places: range) -> None:
        said = random.integers(-9000, 9000, round(seconds * 16_000), np.int16)
        for place in places:
            save_wav(data / "hey" / f"{place}.wav", np.concatenate([np.zeros(8000, np.int16), said]))

    record(0.9, range(8))
    record(1.5, range(2, 7))
    found = find_labelled(data)
    assert len(list(doubts(found))) == 1  # some people speak slowly
    record(1.5, range(8))
    _few, long = doubts(found)
    assert long.startswith("'hey' lasts 1.5 s, of which the model hears 1 s at once: ")
    assert long.endswith(" try --window 1.7")
    assert len(list(doubts(found, 27_200))) == 1


def test_labels_that_cannot_be_judged_are_named_first(tree: Callable[..., Path]) -> None:
    held = [f"{label}/v{n}.wav" for label in "abcdef" for n in range(3)]
    data = tree(*held, *(f"{label}/a.wav" for label in "abcdefz"), "_unknown_/b.wav", "_background_noise_/c.wav")
    (data / "validation_list.txt").write_text("\n".join(held))
    (few,) = doubts(find_labelled(data))
    assert few.startswith("few clips for validation (z 0, _unknown_ 0, a 3, b 3, c 3, …): ")


def test_labels_of_which_there_is_no_clip_are_not_to_be_judged(tree: Callable[..., Path]) -> None:
    """As those of a model that a word is added to."""
    data = tree(*(f"{label}/{split}{n}.wav" for label in ("hey", "_unknown_") for split in "tv" for n in range(10)))
    held = [f"{label}/v{n}.wav" for label in ("hey", "_unknown_") for n in range(10)]
    (data / "validation_list.txt").write_text("\n".join(held))
    assert not hardly_judged(find_labelled(data).beside(["yes", "no", "_unknown_", "_silence_"]))
    (data / "validation_list.txt").write_text("\n".join(held[:-1]))
    assert hardly_judged(find_labelled(data).beside(["yes", "no", "_unknown_", "_silence_"])) == [("_unknown_", 9)]
