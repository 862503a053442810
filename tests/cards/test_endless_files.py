"""Files of models that never end, or would fill the memory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kwsd.errors import ModelError
from kwsd.zoo import read_card


def test_a_readme_that_is_no_file_is_not_waited_for(copy: Path) -> None:
    os.mkfifo(copy / "README.md")
    assert read_card(str(copy)).licence == "unknown"


def test_a_file_of_zeros_that_would_fill_the_memory_is_not_read(copy: Path) -> None:
    (copy / "README.md").write_text("---\nlicense: mit\n---\n")
    os.truncate(copy / "README.md", 1 << 40)
    assert read_card(str(copy)).licence == "mit"
    (copy / "card.json").touch()
    os.truncate(copy / "card.json", 1 << 40)
    with pytest.raises(ModelError, match=r"card\.json has 1099512 MB, more than such a file can need; fetch"):
        read_card(str(copy))


def test_a_vocabulary_that_would_fill_the_memory_is_not_read(clap: Path, tmp_path: Path) -> None:
    shutil.copytree(clap, tmp_path / "clap")
    os.truncate(tmp_path / "clap" / "tokenizer.json", 1 << 40)
    with pytest.raises(ModelError, match=r"tokenizer\.json has 1099512 MB"):
        read_card(str(tmp_path / "clap"))


@pytest.mark.parametrize("opened", ['{"a":', "["])
def test_tables_within_tables_come_to_an_end(copy: Path, opened: str) -> None:
    closed = "}" if opened[0] == "{" else "]"
    (copy / "card.json").write_text(f'{{"scores": {{"a": {90 * opened}1{90 * closed}}}}}')
    assert read_card(str(copy)).scores
    (copy / "card.json").write_text(f'{{"scores": {{"a": {200 * opened}1{200 * closed}}}}}')
    with pytest.raises(ModelError, match=r"card\.json: too deeply nested: fetch the model again"):
        read_card(str(copy))


def test_weights_that_are_no_file_are_not_waited_for(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    os.mkfifo(copy / "one.safetensors")
    (copy / "model.safetensors.index.json").write_text('{"weight_map": {"classifier.weight": "one.safetensors"}}')
    with pytest.raises(ModelError, match=r"one\.safetensors is not a regular file; fetch the model again"):
        read_card(str(copy))
