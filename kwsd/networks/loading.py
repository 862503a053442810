"""How torch and transformers load a model, and what goes wrong meanwhile as one of kwsd's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from kwsd.cards.folder import read_json, read_labels
from kwsd.cards.foreign import ZERO_SHOT
from kwsd.errors import DeviceError, ModelError, first_line

SAFELY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""How anything is loaded from a model's folder."""
MISFITS = (
    OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError, ArithmeticError,
    AssertionError, StrictDataclassError, SafetensorError,
)  # fmt: skip
"""What torch and transformers raise where a model's files do not fit each other, or them."""


@contextmanager
def loading(name: str, folder: Path) -> Iterator[None]:
    """Around whatever loads and warms up the model in `folder`.

    Raises:
        ModelError: config, weights and feature extractor do not fit each other, or transformers does not know them.
        DeviceError: the GPU has too little memory, or a library is missing, as one for quantised weights.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(f"the GPU has no memory left for {name}", "free some, or take --device cpu") from error
    except ImportError as error:
        missing = f"cannot load {name} ({folder}) without another library: {first_line(error)};"
        raise DeviceError(missing, "install it beside kwsd, or take another model") from error
    except MISFITS as error:
        what = f"cannot load {name} ({folder}):"
        if "ignore_mismatched_sizes" in str(error):  # an option of transformers, which no operator can set
            raise ModelError(f"{what} {_misfit(folder)};", "fetch the model again") from error
        if "trust_remote_code" in str(error):  # nor this one
            raise ModelError(f"{what} it needs code of its own, which kwsd never runs;", "take another") from error
        raise ModelError(f"{what} {first_line(error)}") from error


def _misfit(folder: Path) -> str:
    """What is wrong with weights of other sizes than the config's."""
    config = read_json(folder / "config.json")
    labels = () if str(config.get("model_type")) in ZERO_SHOT else read_labels(folder, config)
    told = f"{len(labels)} labels and" if labels else "the"
    return f"config.json names {told} sizes that the weights do not fit"
