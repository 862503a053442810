"""Refuses what would make transformers read weights, or run code, that kwsd has not checked.

Every file of a model's folder may come from a stranger, and transformers follows what they name despite
trust_remote_code, use_safetensors and local_files_only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from kwsd.cards.names import SPECIAL_TOKENS, TOKENIZER_CONFIG, WEIGHTS
from kwsd.errors import ModelError

_RENAMING = frozenset({"attribute_map", "__dict__"})
"""Keys of a config.json, or of a part of it, by which other keys would mean what the ones below do."""
_ATTENTION = frozenset({"attn_implementation", "_attn_implementation", "_attn_implementation_internal"})
"""Keys by which transformers chooses how attention is computed."""
_OF_TORCH = frozenset({"eager", "sdpa", "flex_attention"})
"""Ways to compute attention that are in torch; for others transformers may fetch a library from the Hub and run it."""
_BY_KERNELS = frozenset({"eetq", "fbgemm_fp8", "fp8", "metal", "mxfp4", "mxfp8", "nvfp4"})
"""Ways to quantise weights for which transformers fetches a library from the Hub and runs it, if it can."""
_EXTRACTOR_CLASS = re.compile(r"(?!Auto)\w+FeatureExtractor")
_TOKENIZER_CLASS = re.compile(r"(?!Auto|Rag)\w+Tokenizer(Fast)?|TokenizersBackend")
"""Classes that only read their own files; others of transformers' load models, and may ask to run a folder's code."""

Tables = Mapping[str, Mapping[str, Any]]
"""The configuration files of a folder by their names."""


def check_own_means(config: Mapping[str, Any], name: str) -> None:
    """Raise ModelError for a config.json that makes transformers read weights or run code that kwsd has not checked.

    transformers reads the weights that `transformers_weights` names, even a pickle, and despite use_safetensors; and it
    fetches a kernel that `attn_implementation` names, and runs it, despite trust_remote_code and local_files_only. So
    it does for some quantised weights, or asks for the package that would. It takes the whole configuration from
    another file where `configuration_files` lists one for its version, and sets all other keys as attributes, whose
    names an `attribute_map` may change to these.
    """
    if "configuration_files" in config:
        what = f"{name}: config.json names other files to be read instead of it (configuration_files);"
        raise ModelError(what, "use a model without that key")
    named = config.get("transformers_weights")
    if named not in (None, WEIGHTS):
        what = f"{name}: config.json names other weights than {WEIGHTS} (transformers_weights: {named!r:.40});"
        raise ModelError(what, "use a model without that key")
    parts: list[Any] = [config]
    while parts:
        part = parts.pop()
        inner = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else ()
        for key, value in inner:
            if key in _RENAMING:
                what = f"{name}: config.json gives its keys another meaning ({key});"
                raise ModelError(what, "use a model without that key")
            if key == "quant_method" and isinstance(value, str) and value in _BY_KERNELS:
                what = f"{name}: config.json asks for other code to compute with quantised weights ({key}: {value!r}),"
                raise ModelError(f"{what} which kwsd never runs;", "use a model whose weights are not quantised")
            if key not in _ATTENTION:
                parts.append(value)
                continue
            for asked in value.values() if isinstance(value, Mapping) else [value]:
                if asked is not None and not (isinstance(asked, str) and asked in _OF_TORCH):
                    what = f"{name}: config.json asks for other code to compute attention ({key}: {asked!r:.40}),"
                    raise ModelError(f"{what} which kwsd never runs;", 'write "sdpa" or "eager" there')


def needs_code(name: str) -> ModelError:
    """The error for a model whose network is not one of transformers' own."""
    return ModelError(f"{name} needs its own code, which kwsd never runs;", "use another model")


def check_extractor(tables: Tables, name: str) -> None:
    """Raise ModelError where a file names a class of feature extractors that loads more than its own files."""
    _check_classes("feature_extractor_type", _EXTRACTOR_CLASS, tables, name)


def check_tokenizer(tables: Tables, name: str) -> None:
    """Raise ModelError where a file names a class of tokenizers that loads more than its own files, or other files.

    transformers gives the class all that these tables hold. A text for `vocab` or `merges` is then a path, wherever it
    leads: a pipe would be waited for, and a device has no end. Older tokenizers name the paths of their files in
    TOKENIZER_CONFIG (`vocab_file`), which transformers replaces, but not in SPECIAL_TOKENS, where they would count.
    """
    _check_classes("tokenizer_class", _TOKENIZER_CLASS, tables, name)
    for file in (TOKENIZER_CONFIG, SPECIAL_TOKENS):
        for key, value in tables.get(file, {}).items():
            if _leads_out(key, value) or (file == SPECIAL_TOKENS and key.endswith("_file") and value is not None):
                what = f"{name}: {file} names a file that kwsd does not read ({key!r:.40}: {value!r:.40});"
                raise ModelError(what, "use another model")


def _leads_out(key: str, value: object) -> bool:
    """Whether transformers would read what an entry of a tokenizer's configuration names, wherever it is."""
    if key in ("vocab", "merges"):
        return isinstance(value, str)
    if key == "init_inputs":
        return bool(value)  # the class's first arguments, which may be paths as well
    if key == "fast_tokenizer_files":
        listed = value if isinstance(value, list) else [value]
        return not all(isinstance(one, str) and PurePath(one).name == one for one in listed)
    return key == "gguf_file" and value is not None


def _check_classes(key: str, allowed: re.Pattern[str], tables: Tables, name: str) -> None:
    """Raise ModelError where a table, or one directly in it, names a class by `key` that is not `allowed`.

    transformers calls from_pretrained of any class of its own that has that name, without trust_remote_code."""
    for file, table in tables.items():
        for part in (table, *(inner for inner in table.values() if isinstance(inner, Mapping))):
            named = part.get(key)
            if named is not None and not (isinstance(named, str) and allowed.fullmatch(named)):
                what = f"{name}: {file} names a class that kwsd does not load ({key}: {named!r:.40});"
                raise ModelError(what, "use another model")
