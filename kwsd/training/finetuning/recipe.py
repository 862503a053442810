"""A fine-tuning run as a TOML file: what `kwsd train` is told by options without one. Reading it imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kwsd.errors import ConfigError
from kwsd.samples import RATE
from kwsd.texts import parse_toml, read_text
from kwsd.training.recipe import LARGEST_SEED, LOWEST_RATE
from kwsd.training.values import number, read_table

FEW_STEPS = 300
"""After 25 steps from 36 clips the right word scored 0.23 at most, after 300 each of eight words fired."""
_PASSES = 5


@dataclass(frozen=True, slots=True)
class FinetuneRecipe:
    """One run: the encoder `model` (a shipped model's name, a folder or a Hub id) learns `words`, or where there are
    none, all of the data's; with `add`, beside those that it knows.

    `window_s` is in seconds, `batch` in windows, `accumulate` in batches a step. `epochs` and the learning rate's
    `peak_rate` are None for what is usual: see `passes` and `rate`.
    """

    name: str
    model: str
    words: tuple[str, ...] = ()
    add: bool = False
    frozen: bool = False
    window_s: float = number(1.0, 0.1, 60)
    epochs: int | None = number(None, 1)
    batch: int = number(16, 1)
    accumulate: int = number(1, 1)
    peak_rate: float | None = number(None, LOWEST_RATE, 1)
    class_weights: bool = False
    seed: int = number(0, 0, LARGEST_SEED)

    @property
    def window(self) -> int:
        """What the model hears at once, in samples at 16 kHz."""
        return round(self.window_s * RATE)

    def passes(self, steps: int) -> int:
        """How often the clips are heard, where that takes so many `steps` once."""
        return self.epochs or max(_PASSES, -(-FEW_STEPS // steps))

    @property
    def rate(self) -> float:
        """The learning rate at its peak: what is new learns faster than what is to be kept.

        Of "alexa" that was added, 20 clips, 3.1 % were missed under noise at 10 dB at an alarm in 1.5 hours, and 4.6 %
        at none; with 3e-3 2.8 and 8.5, with 3e-2 4.6 and 9.0.
        """
        return self.peak_rate or (1e-2 if self.add else 1e-3 if self.frozen else 3e-5)

    def to_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """As plain values, for a checkpoint to be compared with: the labels that there are, not the words asked for."""
        told = asdict(self) | {"peak_rate": self.rate, "labels": list(labels)}
        del told["words"]
        return told


_TABLES = {
    "backbone": ("model", "add", "frozen", "window_s"),
    "schedule": ("epochs", "batch", "accumulate", "peak_rate", "class_weights", "seed"),
}


def read_finetune_recipe(path: Path) -> FinetuneRecipe | None:
    """The recipe in a TOML file; None for one without a [backbone] table, which is no recipe of this kind.

    Raises:
        ConfigError: a key is unknown, missing, of the wrong type or out of bounds; the text names it.
    """
    try:
        tables = parse_toml(read_text(path))
    except (OSError, ValueError):
        return None  # whoever reads the other kind tells what is wrong with it
    if "backbone" not in tables:
        return None
    try:
        top = {key: value for key, value in tables.items() if key not in _TABLES}
        values = read_table(FinetuneRecipe, top, names=("name", "words"))
        for table, names in _TABLES.items():
            values |= read_table(FinetuneRecipe, tables.get(table, {}), f"{table}.", names)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return FinetuneRecipe(**values | {"words": tuple(dict.fromkeys(values.get("words", ())))})
