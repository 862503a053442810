"""What `kwsd export` does. Imports torch and onnx; `export` imports it when it is wanted."""

from __future__ import annotations

from pathlib import Path

from kwsd.cli import console
from kwsd.errors import InputError
from kwsd.networks.arrangement import GRAPH
from kwsd.training.agreement import compare
from kwsd.training.export import drawing, write_card, write_whole
from kwsd.training.graph import filled
from kwsd.zoo import find_model


def export(model: str, out: Path | None) -> None:
    """Carry out `kwsd export`. Raises ModelError, or InputError where nothing can be written."""
    folder = find_model(model)
    drawn = {kind: drawing(folder, quantised=kind == "int8") for kind in ("float32", "int8")}
    with console.working("comparing with the original"):
        found = compare(folder, *(graph.SerializeToString() for graph, _ in drawn.values()))
    try:
        if out is None:
            paths = [folder / GRAPH]
            write_whole(paths[0], drawn["int8"][0].SerializeToString())
            write_card(folder, {})
        else:
            out.mkdir(parents=True, exist_ok=True)
            paths = [out / f"{folder.resolve().name}-{kind}.onnx" for kind in drawn]
            for path, (graph, initializers) in zip(paths, drawn.values(), strict=True):
                write_whole(path, filled(graph, initializers).SerializeToString())
    except OSError as error:
        raise InputError(f"{error.filename or out}: cannot be written ({error.strerror or error})") from error
    for path in paths:
        console.say(f"{path}: {path.stat().st_size:,} bytes")
    console.say(f"float32: off by {found.float32:.1g} at most")
    console.say(f"int8: off by {found.int8:.2g} at most, the same best label on {found.same:.0%} of the sounds")
