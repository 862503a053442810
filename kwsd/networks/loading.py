"""Options for loading models with torch and transformers, and the translation of their errors into kwsd's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from kwsd.cards.folder import read_json, read_labels
from kwsd.cards.foreign import ZERO_SHOT
from kwsd.cards.untrusted import needs_code
from kwsd.errors import DeviceError, ModelError, first_line
from kwsd.networks.resource_errors import check_memory, gpu_failure

SAFELY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""Options with which everything is loaded from a model's folder."""
MISFITS = (
    OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError, ArithmeticError,
    AssertionError, StrictDataclassError, SafetensorError,
)  # fmt: skip
"""Errors of torch and transformers for model files that do not fit each other, or these libraries."""

_PANIC = "PanicException"
"""What a library in Rust raises where it gives up; its class, a BaseException, cannot be imported. The library of
tokenizers does so for some damaged files, and for others it raises Exception itself."""


class NotAnEncoder(ValueError):
    """The network has no encoder of sounds that could have kwsd's head, whatever its files; the text says why."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from logging in a block: what it logs has values of the model's files in it, as they are.

    What matters it raises as well, or `kwsd.networks.auto_classifier.whole` finds it, and it is told in one line.
    """
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def loading(name: str, folder: Path) -> Iterator[None]:
    """Translate the errors of a block that loads and warms up the model in `folder`.

    Raises:
        ModelError: config, weights and feature extractor do not fit each other, or transformers does not know them.
        MemoryError: the machine has too little memory.
        DeviceError: the GPU has too little memory or fails, or a library is missing, such as one for quantised weights.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(f"the GPU has too little memory left for {name}", "free some, or use --device cpu") from error
    except ImportError as error:
        missing = f"cannot load {name} ({folder}) without another library: {first_line(error)};"
        raise DeviceError(missing, "install that into kwsd's environment, or use another model") from error
    except MISFITS as error:
        if failure := gpu_failure(error):
            raise failure from error
        check_memory(error)
        what = f"cannot load {name} ({folder}):"
        if "ignore_mismatched_sizes" in str(error):  # an option of transformers, which no operator can set
            raise ModelError(f"{what} {_misfit(folder)}") from error
        raise unloadable(what, error, name) from error
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != _PANIC:
            raise
        raise unloadable(f"cannot load {name} ({folder}):", error, name) from error


def unloadable(what: str, error: BaseException, name: str) -> ModelError:
    """The error for the model `name`, which transformers cannot load; `what` begins its text."""
    said = str(error)
    if "custom code" in said or "trust_remote_code" in said:  # an option that no operator can set
        return needs_code(name)
    if "does not recognize this architecture" in said:
        return ModelError(
            f"{what} the installed transformers does not know its model_type;",
            "upgrade transformers, or use another model",
        )
    if isinstance(error, NotAnEncoder):
        return ModelError(f"{what} {said};", "use another model")  # nothing is wrong with its files
    return ModelError(
        f"{what} {first_line(error).rstrip('.')};",
        "fetch all of its files from the same revision, or use another model",
    )


def _misfit(folder: Path) -> str:
    """What is wrong where weights and config have different sizes, and what to do about it."""
    config = read_json(folder / "config.json")
    if str(config.get("model_type")) in ZERO_SHOT:
        return "config.json gives sizes that do not fit the weights; fetch the model again"
    count = len(read_labels(folder, config))
    return f"config.json names {count} labels, or gives sizes, that do not fit the weights; fetch the model again"
