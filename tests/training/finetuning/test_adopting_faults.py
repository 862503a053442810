"""Which encoders cannot be taught, and what is said of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from foreign_folders import change

from kwsd.errors import ModelError, UsageError
from kwsd.training.finetuning.adopting import adopt
from kwsd.training.finetuning.recipe import FinetuneRecipe

Foreign = Callable[[str], Path]
LABELS = ("high", "low", "_silence_")
RECIPE = FinetuneRecipe("ours", "tiny")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "kwsd-moonshine"}')
    return folder


def test_encoders_that_are_none(foreign: Foreign, clap: Path, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="made by kwsd already; name the encoder that it was made from, or hubert-"):
        adopt(tiny, RECIPE, LABELS, "cpu")
    with pytest.raises(UsageError, match=r"takes at most 0\.655 s"):
        adopt(foreign("ast"), RECIPE, LABELS, "cpu")
    for frozen in (False, True):
        with pytest.raises(ModelError, match=r"its encoder is made of other models \(.*\); use another model$"):
            adopt(clap, replace(RECIPE, frozen=frozen), LABELS, "cpu")
    shutil.copytree(foreign("hubert"), tmp_path / "odd")
    config = tmp_path / "odd" / "config.json"
    config.write_text(config.read_text().replace('"conv_bias": false', '"conv_bias": 0'))
    with pytest.raises(ModelError, match=r"is not an encoder that can be trained: .* 'conv_bias'"):
        adopt(tmp_path / "odd", RECIPE, LABELS, "cpu")
    (tmp_path / "config.json").write_text('{"model_type": "nothing-known"}')
    with pytest.raises(ModelError, match=r"no weights \(model\.safetensors\)"):
        adopt(tmp_path, RECIPE, LABELS, "cpu")


def test_a_network_that_cannot_hear_is_refused_before_it_is_made(
    foreign: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mamba fetches code from the Hub when it is made, where the package for that is installed."""
    from transformers import MambaConfig, MambaModel

    mine = tmp_path / "mine"
    MambaModel(MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=10, state_size=4)).save_pretrained(mine)
    shutil.copy(foreign("hubert") / "preprocessor_config.json", mine)
    monkeypatch.setattr(MambaModel, "__init__", lambda *_, **__: pytest.fail("it was made"))
    with pytest.raises(ModelError, match=r"its encoder is not for sounds \(model_type: 'mamba'\); use another model$"):
        adopt(mine, replace(RECIPE, frozen=True), LABELS, "cpu")


def test_an_encoder_that_is_not_to_be_had_alone_is_refused(foreign: Foreign, tmp_path: Path) -> None:
    from transformers import SpeechT5Config, SpeechT5Model

    small = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "conv_dim": (8,) * 7}
    SpeechT5Model(SpeechT5Config(hidden_size=24, **small)).save_pretrained(tmp_path)
    shutil.copy(foreign("hubert") / "preprocessor_config.json", tmp_path)
    with pytest.raises(ModelError, match=r"without its decoder \(model_type: 'speecht5'\); use another model$"):
        adopt(tmp_path, RECIPE, LABELS, "cpu")


@pytest.mark.parametrize("kind", ["dac", "encodec", "mimi"])
def test_a_codec_is_no_encoder_to_teach(foreign: Foreign, tmp_path: Path, kind: str) -> None:
    codec = Path(shutil.copytree(foreign("hubert"), tmp_path / "codec"))
    (codec / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=rf"the encoder of a codec alone \(model_type: '{kind}'\); use another model$"):
        adopt(codec, RECIPE, LABELS, "cpu")


@pytest.mark.parametrize("frozen", [False, True])
def test_an_encoder_that_lacks_weights_is_refused(foreign: Foreign, tmp_path: Path, frozen: bool) -> None:
    from safetensors.numpy import load_file, save_file

    shutil.copytree(foreign("hubert"), tmp_path / "torn")
    weights = load_file(tmp_path / "torn" / "model.safetensors")
    del weights["hubert.encoder.layer_norm.weight"], weights["classifier.weight"]  # the head is new anyway
    save_file(weights, tmp_path / "torn" / "model.safetensors", {"format": "pt"})
    text = r"tiny is incomplete: .* has no weights for \S*encoder\.layer_norm\.weight; fetch it again"
    with pytest.raises(ModelError, match=text):
        adopt(tmp_path / "torn", replace(RECIPE, frozen=frozen), LABELS, "cpu")


def test_an_encoder_that_was_damaged_is_not_taught(foreign: Foreign, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(foreign("hubert"), tmp_path / "mine"))
    (mine / "card.json").write_text(json.dumps({"sha256": {"model.safetensors": "0" * 64}}))
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged: its SHA-256 differs"):
        adopt(mine, RECIPE, LABELS, "cpu")


def test_an_encoder_with_code_of_its_own_is_told_so(foreign: Foreign, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(foreign("hubert"), tmp_path / "mine"))
    change(
        mine / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "m.Config", "AutoModel": "m.Model", "AutoModelForAudioClassification": "m.Model"},
    )
    with pytest.raises(ModelError, match="tiny needs its own code, which kwsd never runs; use another model"):
        adopt(mine, RECIPE, LABELS, "cpu")
