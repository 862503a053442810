"""Whatever comes in: no crash but a clear error, and no hang.

`KWSD_FUZZ=10000 pytest tests/fuzz` lets hypothesis try more than CI has the time for, so many inputs for each test;
`python tests/fuzz/longer.py` makes its inputs by chance alone, which is a hundred times as fast.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kwsd.zoo import load_classifier, read_card

_PLACE = Path(__file__).with_name("targets")
_spec = importlib.util.spec_from_file_location(
    "targets", _PLACE / "__init__.py", submodule_search_locations=[str(_PLACE)]
)
assert _spec
assert _spec.loader
targets = sys.modules["targets"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(targets)

COUNT = int(os.environ.get("KWSD_FUZZ", "150"))
bounded = settings(
    max_examples=COUNT,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Change = tuple[int, int, bytes]
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def check(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """What hands an input to the target that the test names."""
    with targets.TARGETS[request.param].opened(tmp_path) as check:
        yield check


def aimed_at(name: str) -> Any:
    return pytest.mark.parametrize("check", [name], indirect=True)


def changed(data: bytes, changes: list[Change], within: int) -> bytes:
    """`data` with pieces of its first bytes replaced, taken out and put in."""
    for place, length, piece in changes:
        at = place % (min(within, len(data)) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


@aimed_at("recordings")
@bounded
@given(kind=st.sampled_from(sorted(targets.sound.RECORDINGS)), changes=CHANGES)
@pytest.mark.filterwarnings("ignore")
def test_recordings_with_broken_headers(check: Any, kind: str, changes: list[Change]) -> None:
    check((kind, changed(targets.sound.RECORDINGS[kind], changes, 120)))


@aimed_at("samples")
@bounded
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_samples(check: Any, data: bytes) -> None:
    check(data)


@aimed_at("configurations")
@bounded
@given(written=st.text(max_size=200) | st.builds("[{}]\n{} = {}\n".format, *[st.text(max_size=10)] * 3))
def test_any_text_is_a_configuration_or_told_apart(check: Any, written: str) -> None:
    check(written.encode("utf-8", "surrogatepass"))


@aimed_at("configurations")
@bounded
@given(key=st.sampled_from(targets.settings.KEYS), value=VALUES)
def test_any_value_of_any_option_is_taken_or_named(check: Any, key: str, value: object) -> None:
    section, _, name = key.partition(".")
    check(f"[{section}]\n{name} = {targets.settings.as_toml(value)}\n".encode("utf-8", "replace"))


@aimed_at("subscribers")
@bounded
@given(said=st.lists(st.binary(max_size=300) | st.just(b"status\n"), max_size=5))
def test_whatever_a_subscriber_sends_it_gets_events(check: Any, said: list[bytes]) -> None:
    check(said)


@aimed_at("models")
@bounded
@given(
    file=st.sampled_from([(name, file) for name, files in targets.models.FOLDERS.items() for file in files]),
    changes=CHANGES,
)
def test_model_folders_with_broken_files(check: Any, file: tuple[str, str], changes: list[Change]) -> None:
    check((*file, changed(targets.models.FOLDERS[file[0]][file[1]], changes, 4096)))


@pytest.fixture(scope="module")
def exported(foreign: Callable[[str], Path]) -> bytes:
    from kwsd.exporting.onnx_files import as_files

    return as_files(read_card(str(foreign("wav2vec2"))))["int8"]


@bounded
@given(changes=CHANGES)
def test_exported_models_with_broken_bytes(tmp_path: Path, exported: bytes, changes: list[Change]) -> None:
    """Anywhere in the file, the metadata at its end included."""
    path = tmp_path / "a.onnx"
    path.write_bytes(changed(exported, changes, len(exported)))
    text = targets.checking.refusal(lambda: load_classifier(read_card(str(path))))
    assert not text or str(path) in text


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
@pytest.mark.filterwarnings("ignore")
def test_inputs_made_by_chance(name: str, tmp_path: Path) -> None:
    target = targets.TARGETS[name]
    with target.opened(tmp_path) as check:
        for number in range(COUNT):
            check(target.numbered(0, number))
