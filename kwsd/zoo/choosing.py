"""Chooses which files of a repository on the Hub to fetch: never a pickle, never code."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kwsd.cards.folder import read_json
from kwsd.cards.hub import HubId
from kwsd.cards.names import (
    CARD,
    EXTRACTORS,
    GRAPH,
    INDEX,
    SPECIAL_TOKENS,
    TOKENIZER_CONFIG,
    TOKENIZERS,
    VOCABULARIES,
    WEIGHTS,
)
from kwsd.cards.weights import ADAPTER, PICKLES, only_adapter, only_pickles
from kwsd.errors import ModelError
from kwsd.zoo.blobs import HubFile

_WEIGHTS = (WEIGHTS, "model-*-of-*.safetensors", INDEX)
_REST = (
    "config.json", *EXTRACTORS, CARD, GRAPH, "README.md", "LICENSE*",
    *TOKENIZERS, TOKENIZER_CONFIG, SPECIAL_TOKENS, *VOCABULARIES,
)  # fmt: skip
"""The other files of a classifier, its feature extractor and its tokenizer."""

_HARMLESS = (".json", ".md", ".onnx", ".safetensors", ".toml", ".txt")
"""Suffixes of the files that are fetched because the card lists their checksums."""


def chosen(listed: Sequence[HubFile], wanted: HubId) -> list[HubFile]:
    """The files of the model, the smallest first, so that errors show early.

    Raises:
        ModelError: it is an adapter for another model, or it has no config.json, no safetensors, or no feature
            extractor.
    """
    names = {file.name for file in listed}
    weighed = any(fnmatch.fnmatch(name, pattern) for name in names for pattern in _WEIGHTS)
    if not weighed and not names.isdisjoint(ADAPTER):
        raise only_adapter(str(wanted))
    if "config.json" not in names:
        raise ModelError(f"{wanted} is not a model of transformers: it has no config.json;", "choose another")
    if not weighed:
        pickles = sorted(name for name in names if name.endswith(PICKLES))
        if pickles:
            raise only_pickles(str(wanted), pickles[0])
        raise ModelError(f"{wanted} has no weights ({WEIGHTS});", "choose another")
    if names.isdisjoint(EXTRACTORS):
        raise ModelError(f"{wanted} has no feature extractor ({EXTRACTORS[-1]});", "choose another")
    # A single file is preferred to shards of the same weights.
    weights = _WEIGHTS[:1] if _WEIGHTS[0] in names else _WEIGHTS[1:]
    found = [file for file in listed if any(fnmatch.fnmatch(file.name, pattern) for pattern in (*_REST, *weights))]
    return sorted(found, key=lambda file: file.size)


def with_listed(files: Sequence[HubFile], listed: Sequence[HubFile], card: Path | None) -> list[HubFile]:
    """`files` and the other files of the repository whose checksums the model's card lists, as the model needs these.

    An invalid card adds nothing: reading the model later reports what is wrong with it.
    """
    sums: object = None
    if card is not None:
        with suppress(ModelError):
            sums = read_json(card).get("sha256")
    named = {name for name in sums if name.endswith(_HARMLESS)} if isinstance(sums, dict) else set()
    found = {*files, *(file for file in listed if file.name in named)}
    return sorted(found, key=lambda file: file.size)
