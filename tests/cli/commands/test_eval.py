"""`kwsd eval`: tables, JSON and pictures of what was measured, on a model that knows nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from json_files import read

from kwsd.evaluation.output_files import save_wav

Command = Callable[..., Any]


def test_clips(kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.json"
    ran = kwsd("eval", "clips", clips, "--model", tiny_model, "--json", out, "--plots", tmp_path / "plots")
    assert ran.status == 0, ran.err
    assert "By word" in ran.out
    found = read(out)
    assert found["clips"] == 12
    assert found["accuracy"] == found["correct"] / 12
    assert set(found["per_word"]) == {"yes", "no", "_unknown_", "_silence_"}
    assert [path.name for path in sorted((tmp_path / "plots").iterdir())] == ["confusion.png", "reliability.png"]
    assert not list(out.parent.glob("*.part"))


def test_a_tables_test_clips(kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path) -> None:
    files = sorted(clips.glob("*/*.wav"))
    rows = [f"{file},{file.parent.name},{'test' if number % 3 == 0 else 'train'}" for number, file in enumerate(files)]
    (tmp_path / "clips.csv").write_text("\n".join(["file,label,split", *rows]) + "\n")
    ran = kwsd("eval", "clips", tmp_path / "clips.csv", "--model", tiny_model, "--json", "-")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["clips"] == len(files) // 3
    ran = kwsd("eval", "clips", tmp_path / "clips.csv", "--model", tiny_model, "--split", "validation")
    assert (ran.status, ran.out) == (66, "")
    assert "no clip that can be read is for validation, by the table; --split all" in ran.err


def test_a_subset_task(kwsd: Command, tiny_model: Path, clips: Path) -> None:
    ran = kwsd("eval", "clips", clips, "--model", tiny_model, "--labels", "yes", "--json", "-")
    found = json.loads(ran.out)
    assert found["classes"] == ["yes", "_unknown_", "_silence_"]
    assert [word["clips"] for word in found["words"]] == [3, 6, 3]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("clips", "/no/such/folder"), 66), (("negatives", "/no/such/folder"), 66), (("stream", "a.wav", "a.tsv"), 66),
     (("stream", "a.wav"), 2), (("stream",), 2), (("stream", "a.wav", "a.tsv", "--words", "w"), 2),
     (("stream", "a.wav", "a.tsv", "--transcripts", "w"), 2), (("stream", "--words", "w", "--transcripts", "w"), 2),
     (("stream", "a.wav", "a.tsv", "--snr", "5"), 2), (("stream", "a.wav", "a.tsv", "--hours", "1"), 2),
     (("stream", "a.wav", "a.tsv", "--count", "0"), 2), (("stream", "a.wav", "a.tsv", "--seed", "0"), 2),
     (("stream", "a.wav", "a.tsv", "--held-out", "3"), 2), (("stream", "a.wav", "a.tsv", "--save", "."), 2),
     (("stream", "a.wav", "a.tsv", "--plots", "/dev/null/x"), 73), (("clips", ".", "--plots", "/dev/null/x"), 73),
     (("stream", "--words", "w", "--speech", "s", "--snr", "5"), 2), (("clips", ".", "--labels", ","), 2),
     (("negatives", ".", "--labels", ","), 2),
     (("negatives", ".", "--transcripts", "/no/such/file"), 66),
     (("negatives", ".", "--transcripts", "w", "--sounds"), 2),
     (("negatives", ".", "--without", "know", "--sounds"), 2), (("negatives", ".", "--without", ","), 2),
     (("stream", "a.wav", "a.tsv", "--without", "know"), 2)],
)  # fmt: skip
def test_what_cannot_be_measured(kwsd: Command, tiny_model: Path, arguments: tuple[str, ...], status: int) -> None:
    ran = kwsd("eval", *arguments, "--model", tiny_model)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.splitlines()[-1].startswith("kwsd: error: ")


@pytest.mark.parametrize(
    ("flag", "must"), [("--snr", "a number from -100 to 100"), ("--hours", "a number, 0.001 or more")]
)
def test_what_is_no_number_is_told_what_may_be(kwsd: Command, flag: str, must: str) -> None:
    ran = kwsd("eval", "stream", flag, "nan")
    assert (ran.status, ran.err) == (2, f"kwsd: error: {flag} is nan; it must be {must}\n")


@pytest.mark.parametrize("labels", ["yes,zebra", "_unknown_"])
def test_a_label_that_the_model_lacks(kwsd: Command, tiny_model: Path, clips: Path, labels: str) -> None:
    ran = kwsd("eval", "clips", clips, "--model", tiny_model, "--labels", labels)
    assert ran.status == 78
    assert labels.rpartition(",")[2] in ran.err


def test_the_users_own_configuration_has_no_part_in_it(
    kwsd: Command, tiny_model: Path, clips: Path, user: Path
) -> None:
    user.mkdir()
    (user / "config.toml").write_text("broken", encoding="utf-8")
    assert kwsd("eval", "clips", clips, "--model", tiny_model).status == 0


def test_a_configuration_that_is_named_is_measured(
    kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path
) -> None:
    """The thresholds that `--choose` prints can be tried on other talk."""
    file = tmp_path / "mine.toml"
    file.write_text(f'[model]\nname = "{tiny_model}"\n[trigger.thresholds]\nyes = 0.001\n[hooks.words]\nyes = "ls"\n')
    loose = kwsd("eval", "negatives", clips, "--sounds", "--config", file, "--json", "-")
    own = kwsd("eval", "negatives", clips, "--sounds", "--model", tiny_model, "--json", "-")
    assert (loose.status, own.status) == (0, 0)
    fired = [alarm["word"] for alarm in json.loads(loose.out)["alarms"]]
    assert "yes" in fired
    assert json.loads(own.out)["alarms"] == []
    only_no = kwsd("eval", "negatives", clips, "--sounds", "--config", file, "--labels", "no", "--json", "-")
    assert json.loads(only_no.out)["alarms"] == []
    assert kwsd("eval", "negatives", clips, "--config", tmp_path / "none.toml").status == 78


def test_a_long_noise_counts_second_by_second(kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path) -> None:
    save_wav(tmp_path / "noise" / "rain.wav", np.random.default_rng(2).normal(0, 900, 72_000).astype(np.int16))
    arguments = ("eval", "clips", clips, "--model", tiny_model, "--json", "-")
    without, beside = (json.loads(kwsd(*arguments, *more).out) for more in ((), ("--noise", tmp_path / "noise")))
    assert beside["noise"]["clips"] - without["noise"]["clips"] == 4


def test_a_place_that_is_full_in_the_end(kwsd: Command, tiny_model: Path, clips: Path) -> None:
    ran = kwsd("eval", "clips", clips, "--model", tiny_model, "--json", "/dev/full")
    assert ran.status == 69
    assert "cannot be written" in ran.err
    assert "accuracy" in ran.out  # what was measured is not lost


def test_a_damaged_clip_does_not_end_the_measuring(
    kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path
) -> None:
    rows = ["file\tclip\tlabel\tspeaker\tstart\tlength", "none.wav\tx\tyes\t\t0\t16000"]
    rows += [f"{clips}/yes/0.wav\ty\tyes\t\t0\t8000"]
    (tmp_path / "index.tsv").write_text("\n".join(rows) + "\n")
    for command in (("clips",), ("negatives", "--labels", "no")):
        out = tmp_path / "out.json"
        ran = kwsd("eval", command[0], tmp_path, *command[1:], "--model", tiny_model, "--device", "cpu", "--json", out)
        assert ran.status == 66
        assert ran.err.splitlines()[-1].startswith("kwsd: error: 1 file left out; ")
        assert len(read(out)["unreadable"]) == 1
        out.unlink()


def test_the_file_is_written_though_nobody_reads_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `kwsd eval … --json F | head -1`."""
    from kwsd.cli import console, publishing
    from kwsd.evaluation.report import Table

    class Report:
        def tables(self) -> tuple[Table, ...]:
            return (Table("a", ("b",), (("c",),)),)

        def to_dict(self) -> dict[str, Any]:
            return {"found": 1}

    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(console, "table", gone)
    with pytest.raises(BrokenPipeError):
        publishing.publish(Report(), str(tmp_path / "out.json"))
    assert read(tmp_path / "out.json") == {"schema": 1, "found": 1}
