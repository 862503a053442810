"""Model folders, kwsd's own and those of others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save

from kwsd.zoo import read_card
from targets.chance import replanted, spoilt
from targets.checking import Check, refusal

SHIPPED = Path(__file__).parents[3] / "models" / "hubert-commands"
WEIGHTS = save({"word_head.outer.weight": np.zeros((36, 1), np.float32), "b": np.zeros(3, np.float32)})
OWN = {
    "config.json": (SHIPPED / "config.json").read_bytes(),
    # Without the checksums, which would find every change.
    "card.json": json.dumps(
        {
            **json.loads((SHIPPED / "card.json").read_text()),
            "sha256": {},
            "verifier": {"model": "larger", "asked_from": 0.3, "weight": 0.5, "thresholds": {"yes": 0.5}},
        }
    ).encode(),
    "model.safetensors": WEIGHTS,
}
_FOREIGN = {
    "architectures": ["Wav2Vec2ForSequenceClassification"], "model_type": "wav2vec2", "problem_type": None,
    "id2label": {"0": "yes", "1": "no", "2": "_silence_"},
}  # fmt: skip
_CARD = {"name": "mine", "thresholds": {"yes": 0.5}, "sha256": {}, "scores": {}}
FOREIGN = {
    "config.json": json.dumps(_FOREIGN).encode(),
    "preprocessor_config.json": b'{"sampling_rate": 16000, "max_length": 1024, "max_length_s": 10}',
    "card.json": json.dumps(_CARD).encode(),
    "model.safetensors.index.json": b'{"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}}',
    "1.safetensors": WEIGHTS,
    "README.md": b"---\nlicense: mit\n---\n",
}
FOLDERS = {"own": OWN, "foreign": FOREIGN}
_NAMES = {"own": "hubert-commands", "foreign": "mine"}  # by their cards


@contextmanager
def models(folder: Path) -> Iterator[Check]:
    """A model's folder, one of its files, and the bytes of that."""
    for name, files in FOLDERS.items():
        (folder / name).mkdir()
        for file, data in files.items():
            (folder / name / file).write_bytes(data)
        assert read_card(str(folder / name)).words

    def check(given: tuple[str, str, bytes]) -> None:
        name, file, data = given
        path = folder / name / file
        path.write_bytes(data)
        try:
            text = refusal(lambda: read_card(str(folder / name)))
        finally:
            path.write_bytes(FOLDERS[name][file])
        assert not text or str(folder / name) in text or file == "card.json" or _NAMES[name] in text

    yield check


def make_model(random: Random) -> tuple[str, str, bytes]:
    name = random.choice(list(FOLDERS))
    file = random.choice(list(FOLDERS[name]))
    data = FOLDERS[name][file]
    kind = random.random()
    if kind < 0.01:
        return name, file, random.choice((b"[", b'{"a":', b"9", b'"')) * random.choice((100, 5_000, 50_000))
    if file.endswith(".json") and kind < 0.7:
        tree = replanted(json.loads(data), random)
        if random.random() < 0.3:
            tree = replanted(tree, random)
        return name, file, json.dumps(tree).encode()
    return name, file, spoilt(data, random, 4096)
