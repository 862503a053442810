"""A journal goes on where it stopped, is cut back to its checkpoint, and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwsd.errors import InputError, OutputError
from kwsd.training.journal import open_journal, plot_journal, read_journal, trim_journal

COLUMNS = ("step", "seconds", "words", "soft", "accuracy")
TEXT = "step,rate,accuracy\n-10,0.1,\n10,0.2,\n20,0.3,\n20,,0.5\n30,0.4,\n"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_journal_keeps_the_columns_that_it_began_with(tmp_path: Path) -> None:
    path = tmp_path / "journal.csv"
    path.write_text("step,seconds,words,accuracy\n1,2.0,0.5,0.9\n")
    with open_journal(path, COLUMNS) as journal:
        journal({"step": 2, "words": 0.4, "soft": 0.3, "accuracy": 0.8})
    assert path.read_text().splitlines()[2].split(",")[2:] == ["0.4", "0.8"]


def test_the_journal_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for step in (1, 2):
        with open_journal(tmp_path / "journal.csv", COLUMNS) as journal:
            journal({"step": step, "words": 0.5})
    lines = (tmp_path / "journal.csv").read_text().splitlines()
    assert lines[0].startswith("step,")
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]


def test_rows_after_the_checkpoint_go(journal: Path) -> None:
    trim_journal(journal, 20)
    assert journal.read_text(encoding="utf-8").split() == TEXT.split()[:-1]


def test_a_line_that_a_kill_cut_short_goes(journal: Path) -> None:
    journal.write_text(f"{TEXT}-", encoding="utf-8")
    trim_journal(journal, 40)
    assert journal.read_text(encoding="utf-8").split() == TEXT.split()


def test_a_line_that_a_power_cut_left_goes(journal: Path) -> None:
    journal.write_bytes(TEXT.encode() + b"\xff\xfe\x00\n\xff")
    trim_journal(journal, 40)
    assert journal.read_text(encoding="utf-8").split() == TEXT.split()


def test_nothing_to_do(journal: Path, tmp_path: Path) -> None:
    before = journal.stat().st_mtime_ns
    trim_journal(journal, 30)
    trim_journal(tmp_path / "none.csv", 30)
    assert journal.stat().st_mtime_ns == before


def test_columns_are_read_where_they_have_values(journal: Path) -> None:
    found = read_journal(journal)
    assert found == {"rate": ([-10.0, 10.0, 20.0, 30.0], [0.1, 0.2, 0.3, 0.4]), "accuracy": ([20.0], [0.5])}


def test_a_picture(journal: Path, tmp_path: Path) -> None:
    plot_journal(journal, tmp_path / "journal.png")
    assert (tmp_path / "journal.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no journal"):
        plot_journal(tmp_path / "none.csv", tmp_path / "x.png")
    with pytest.raises(OutputError, match="cannot be written"):
        plot_journal(journal, tmp_path / "no" / "x.png")


def test_a_number_that_a_full_disk_cut_short_goes(journal: Path) -> None:
    journal.write_text(f"{TEXT}3", encoding="utf-8")
    trim_journal(journal, 40)
    assert journal.read_text(encoding="utf-8").split() == TEXT.split()
