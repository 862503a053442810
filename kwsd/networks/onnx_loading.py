"""Loads a model folder with a graph, or an exported model, as a classifier on the CPU that does without torch.

The only module that imports ONNX Runtime, apart from the quantisation in `kwsd.exporting.tracing`.
"""

from __future__ import annotations

import ctypes
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.cards.exported import Exported
from kwsd.cards.folder import MOST_ONNX, check_regular
from kwsd.cards.names import GRAPH, WEIGHTS
from kwsd.cards.onnx_file import parse_onnx
from kwsd.errors import DeviceError, KwsdError, ModelError, first_line
from kwsd.networks.onnx_classifier import OnnxClassifier
from kwsd.networks.onnx_weights import INT8, arrange
from kwsd.networks.resource_errors import check_memory, is_scarcity
from kwsd.samples import RATE

_M_TRIM_THRESHOLD = -1  # of <malloc.h>
_BESIDE = 100_000
"""The bytes of a block at the end of a heap: few enough that it is not mapped on its own, which takes 128 KiB."""
_KEPT = 8_000_000
"""Free bytes that stay at the end of the heap, as scoring would take longer if it got its memory anew each time."""
_UNMAPPED = "failed to map segment"


def load_onnx(folder: Path, name: str, labels: Sequence[str], *, graph: bytes | None = None) -> OnnxClassifier:
    """The model in `folder`, warmed up: its graph with the weights beside it.

    `graph` replaces that of the folder, for the same weights.

    Raises:
        ModelError: graph, config and weights do not fit each other.
        DeviceError: ONNX Runtime is missing.
    """

    def unfit(why: str) -> ModelError:
        what = f"{folder}: {GRAPH} does not fit the model in that folder ({why})"
        return ModelError(what, f"write it again with kwsd export {folder}, or remove it")

    check_regular(folder / GRAPH, most=MOST_ONNX)
    with _blamed(unfit):
        drawn = (folder / GRAPH).read_bytes() if graph is None else graph
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        classifier = OnnxClassifier(_session(folder, config, drawn), name, labels, unfit=unfit)
        classifier.score(np.zeros((1, config["window_samples"]), np.float32))
    _give_back()
    return classifier


def load_exported(model: Exported, data: bytes, path: str) -> OnnxClassifier:
    """The model that `kwsd.cards.exported.read_exported` read from `path`, warmed up.

    Raises:
        ModelError: ONNX Runtime cannot run the graph.
        DeviceError: ONNX Runtime is missing.
    """
    runtime = _runtime()
    options = _options(runtime)
    silence = np.zeros((1, model.window * RATE // model.rate), np.float32)

    def unfit(why: str) -> ModelError:
        return ModelError(f"{path}: ONNX Runtime cannot run it ({why})", "export the model again")

    with _blamed(unfit):
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        classifier = OnnxClassifier(session, model.name, model.labels, model.rate, unfit=unfit)
        classifier.score(silence)
    _give_back()
    return classifier


@contextmanager
def _blamed(model: Callable[[str], ModelError]) -> Iterator[None]:
    """Turn an error of the block into that of `model`, which gets its reason, unless the machine lacks resources."""
    try:
        yield
    except (KwsdError, MemoryError):
        raise
    except Exception as error:  # ONNX Runtime's have no common class but this one
        if is_scarcity(error):
            raise
        check_memory(error)
        raise model(first_line(error)) from error


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        check_memory(error)
        remedy = "pip install onnxruntime"
        if _UNMAPPED in str(error):  # the dynamic linker does not say why
            remedy = "free some memory, raise MemoryMax= of the unit, or check that its disk is not mounted noexec"
        raise DeviceError(f"ONNX Runtime cannot be loaded ({error})", remedy) from error
    return onnxruntime


def _options(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # costs the least processor time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # the format of the bytes, instead of a guess
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4  # fatal; errors are raised as well, and what is printed has names of the file in it
    return options


def _session(folder: Path, config: dict[str, Any], graph: bytes) -> Any:
    """An `onnxruntime.InferenceSession` for `graph` with the weights in `folder`.

    Raises ValueError if the graph is not valid or needs other weights, and what ONNX Runtime raises.
    """
    runtime = _runtime()
    from safetensors.numpy import load_file

    options = _options(runtime)
    initializers = arrange(
        load_file(folder / WEIGHTS),
        config,
        quantised=INT8.encode() in graph,
        levels=quantisation_levels(),
    )
    # ONNX Runtime would open any file that a graph names: only the weights given here may lie outside of it.
    if strange := parse_onnx(graph).outside - set(initializers):
        raise ValueError(f"it reads {min(strange) or 'a constant'!r:.40} from a file other than {WEIGHTS}")
    values = [runtime.OrtValue.ortvalue_from_numpy(values) for values in initializers.values()]
    options.add_external_initializers(list(initializers), values)
    return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _give_back() -> None:
    """Return the memory that loading allocated and freed to the system, of which glibc would keep 15 MB.

    `malloc_trim` leaves what lies at the end of a thread's own heap. That goes when a block beside it is freed, if it
    is larger than the threshold."""
    with suppress(AttributeError, OSError):  # another C library
        libc = ctypes.CDLL(None)
        libc.malloc.argtypes, libc.malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
        libc.free.argtypes, libc.free.restype = (ctypes.c_void_p,), None
        libc.mallopt(_M_TRIM_THRESHOLD, 0)
        libc.free(libc.malloc(_BESIDE))
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        libc.malloc_trim(0)


def quantisation_levels(machine: str = "", cpuinfo: Path = Path("/proc/cpuinfo")) -> int:
    """The largest value of a quantised weight on this machine: 127, or 63.

    An x86 CPU without VNNI adds pairs of products in 16 bits, which 8-bit weights can overflow, but 7-bit ones cannot.
    """
    if (machine or platform.machine()) not in ("x86_64", "AMD64", "i686"):
        return 127
    try:
        flags = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        return 63
    return 127 if "avx512_vnni" in flags or "avx_vnni" in flags else 63
