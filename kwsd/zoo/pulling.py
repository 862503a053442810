"""Fetches a model from the Hugging Face Hub: only the files that are needed, resumed and verified."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kwsd.cards.hub import HubId, cache_folder, repo_folder
from kwsd.cards.names import CARD
from kwsd.errors import NO_ROOM, DeviceError, ModelError, OutputError, first_line
from kwsd.locking import try_lock
from kwsd.zoo.blobs import HubFile, arrived, fetch, is_right
from kwsd.zoo.choosing import chosen, with_listed

_NO_TRUST = "CERTIFICATE_VERIFY_FAILED"  # what OpenSSL says

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the total."""


def pull(wanted: HubId, progress: Progress = lambda *_: None) -> Path:
    """Fetch and verify what is not here yet of a model; returns its folder in the cache.

    HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and both timeouts (HF_HUB_ETAG_TIMEOUT for the first
    answer) are honoured.

    Raises:
        ModelError: there is no such model or revision, it may not be read, has no safetensors, or arrived damaged.
        DeviceError: the Hub cannot be reached, or the disk is full.
        OutputError: the cache cannot be written to, for another reason.
    """
    with _told(wanted):
        commit, listed = _listing(wanted)
        files = chosen(listed, wanted)
        with _alone(wanted):
            files = with_listed(files, listed, _card(wanted, commit, files))
            _fetch_missing(wanted, commit, files, progress)
            return _linked(wanted, commit, files)


def _card(wanted: HubId, commit: str, files: Sequence[HubFile]) -> Path | None:
    """The path of the model's card, fetched first because it lists further files; None if the model has none."""
    card = next((file for file in files if file.name == CARD), None)
    if card is None:
        return None
    _fetch_missing(wanted, commit, [card], lambda *_: None)
    return repo_folder(wanted.repo) / "blobs" / card.digest


def _fetch_missing(wanted: HubId, commit: str, files: Sequence[HubFile], progress: Progress) -> None:
    blobs = repo_folder(wanted.repo) / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if not is_right(blobs / file.digest, file)]
    total = sum(file.size for file in files)
    _check_room(missing, blobs, wanted)
    done = total - sum(file.size for file in missing)
    for file in missing:
        fetch(wanted, commit, file, blobs, _counted(progress, done, total))
        done += file.size
    progress(total, total)


def _listing(wanted: HubId) -> tuple[str, list[HubFile]]:
    """The commit that the revision stands for, and its files, without those in folders."""
    info = _asked(wanted)
    if not info.sha or not re.fullmatch(r"[0-9a-f]{40}", info.sha):
        raise ModelError(f"{wanted}: the Hub names no valid commit for it;", "try again later")
    found = []
    for entry in info.siblings or ():
        digest = entry.lfs.sha256 if entry.lfs else entry.blob_id
        size = entry.lfs.size if entry.lfs else entry.size
        plain = "/" not in entry.rfilename and "\\" not in entry.rfilename
        if plain and digest and size is not None and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest):
            found.append(HubFile(entry.rfilename, int(size), digest))
    return info.sha, found


def _asked(wanted: HubId) -> Any:
    """What the Hub says about a model. Raises DeviceError where no Hub answers, or none can be asked."""
    from huggingface_hub import HfApi, constants, errors

    hub, limit_s = HfApi(endpoint=constants.ENDPOINT), constants.HF_HUB_ETAG_TIMEOUT  # none would wait for ever
    try:
        return hub.model_info(wanted.repo, revision=wanted.revision, files_metadata=True, timeout=limit_s)
    except errors.HFValidationError:
        raise
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:  # a network's sign-in page
        raise DeviceError(
            f"{wanted} cannot be fetched, because what answers is not the Hub;",
            "sign in to this network, or check HF_ENDPOINT, then pull again",
        ) from error
    except Exception as error:  # httpx's InvalidURL has no other class; SOCKS proxies need a package
        if not isinstance(error, (ImportError, ValueError)) and type(error).__name__ != "InvalidURL":
            raise
        raise DeviceError(
            f"{wanted} cannot be fetched ({first_line(error).rstrip('.')});",
            "check ALL_PROXY, HTTPS_PROXY, HF_ENDPOINT and HF_TOKEN, then pull again",
        ) from error


def _check_room(missing: Sequence[HubFile], blobs: Path, wanted: HubId) -> None:
    here = sum(arrived(file, blobs) for file in missing)
    needed = sum(file.size for file in missing) - here
    free = shutil.disk_usage(blobs).free
    if needed > free:
        raise _full(wanted, f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")


def _full(wanted: HubId, why: str) -> DeviceError:
    return DeviceError(
        f"{wanted} does not fit on the disk of {cache_folder()} ({why}): free some or set HF_HOME, then pull again"
    )


def _counted(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda here: progress(before + here, total)


def _linked(wanted: HubId, commit: str, files: Sequence[HubFile]) -> Path:
    """Make the model's folder, with a link to each verified file, and record the revision's commit.

    The layout is that of huggingface_hub's cache."""
    repo = repo_folder(wanted.repo)
    snapshot = repo / "snapshots" / commit
    for file in files:
        link = snapshot / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        target = Path(os.path.relpath(repo / "blobs" / file.digest, link.parent))
        if link.is_symlink() and link.readlink() == target:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    if wanted.revision != commit:
        ref = repo / "refs" / wanted.revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit, encoding="utf-8")
    return snapshot


@contextmanager
def _alone(wanted: HubId) -> Iterator[None]:
    """Lock a model: two pulls would write to the same files. Raises DeviceError where another pull is in progress."""
    folder = repo_folder(wanted.repo)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".kwsd-lock").open("w") as lock:
        if not try_lock(lock.fileno()):
            raise DeviceError(f"{wanted} is being fetched by another kwsd: wait for it, then try again")
        yield


@contextmanager
def _told(wanted: HubId) -> Iterator[None]:
    """Turn errors of the Hub and the network into kwsd's own."""
    from huggingface_hub import errors

    unreachable: Any = errors.HTTPError  # type: ignore[attr-defined]  # httpx or httpx2, by its version

    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{wanted} is gated: accept its terms on its page, then set HF_TOKEN and pull again"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{wanted.repo} has no revision {wanted.revision!r}; leave out @… for the newest") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"the Hub has no model {wanted.repo!r}, or it is private: check the name, or set HF_TOKEN"
        ) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{wanted} is not a valid id: {str(error).splitlines()[0]}") from error
    except errors.OfflineModeIsEnabled as error:
        raise DeviceError(
            f"{wanted} cannot be fetched, because HF_HUB_OFFLINE is set: unset it, then pull again"
        ) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no status")
        raise DeviceError(f"{wanted}: the Hub answered with {status}; try again later") from error
    except unreachable as error:
        why, what = _cut_off(error)
        raise DeviceError(
            f"the Hub cannot be reached ({why}): check {what}, then pull {wanted} again; "
            "the part that has arrived is kept"
        ) from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _full(wanted, "it is full; the part that has arrived is kept") from error
        if error.filename:  # a file of the cache, or the token; the network's errors name none
            raise OutputError(
                f"{wanted} cannot be fetched ({error.filename}: {error.strerror});",
                "set HF_HOME to a folder that you can write to, then pull again",
            ) from error
        certificates = os.environ.get("SSL_CERT_FILE")
        if isinstance(error, FileNotFoundError) and certificates:
            what = f"SSL_CERT_FILE is {certificates}, but there is no such file;"
            raise DeviceError(what, f"correct or unset it, then pull {wanted} again") from error
        raise DeviceError(
            f"{wanted} cannot be fetched ({error}): pull again; the part that has arrived is kept"
        ) from error


def _cut_off(error: Exception) -> tuple[str, str]:
    """Why the Hub cannot be reached, and what to check. A board without a clock may not know the date yet."""
    if _NO_TRUST in str(error):
        today = datetime.now(timezone.utc).strftime("%F")
        return "its certificate is not accepted", f"the date, {today} on this machine, and any proxy"
    return type(error).__name__, "the network"
