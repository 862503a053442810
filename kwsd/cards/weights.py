"""Finds the files of a model's weights: safetensors, whole or in shards. Pickles are never opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kwsd.cards.folder import check_regular, closed, read_json
from kwsd.cards.names import GRAPH, INDEX, WEIGHTS
from kwsd.errors import ModelError

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack")
"""Suffixes of weights that can run code, or that only other libraries read: they are never opened."""

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
"""The files that identify an adapter of PEFT: changes to another model's weights."""

_SHARD = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
"""A process's part of the weights, as `save_pretrained(distributed_checkpoint=True)` writes it."""

_POINTER = b"version https://git-lfs.github.com/spec/"
"""The beginning of what Git LFS puts in the place of a file whose content it keeps elsewhere."""


def check_fetched(file: Path) -> None:
    """Raise ModelError for weights of which git has fetched only the pointer, as it does without Git LFS.

    Raises OSError where the file cannot be read."""
    with file.open("rb") as opened:
        pointer = opened.read(len(_POINTER)) == _POINTER
    if pointer:
        raise ModelError(
            f"{file} holds no weights, only where Git LFS has them;",
            "install git-lfs, and run git lfs pull in that folder",
        )


def check_alone(folder: Path, name: str) -> None:
    """Raise ModelError for a folder with weights that transformers would read beside, or instead of, those it has.

    An adapter would count only where peft is installed. Of the parts of a distributed checkpoint, the one counts that
    the file system lists last. An index may list files of any kind and place (see `named_files`).
    """
    named_files(folder)
    if found := [file for file in ADAPTER if (folder / file).is_file()]:
        raise ModelError(
            f"{name} has an adapter (PEFT) beside its weights, which kwsd would not use;",
            f"merge it with merge_and_unload() of peft, or remove {', '.join(found)}",
        )
    if found := _parts(folder):
        raise ModelError(
            f"{name} has parts of a distributed checkpoint beside its weights ({found[0]}), which would replace them;",
            "remove those parts from the folder",
        )


def _parts(folder: Path) -> list[str]:
    """The names of the parts of a distributed checkpoint in a folder."""
    return sorted(path.name for path in folder.iterdir() if _SHARD.fullmatch(path.name))


def weight_files(folder: Path, name: str) -> list[Path]:
    """The files of the weights: model.safetensors, or the shards that its index lists.

    Raises:
        ModelError: one is missing, truncated or not readable by this user, or there are only pickles.
    """
    files = named_files(folder)
    if not files:
        raise no_weights(folder, name)
    check_alone(folder, name)
    from safetensors import SafetensorError, safe_open

    for file in files:
        check_regular(file)
        try:
            check_fetched(file)  # also whether it may be read: safetensors would claim that there is no such file
            with safe_open(file, framework="np"):
                pass
        except PermissionError as error:
            raise closed(file, error) from error
        except (SafetensorError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            raise ModelError(f"{file}: cannot be read ({why})", "fetch the model again") from error
    return files


def named_files(folder: Path) -> list[Path]:
    """The files of the weights, whether the shards exist or not; [] without model.safetensors and an index.

    Raises ModelError for an index that lists no shards, or others than safetensors in that folder: transformers would
    open them, wherever they are, and what does not end in .safetensors as a pickle."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        return []
    listed = read_json(folder / INDEX).get("weight_map")
    shards = {str(shard) for shard in listed.values()} if isinstance(listed, Mapping) else set()
    if not shards or not all(map(str.isprintable, shards)):
        raise ModelError(f"{folder / INDEX} lists no weights (weight_map);", "fetch the model again")
    strange = sorted(shard for shard in shards if not shard.endswith(".safetensors") or Path(shard).name != shard)
    if strange:
        what = f"{folder / INDEX} names {strange[0]!r:.40}, which is not a .safetensors file beside it;"
        raise ModelError(what, "use another model, or save it again with save_pretrained of transformers")
    return [folder / shard for shard in sorted(shards)]


def no_weights(folder: Path, name: str) -> ModelError:
    """The error for a folder without safetensors."""
    if is_adapter(folder):
        return only_adapter(name)
    names = sorted(path.name for path in folder.iterdir())
    if pickles := [file for file in names if file.endswith(PICKLES)]:
        return only_pickles(name, pickles[0])
    if parts := _parts(folder):
        return ModelError(
            f"{name} has no {WEIGHTS}, only parts of a distributed checkpoint ({parts[0]});",
            "merge them with consolidate_distributed_checkpoint of transformers.distributed, then remove them",
        )
    if other := [file for file in names if file.endswith(".safetensors")]:
        return ModelError(f"{name} has no {WEIGHTS}, but {other[0]};", "rename it, if it holds the whole model")
    if any(path != folder / GRAPH for path in folder.glob("**/*.onnx")):
        return ModelError(
            f"{name} has no {WEIGHTS}, only ONNX files that kwsd has not written;",
            "use the model that they were made from",
        )
    return ModelError(f"{name} has no weights ({WEIGHTS})", "fetch the model again")


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter (PEFT)."""
    return any((folder / name).is_file() for name in ADAPTER)


def only_adapter(name: str) -> ModelError:
    """The error for an adapter, which is no model without its base."""
    return ModelError(
        f"{name} is an adapter (PEFT), not a whole model;",
        "merge it into its base, with merge_and_unload() of peft, and name the folder that save_pretrained writes",
    )


def only_pickles(name: str, pickle: str) -> ModelError:
    """The error for a model that has only pickles, which could run code when loaded."""
    return ModelError(
        f"{name} has no {WEIGHTS}, only {pickle}, which kwsd never opens (it may run code)",
        "use a revision that has one (NAME@REVISION), or, if you trust the file, convert it with from_pretrained and "
        "save_pretrained of transformers",
    )
