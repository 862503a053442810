"""Tokenizers, as a CLAP has one, that are damaged, or would read files from elsewhere."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import change

from kwsd.errors import ModelError
from kwsd.zoo import load_classifier, read_card


@pytest.fixture
def mine(clap: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clap, tmp_path / "mine"))


@pytest.mark.parametrize(
    "odd",
    [
        {"model": {"type": "none", "vocab": {}, "merges": []}},  # tokenizers raises Exception itself
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},  # and here it panics
    ],
)
def test_a_damaged_tokenizer_is_refused(mine: Path, odd: dict[str, Any]) -> None:
    change(mine / "tokenizer.json", **odd)
    card = replace(read_card(str(mine)), labels=("a dog", "a cat"))
    with pytest.raises(ModelError, match=r"cannot load mine .*; fetch all of its files from the same revision"):
        load_classifier(card, device="cpu")


@pytest.mark.parametrize("file", ["tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("named", ["AutoModelForCausalLM", "AutoTokenizer", "RagTokenizerFast", 7])
def test_only_a_tokenizer_is_loaded_as_one(mine: Path, file: str, named: Any) -> None:
    change(mine / file, tokenizer_class=named)
    with pytest.raises(ModelError, match=rf"mine: {file} names a class that kwsd does not load \(tokenizer_class: "):
        read_card(str(mine))


@pytest.mark.parametrize(
    ("file", "entry"),
    [
        ("tokenizer_config.json", {"vocab": "/dev/zero"}),
        ("tokenizer_config.json", {"merges": "/dev/zero"}),
        ("tokenizer_config.json", {"gguf_file": "/dev/zero"}),
        ("tokenizer_config.json", {"init_inputs": ["/dev/zero"]}),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["../tokenizer.4.0.0.json"]}),
        ("special_tokens_map.json", {"vocab": "/dev/zero"}),
        ("special_tokens_map.json", {"vocab_file": "/dev/zero"}),
    ],
)
def test_a_tokenizer_reads_no_file_out_of_its_folder(mine: Path, file: str, entry: dict[str, Any]) -> None:
    told = json.loads((mine / file).read_text()) if (mine / file).exists() else {}
    (mine / file).write_text(json.dumps(told | entry))
    with pytest.raises(
        ModelError, match=rf"mine: {file} names a file that kwsd does not read \('{next(iter(entry))}': "
    ):
        read_card(str(mine))


def test_a_tokenizer_may_tell_where_its_files_once_were(mine: Path) -> None:
    """As older versions of transformers wrote it; the files of the folder are read all the same."""
    once = {"vocab_file": "/gone/vocab.json", "tokenizer_file": "/gone/tokenizer.json", "init_inputs": []}
    change(mine / "tokenizer_config.json", **once, fast_tokenizer_files=["tokenizer.json"])
    (mine / "special_tokens_map.json").write_text('{"bos_token": "<s>", "additional_special_tokens": []}')
    load_classifier(replace(read_card(str(mine)), labels=("a dog", "a cat")), device="cpu")
