"""Registers kwsd's classifiers with transformers' Auto classes, without importing transformers itself.

`import kwsd` has to be cheap (the command line's help imports it), yet afterwards
`AutoModelForAudioClassification.from_pretrained` has to know the models. So an import hook waits for the module that
maps model types to configurations, and enters a stand-in for each of kwsd's. The networks themselves are imported when
a stand-in is first used: at once, they would import modules of transformers that are only half initialised.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from kwsd.cards.names import BACKBONE_TYPE, HUBERT_TYPE, MOONSHINE_TYPE, WHISPER_TYPE

_AUTO = "transformers.models.auto.configuration_auto"
_MODULES = {HUBERT_TYPE: "hubert", MOONSHINE_TYPE: "moonshine", WHISPER_TYPE: "whisper", BACKBONE_TYPE: "backbone"}


def register() -> None:
    """Register now if transformers' table of configurations is loaded, else as soon as it is."""
    if _AUTO in sys.modules:
        _enter(sys.modules[_AUTO].CONFIG_MAPPING)
    elif not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def _enter(table: Any) -> None:
    for kind in _MODULES:
        if kind not in table:
            table.register(kind, _Standin(kind, table))


class _Standin:
    """Takes the place of a configuration's class in the table until it is called or an attribute of it is read."""

    def __init__(self, kind: str, table: Any) -> None:
        self.__name__ = self._kind = kind
        self._table = table

    def _real(self) -> Any:
        """Import the network, whose module registers the model and its configuration's class, and return that class."""
        importlib.import_module(f"kwsd.networks.{_MODULES[self._kind]}")
        return self._table[self._kind]

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._real()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)


class _Waiting:
    """A meta path finder that finds nothing itself, but wraps the loader of the module that it waits for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if name != _AUTO:
            return None
        sys.meta_path.remove(self)  # before the search below asks this finder again
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Registering(spec.loader)  # type: ignore[assignment]  # all else is the loader's
        return spec


class _Registering:
    """A loader that enters the stand-ins once its module has been executed."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _enter(module.CONFIG_MAPPING)
