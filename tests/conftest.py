"""Fixtures for more than one package: a microphone without hardware, who was born meanwhile, tiny models of others."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Back to what it was: a configuration that is read again sets it for the process."""
    logger = logging.getLogger("kwsd")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """The processes that this one has started and not waited for yet, the virtual microphone's server among them."""

    def find() -> set[int]:
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    found.add(int(stat.parent.name))
        return found

    return find


def pytest_configure() -> None:
    """Hear signals as a terminal's program does: a script in the background, or under nohup, makes us ignore some.

    Ignored ones stay ignored in kwsd and in the processes that tests start, and those would then wait for ever.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def sound_tools() -> None:
    """A skip where the Debian packages of a virtual microphone are not installed. In CI that is a failure."""
    lacking = _lacking()
    if lacking:
        reason = f"no virtual microphone: missing {', '.join(lacking)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


class Sound:
    """A private PulseAudio server whose null sink is the default microphone of whoever has `env`, the environment."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env

    def play(self, path: Path) -> None:
        """Play a recording to the microphone; returns when the server has taken all of it."""
        from kwsd.benchmark.sound_server import SINK

        subprocess.run(["paplay", f"--device={SINK}", str(path)], env=self.env, check=True, timeout=90)


@pytest.fixture(scope="session")
def virtual_microphone(sound_tools: None) -> Iterator[Sound]:  # noqa: ARG001  # it skips
    """The microphone, where there can be one."""
    from kwsd.benchmark import sound_server

    with sound_server.virtual_microphone(default=True) as microphone:
        yield Sound(microphone.env)


def _lacking() -> list[str]:
    """What is not installed of what the fixture needs."""
    lacking = [f"{tool} ({package})" for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    try:
        ctypes.CDLL("libportaudio.so.2")
    except OSError:
        lacking.append("libportaudio2")
    plugins = Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")
    return lacking if any(plugins) else [*lacking, "libasound2-plugins"]


_TOOLS = {"pulseaudio": "pulseaudio", "pactl": "pulseaudio-utils", "paplay": "pulseaudio-utils"}


# Tiny models of the real classes, weights at random, saved with their real feature extractors.

FOREIGN_LABELS = ("yes", "no", "up", "down", "_unknown_", "_silence_", "stop")
_SIZES: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2,
}  # fmt: skip
_CONVOLUTIONS: dict[str, Any] = {
    "conv_dim": (8, 8, 16), "conv_kernel": (10, 8, 4), "conv_stride": (8, 8, 5), "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 8,
}  # fmt: skip


def _wav2vec2(kind: str, **changes: Any) -> tuple[Any, Any]:
    import transformers as tr

    config = getattr(tr, f"{kind}Config")(**_SIZES | _CONVOLUTIONS | changes, **_labels())
    model = getattr(tr, f"{kind}ForSequenceClassification")(config)
    masked = config.feat_extract_norm == "layer"
    return model, tr.Wav2Vec2FeatureExtractor(return_attention_mask=masked, do_normalize=True)


def _ast() -> tuple[Any, Any]:
    import transformers as tr

    config = tr.ASTConfig(**_SIZES, max_length=64, num_mel_bins=32, patch_size=16, **_labels())
    return tr.ASTForAudioClassification(config), tr.ASTFeatureExtractor(max_length=64, num_mel_bins=32)


def _whisper() -> tuple[Any, Any]:
    import transformers as tr

    config = tr.WhisperConfig(
        d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=32, decoder_layers=1,
        decoder_attention_heads=2, decoder_ffn_dim=32, num_mel_bins=16, max_source_positions=100, vocab_size=10,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, **_labels(),
    )  # fmt: skip
    return tr.WhisperForAudioClassification(config), tr.WhisperFeatureExtractor(feature_size=16, chunk_length=2)


def _moonshine() -> tuple[Any, Any]:
    """No classifier: transformers has none."""
    import transformers as tr

    config = tr.MoonshineConfig(
        hidden_size=16, intermediate_size=32, encoder_num_hidden_layers=1, decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2, decoder_num_attention_heads=2, vocab_size=20,
    )  # fmt: skip
    return tr.MoonshineForConditionalGeneration(config), tr.Wav2Vec2FeatureExtractor(do_normalize=False)


def _labels() -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(FOREIGN_LABELS)),
        "label2id": {label: index for index, label in enumerate(FOREIGN_LABELS)},
    }


ARCHITECTURES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "hubert": lambda: _wav2vec2("Hubert"),
    "hubert-layer": lambda: _wav2vec2("Hubert", feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True),
    "wav2vec2": lambda: _wav2vec2("Wav2Vec2"),
    "wavlm": lambda: _wav2vec2("WavLM"),
    "sew": lambda: _wav2vec2("SEW", squeeze_factor=2),
    "weighted": lambda: _wav2vec2("WavLM", use_weighted_layer_sum=True, layerdrop=0.9),
    "multi-label": lambda: _wav2vec2("Wav2Vec2", problem_type="multi_label_classification"),
    "ast": _ast,
    "whisper": _whisper,
    "moonshine": _moonshine,
}


_SPREAD = {"whisper": 3}


def save(folder: Path, model: Any, extractor: Any) -> Path:
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """foreign("wavlm"): the folder of such a model, made once."""
    import torch

    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            torch.manual_seed(11)
            model, extractor = ARCHITECTURES[architecture]()
            with torch.no_grad():  # logits that tell the labels apart
                for name, weights in model.named_parameters():
                    if name.startswith("classifier"):
                        weights.copy_(_SPREAD.get(architecture, 1) * torch.randn_like(weights))
            made[architecture] = save(tmp_path_factory.mktemp("foreign") / architecture, model, extractor)
        return made[architecture]

    return make


@pytest.fixture(scope="session")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLAP model with its feature extractor and a tokenizer of single characters."""
    import torch
    import transformers as tr
    from transformers.models.clap.configuration_clap import ClapAudioConfig, ClapTextConfig

    folder = tmp_path_factory.mktemp("foreign") / "clap"
    folder.mkdir()
    letters = ["<s>", "<pad>", "</s>", "<unk>", *"ĠTabcdefghijklmnopqrstuvwxyz."]
    (folder / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(5)
    text = ClapTextConfig(
        vocab_size=len(letters), hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=1,
        max_position_embeddings=100, projection_dim=16, pad_token_id=1,
    )  # fmt: skip
    audio = ClapAudioConfig(
        patch_embeds_hidden_size=16, hidden_size=128, depths=[1, 1, 1, 1], num_attention_heads=[2, 2, 2, 2],
        projection_dim=16, spec_size=256, num_mel_bins=64, enable_fusion=False,
    )  # fmt: skip
    model = tr.ClapModel(tr.ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=16))
    tokenizer = tr.RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    return save(folder, model, tr.ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad"))


@pytest.fixture(scope="session")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """verified(thresholds=…, verified_at=…, window=…): a folder of two of kwsd's own models, as small as they come.

    They know yes and no: `small`, whose every window `larger` verifies, with as much say.
    """

    def make(*, thresholds: dict[str, float], verified_at: dict[str, float], window: int = 16_000) -> Path:
        import torch

        from kwsd.exporting.export import export_model, write_card
        from kwsd.networks.hubert import HubertSpotterConfig, HubertSpotterModel
        from kwsd.networks.moonshine import MoonshineSpotterConfig, MoonshineSpotterModel

        place = tmp_path_factory.mktemp("models")
        labels = ("yes", "no", "_unknown_", "_silence_")
        names: dict[str, Any] = {
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
            "adapter_size": 4, "head_size": 8, "pooling_heads": 2,
        }  # fmt: skip
        torch.manual_seed(11)
        small = HubertSpotterConfig(
            hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=1, conv_dim=(8, 8, 16),
            conv_kernel=(127, 7, 3), conv_stride=(64, 3, 4), num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2, **names,
        )  # fmt: skip
        larger = MoonshineSpotterConfig(
            hidden_size=32, intermediate_size=64, encoder_num_hidden_layers=1, encoder_num_attention_heads=2,
            encoder_num_key_value_heads=2, window_samples=window, about_samples=16_000, **names,
        )  # fmt: skip
        export_model(HubertSpotterModel(small), place / "small", name="small", licence="CC0-1.0")
        export_model(MoonshineSpotterModel(larger), place / "larger", name="larger", licence="CC0-1.0")
        verifier = {"model": "larger", "asked_from": 0.0, "weight": 0.5, "thresholds": verified_at}
        write_card(place / "small", {"verifier": verifier, "thresholds": thresholds})
        return place

    return make
