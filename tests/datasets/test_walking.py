from __future__ import annotations

import os
from pathlib import Path

import pytest

from kwsd.datasets.walking import listing, walk


def test_linked_folders_are_entered_once_and_a_loop_ends(tmp_path: Path) -> None:
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "deep" / "a.wav").touch()
    (tmp_path / "top" / ".hidden").mkdir(parents=True)
    for name in ("first", "second"):
        (tmp_path / "top" / name).symlink_to(tmp_path / "other")
    (tmp_path / "other" / "deep" / "up").symlink_to(tmp_path)
    found = [(inside.place, inside.files) for inside in walk(tmp_path / "top")]
    deep = tmp_path / "top" / "first" / "deep"
    assert (deep, [deep / "a.wav"]) in found
    assert [place.name for place, files in found if files] == ["deep"]
    assert len(found) == len({os.path.realpath(place) for place, _ in found})


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "linked").symlink_to("folder")
    inside = listing(tmp_path)
    assert [path.name for path in inside.folders] == ["folder", "linked"]
    assert [path.name for path in inside.files] == ["gone"]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, quiet: bool
) -> None:
    def refuse(place: Path) -> None:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", refuse)  # root may list any
    assert [inside.files for inside in walk(tmp_path, quiet=quiet)] == [[]]
    told = [] if quiet else [f"left out: {tmp_path} cannot be listed (Permission denied); check its permissions"]
    assert caplog.messages == told
