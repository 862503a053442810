"""Models of the Hugging Face Hub: their ids, and their folders in the local cache. Nothing here uses the network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kwsd.cards.folder import read_json
from kwsd.cards.foreign import lacks_tokenizer
from kwsd.cards.names import EXTRACTORS
from kwsd.cards.weights import named_files
from kwsd.errors import ModelError

_PART = r"\w(?:[\w.-]{0,94}\w)?"
_ID = re.compile(rf"(?P<repo>{_PART}/{_PART})(?:@(?P<revision>\w[\w./-]*))?", re.ASCII)
"""The form that huggingface_hub accepts; for any other it raises an error of its own."""
_INSIDE = "(?:tree|blob|raw|resolve|blame|commits?)/"
"""What is between a model and a revision in the addresses of its files and commits."""
_ADDRESS = re.compile(
    r"https?://(?P<host>[^/]+)/(?!(?:datasets|spaces)/)"
    rf"(?P<repo>[^/?#]+/(?!{_INSIDE})[^/?#]+)(?:/{_INSIDE}(?P<revision>[^/?#]+))?"
)
"""A model's page, and the revision, if one is shown. What is below datasets and spaces is no model."""
_MAIN = "main"


@dataclass(frozen=True, slots=True)
class HubId:
    """A model on the Hub: `repo` is "owner/name", `revision` a branch, a tag or a commit, `named` if it was given."""

    repo: str
    revision: str = _MAIN
    named: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return self.repo if self.revision == _MAIN else f"{self.repo}@{self.revision}"


def hub_id(text: str) -> HubId | None:
    """Parse "owner/name" or "owner/name@revision"; None for a text that cannot be an id, such as most paths."""
    found = _ID.fullmatch(text)
    if not found or ".." in text or "--" in found["repo"] or found["repo"].endswith(".git"):
        return None
    return HubId(found["repo"], found["revision"] or _MAIN, named=found["revision"] is not None)


def id_in_address(text: str) -> HubId | None:
    """The id in the address of a model's page or files on the Hub, as a browser shows it; None for any other text."""
    found = _ADDRESS.match(text)
    if not found or found["host"] not in _hosts():
        return None
    return hub_id("@".join(map(unquote, filter(None, found.group("repo", "revision")))))


def _hosts() -> set[str]:
    """The Hub's own, and that of HF_ENDPOINT, such as a mirror."""
    from huggingface_hub import constants

    return {urlsplit(address).netloc for address in (constants.HUGGINGFACE_CO_URL_HOME, constants.ENDPOINT)}


def cache_folder() -> Path:
    """The Hub's cache, which all programs share: HF_HUB_CACHE, or hub in HF_HOME."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repo_folder(repo: str) -> Path:
    """The folder in the cache for all revisions of one model; it exists only if one was pulled."""
    return cache_folder() / f"models--{repo.replace('/', '--')}"


def pulled(wanted: HubId) -> Path | None:
    """The folder in the cache that holds this model's revision; None if it was never pulled."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(wanted.repo, "config.json", cache_dir=cache_folder(), revision=wanted.revision)
    return Path(found).parent if isinstance(found, str) else None


def complete(folder: Path) -> bool:
    """Whether a folder of the cache holds all that kwsd loads.

    Other programs may have fetched only a configuration or a pickle, or may still be fetching. Raises ModelError where
    the model's index or configuration cannot be read."""
    weights = named_files(folder)
    if not weights or not all(file.is_file() for file in weights):
        return False
    hears = any((folder / name).is_file() for name in EXTRACTORS)
    return hears and not lacks_tokenizer(folder, read_json(folder / "config.json"))


def pulled_ids() -> Iterator[HubId]:
    """Every readable revision of every model in the cache, of whatever kind, by name."""
    for folder in _matching(cache_folder(), "models--*--*"):
        repo = "/".join(folder.name.split("--", 2)[1:])
        if hub_id(repo) is None:
            continue
        named = _refs(folder)
        commits = {path.name for path in _matching(folder / "snapshots", "*")}
        for revision in [name for name, commit in named.items() if commit in commits]:
            yield HubId(repo, revision)
        for commit in sorted(commits - set(named.values())):
            yield HubId(repo, commit)


def _refs(folder: Path) -> dict[str, str]:
    """The readable branches and tags of a model's folder, and the commit that each stands for."""
    named = {}
    for ref in _matching(folder / "refs", "**/*"):
        with suppress(OSError, UnicodeDecodeError):
            if ref.is_file():
                named[ref.relative_to(folder / "refs").as_posix()] = ref.read_text(encoding="utf-8").strip()
    return named


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The paths in a folder that match, sorted; none that cannot be read."""
    found: list[Path] = []
    with suppress(OSError):
        found += folder.glob(pattern)
    return sorted(found)


def forget(wanted: HubId) -> int:
    """Remove a pulled model from the cache, or only the revision that is named; returns the bytes freed.

    Raises:
        ModelError: it is not there, or cannot be removed.
    """
    folder = repo_folder(wanted.repo)
    if not folder.is_dir() or (wanted.named and pulled(wanted) is None):
        raise ModelError(f"{wanted} is not a pulled model; kwsd models list shows those that are")
    try:
        if not wanted.named:
            return _forget_all(folder)
        return _forget_revision(wanted, folder)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be removed ({error.strerror or error})") from error


def _forget_all(folder: Path) -> int:
    freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    shutil.rmtree(folder)
    return freed


def _forget_revision(wanted: HubId, folder: Path) -> int:
    """Remove one revision, but not the files that others share; returns the bytes freed.

    Not by huggingface_hub, which passes over a model of which any revision is incomplete."""
    snapshot = pulled(wanted)
    assert snapshot is not None  # the caller has checked
    others = [path for path in _matching(folder / "snapshots", "*") if path.name != snapshot.name]
    if not others:
        return _forget_all(folder)
    files = [path for path in snapshot.rglob("*") if path.is_file()]
    shared = {path.resolve() for other in others for path in other.rglob("*")}
    blobs = {path.resolve() for path in files if path.is_symlink()} - shared
    blobs = {path for path in blobs if path.parent == (folder / "blobs").resolve()}
    freed = sum(path.stat().st_size for path in (*blobs, *(path for path in files if not path.is_symlink())))
    for name, commit in _refs(folder).items():
        if commit == snapshot.name:
            (folder / "refs" / name).unlink()
    shutil.rmtree(snapshot)
    for blob in blobs:
        blob.unlink()
    return freed
