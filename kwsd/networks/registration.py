"""Makes transformers' Auto classes know kwsd's classifier, without importing transformers before somebody else does.

`import kwsd` has to be cheap (the command line's help imports it), yet afterwards
`AutoModelForAudioClassification.from_pretrained` has to know the model. So where transformers is not imported yet,
a finder waits for the module that holds the Auto classes, and registers the model as soon as that has been executed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_AUTO = "transformers.models.auto.modeling_auto"


def register() -> None:
    """Register now if transformers' Auto classes are loaded, else as soon as they are."""
    if _AUTO in sys.modules:
        _register()
    elif not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def _register() -> None:
    """Import the networks' module, whose last lines register them; it may be the very one that imports transformers.

    So may the module that they share, which imports them itself as soon as it is whole.
    """
    shared = sys.modules.get("kwsd.networks.heads")
    if shared is None or hasattr(shared, "SpotterModel"):
        importlib.import_module("kwsd.networks.hubert")


class _Waiting:
    """A finder that finds nothing itself, but wraps the loader of the module that it waits for."""

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
    """A loader that registers the model once its module has been executed."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _register()
