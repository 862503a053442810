"""Models of the Hub: finds the id that is meant, and fetches, lists and removes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kwsd.cards.exported import is_exported
from kwsd.cards.hub import HubId, complete, forget, hub_id, id_in_address, pulled, pulled_ids
from kwsd.cards.model_card import ModelCard
from kwsd.config import expanded
from kwsd.errors import ModelError
from kwsd.zoo.finding import read_card, shipped, shipped_names, within_reach


@within_reach()
def missing_id(name_or_folder: str) -> HubId | None:
    """The id of the model on the Hub that is meant, if it is not on this machine yet; None otherwise.

    An existing folder or file goes before an id, whether it is a model or not.
    """
    here = expanded(name_or_folder).exists() or (shipped() / name_or_folder / "config.json").is_file()
    wanted = None if here or is_exported(name_or_folder) else hub_id(name_or_folder)
    if wanted is None or ((there := pulled(wanted)) is not None and complete(there)):
        return None
    return wanted


def pull_model(name: str, progress: Callable[[int, int], None]) -> Path:
    """Fetch a model from the Hub, or what has changed of it; returns its folder.

    `progress` is called with the bytes that are here and the total.

    Raises:
        ModelError, DeviceError, OutputError: see `kwsd.zoo.pulling.pull`.
    """
    wanted = hub_id(name)
    if wanted is None and name in shipped_names():
        raise ModelError(
            f"{name} comes with kwsd, so there is nothing to fetch;", f"use it: kwsd listen --model {name}"
        )
    if wanted is None:
        meant = id_in_address(name)
        remedy = f"did you mean {meant}?" if meant else "write OWNER/NAME, or OWNER/NAME@REVISION"
        raise ModelError(f"{name!r} is not an id of a model on the Hub;", remedy)
    from kwsd.zoo.pulling import pull

    return pull(wanted, progress)


def pulled_models() -> list[ModelCard]:
    """The cards of all pulled models that kwsd can run; other models in the Hub's cache are left out."""
    cards = []
    for found in pulled_ids():
        with suppress(ModelError):
            cards.append(read_card(str(found)))
    return cards


def remove_model(name: str) -> int:
    """Remove a pulled model; returns the bytes freed. Raises ModelError for one that was not pulled."""
    wanted = hub_id(name)
    if wanted is None:
        raise ModelError(f"{name} is not an id of a pulled model (OWNER/NAME);", "delete a folder of yours yourself")
    return forget(wanted)
