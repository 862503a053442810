from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from kwsd.datasets.loading import load
from kwsd.datasets.recordings import Recording, find_recordings, find_sounds
from kwsd.datasets.transcripts import read_transcripts
from kwsd.errors import InputError

DATA = Path(__file__).parents[3] / "shared" / "data"
HEADER = "file\tclip\tlabel\tspeaker\tstart\tlength\n"


def write(path: Path, samples: NDArray[np.int16], rate: int = 16_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def ramp(samples: int) -> NDArray[np.int16]:
    return (np.arange(samples) % 32_000).astype(np.int16)


def test_a_packed_folder_is_found_at_any_depth_and_cut_by_its_index(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "b" / "words.flac", ramp(100_000))
    write(tmp_path / "deep" / "a.wav", ramp(20_000))
    (tmp_path / "deep" / "b" / "index.tsv").write_text(
        HEADER
        + "words.flac\tlate\tyes\tsp1\t90000\t10000\n"
        + 'words.flac\tearly\tsay "no"\t\t500\t16000\n'
        + "words.flac\toverlapping\tno\tsp2\t10000\t60000\n"
    )
    (tmp_path / "deep" / "index.tsv").write_text(HEADER + "a.wav\tone\tone\tsp3\t0\t20000\n")
    recordings = find_recordings(tmp_path)
    assert [(r.path.name, r.name, r.label, r.speaker) for r in recordings] == [
        ("a.wav", "one", "one", "sp3"),
        ("words.flac", "early", 'say "no"', ""),
        ("words.flac", "overlapping", "no", "sp2"),
        ("words.flac", "late", "yes", "sp1"),
    ]
    loaded = list(load(reversed(recordings)))
    assert [recording for recording, _ in loaded] == recordings
    for recording, samples in loaded:
        numbers = np.arange(recording.start, recording.start + recording.length)
        np.testing.assert_array_equal(samples, numbers % 32_000)


def test_a_tree_is_found_by_its_folders(tmp_path: Path) -> None:
    write(tmp_path / "yes" / "0a7c_nohash_0.wav", ramp(16_000))
    write(tmp_path / "no" / "clip.FLAC", ramp(24_000), 48_000)
    write(tmp_path / "no" / "deeper" / "unseen.wav", ramp(10))
    (tmp_path / "no" / "notes.txt").write_text("hello")
    (tmp_path / "yes" / "._junk.wav").write_text("left by another system")
    no, yes = find_recordings(tmp_path)
    assert yes == Recording(tmp_path / "yes" / "0a7c_nohash_0.wav", "0a7c_nohash_0", "yes", "0a7c", 0, 16_000)
    assert no == Recording(tmp_path / "no" / "clip.FLAC", "clip", "no", "", 0, 8_000)
    assert [(r, len(samples)) for r, samples in load([yes, no])] == [(no, 8_000), (yes, 16_000)]


def test_what_lies_beside_a_packed_folder_is_found_too(tmp_path: Path) -> None:
    write(tmp_path / "pack" / "words.wav", ramp(50_000))
    write(tmp_path / "pack" / "deeper" / "unlisted.wav", ramp(100))
    (tmp_path / "pack" / "index.tsv").write_text(HEADER + "words.wav\tone\tyes\t\t0\t16000\n")
    write(tmp_path / "yes" / "two.wav", ramp(16_000))
    write(tmp_path / "talk" / "anna" / "three.wav", ramp(16_000))
    assert [(clip.name, clip.label) for clip in find_recordings(tmp_path)] == [("one", "yes"), ("two", "yes")]
    assert [clip.name for clip in find_sounds(tmp_path)] == ["one", "three", "two"]


def test_folders_and_files_may_be_links_and_count_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "elsewhere" / "a.wav", ramp(16_000))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "yes").symlink_to(tmp_path / "elsewhere")
    assert [(clip.name, clip.label) for clip in find_recordings(tmp_path / "clips")] == [("a", "yes")]
    assert [clip.name for clip in find_sounds(tmp_path / "clips")] == ["a"]
    assert caplog.text == ""
    (tmp_path / "elsewhere" / "b.wav").symlink_to("a.wav")
    (tmp_path / "elsewhere" / "c.wav").hardlink_to(tmp_path / "elsewhere" / "a.wav")
    for find in (find_recordings, find_sounds):
        caplog.clear()
        assert [clip.name for clip in find(tmp_path / "clips")] == ["a"]
        (line,) = caplog.messages
        assert line.startswith("2 more links to recordings that are counted already: ")


def test_sound_that_is_not_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "yes" / "a.wav", ramp(16_000))
    for name in ("b.m4a", "c.M4A", "d.wma", "a.txt", "a.lab"):
        (tmp_path / "yes" / name).touch()
    assert [clip.name for clip in find_sounds(tmp_path)] == ["a"]
    what = "2 .m4a files, 1 .wma file left out; to have them heard, convert them (ffmpeg -i FILE out.wav)"
    assert caplog.messages == [f"{tmp_path}: {what}"]
    caplog.clear()
    assert [clip.name for clip in find_recordings(tmp_path)] == ["a"]
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path / 'yes'}: 1 .lab file, 2 .m4a files, 1 .wma file skipped; clips are wav")


def test_what_a_desktop_hides_is_no_class(tmp_path: Path) -> None:
    for folder in ("yes", ".Trash-1000"):
        write(tmp_path / folder / "a.wav", ramp(16_000))
    assert [found.label for found in find_recordings(tmp_path)] == ["yes"]


def test_one_of_a_tree_that_is_no_audio_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "yes" / "whole.wav", np.ones(800, np.int16))
    (tmp_path / "yes" / "empty.wav").touch()
    assert [clip.name for clip in find_recordings(tmp_path)] == ["whole"]
    assert len(caplog.messages) == 1
    assert "left out" in caplog.text
    assert "empty.wav" in caplog.text


def test_a_selection_needs_no_more_of_the_file_than_its_clips(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", ramp(200_000))
    clips = [Recording(tmp_path / "a.wav", str(at), "x", "", at, 5) for at in (31_998, 32_000, 150_000, 150_000)]
    assert [samples.tolist() for _, samples in load(clips)] == [
        [31_998, 31_999, 0, 1, 2],
        [0, 1, 2, 3, 4],
        [22_000, 22_001, 22_002, 22_003, 22_004],
        [22_000, 22_001, 22_002, 22_003, 22_004],
    ]


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ("", "lacks the columns: file, clip"),
        (HEADER.replace("\tspeaker", ""), "lacks the columns: speaker"),
        (HEADER + "a.wav\tx\tyes\t\tzero\t5\n", "line 2: invalid literal"),
        (HEADER + "a.wav\tx\tyes\t\t0\t5\na.wav\tx\n", "line 3"),
        (HEADER + "a.wav\tx\tyes\t\t-1\t5\n", "line 2: no clip starts at -1"),
        (HEADER + "a.wav\tx\tyes\t\t0\t0\n", "line 2"),
        (HEADER + f"a.wav\tx\tyes\t\t{'9' * 400}\t5\n", "line 2: no clip starts at 9{30,}… and is 5 samples"),
        (HEADER + f"a.wav\tx\tyes\t\t0\t{'9' * 400}\n", "line 2: no clip starts at 0 and is 9{30,}… samples"),
        (HEADER + "a.wav\tx\tyes\t\t0\n", r"line 2: 5 columns, where the first line has 6"),
        (HEADER + f"a.wav\t{'x' * 200_000}\tyes\t\t0\t5\n", "line 2: field larger"),
        (HEADER + "a.wav\t\udcff\tyes\t\t0\t5\n", r"index\.tsv, line 2: not UTF-8"),
        (HEADER + "a\0.wav\tx\tyes\t\t0\t5\n", "line 2: holds a NUL"),
        (HEADER, "no recordings"),
    ],
)
def test_a_wrong_index_is_named_with_its_line(tmp_path: Path, index: str, says: str) -> None:
    (tmp_path / "index.tsv").write_text(index, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=says):
        find_recordings(tmp_path)


def test_an_index_that_is_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").mkdir()
    with pytest.raises(InputError, match=r"index\.tsv: cannot be read \(Is a directory\)"):
        find_recordings(tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_index_that_another_system_wrote_is_read(tmp_path: Path, end: str) -> None:
    index = (HEADER + "a.wav\tx\tyes\t\t0\t5\n").replace("\n", end)
    (tmp_path / "index.tsv").write_bytes(index.encode("utf-8-sig"))
    assert [(clip.path.name, clip.length) for clip in find_recordings(tmp_path)] == [("a.wav", 5)]


def test_a_quote_in_an_index_is_a_part_of_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").write_text(f'{HEADER}a.wav\tx\t"Yes, he said\t\t0\t5\na.wav\ty\t"no" she\t\t5\t5\n')
    assert [clip.label for clip in find_recordings(tmp_path)] == ['"Yes, he said', '"no" she']


def test_neither_layout_and_no_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither an index\.tsv nor"):
        find_recordings(tmp_path)
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match=r"its clips lie directly in it, .* name the folder above"):
        find_recordings(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_recordings(tmp_path / "missing")


def test_a_header_may_promise_a_hundredth_too_much(tmp_path: Path) -> None:
    write(tmp_path / "song.wav", ramp(30 * 16_000))
    for length, there in ((30 * 16_000 + 4_800, True), (30 * 16_000 + 8_000, False)):
        song = Recording(tmp_path / "song.wav", "song", "", "", 0, length)
        left_out: list[InputError] = []
        found = list(load([song], left_out.append))
        assert [len(samples) for _, samples in found] == [30 * 16_000] * there
        assert len(left_out) == (not there)


def test_a_recording_that_was_cut_off_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.ones(48_000, np.int16), 16_000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:40_044])
    (talk,) = find_sounds(path)
    assert [len(samples) for _, samples in load([talk])] == [20_000]
    assert "ends before its header says, after 1.2 of 3.0 s" in caplog.text


def test_a_folder_that_is_called_as_a_recording_is_no_bad_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "talk.wav" / "a.wav", ramp(20_000))
    (talk,) = find_sounds(tmp_path)
    assert (talk.path, caplog.text) == (tmp_path / "talk.wav" / "a.wav", "")


def test_an_index_that_promises_too_much_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", ramp(10_000))
    with pytest.raises(InputError, match="ends at sample 10000, before clip 'x'"):
        list(load([Recording(tmp_path / "a.wav", "x", "yes", "", 5_000, 10_000)]))
    with pytest.raises(InputError, match=r"gone\.wav"):
        list(load([Recording(tmp_path / "gone.wav", "x", "yes", "", 0, 10)]))


@pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not there")
def test_the_shared_recordings_lie_where_their_index_says() -> None:
    validation = find_recordings(DATA / "speech-commands" / "validation")
    assert len(validation) == 5238
    nines = [recording for recording in validation if recording.path.name == "nine.opus"]
    for recording, samples in load(nines):
        assert recording.label == "nine"
        assert len(samples) == recording.length
        assert np.abs(samples).max() > 300  # a word, not the silence between clips


def test_a_clip_goes_by_the_same_name_in_an_index_and_in_transcripts(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "all.wav", np.zeros(16_000, np.int16), 16_000)
    (tmp_path / "index.tsv").write_text(f"{HEADER}all.wav\tone.wav\t\t\t0\t16000\n")
    (tmp_path / "said.tsv").write_text("one.wav\tstop now\n")
    (clip,) = find_recordings(tmp_path)
    assert read_transcripts(tmp_path / "said.tsv") == {clip.name: "stop now"}


def test_a_file_goes_by_the_same_name_in_transcripts_though_it_was_converted(tmp_path: Path) -> None:
    write(tmp_path / "talk.mp3.wav", ramp(16_000))
    (talk,) = find_sounds(tmp_path)
    for name in (talk.name, talk.path.name, "talk.mp3"):
        (tmp_path / "said.tsv").write_text(f"{name}\tstop now\n")
        assert read_transcripts(tmp_path / "said.tsv") == {talk.name: "stop now"}
