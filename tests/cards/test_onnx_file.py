"""What kwsd reads of an ONNX file is what the library that writes such files put there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from kwsd.cards.onnx_file import parse_onnx


def tensor(name: str = "w") -> TensorProto:
    return numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), name)


def external(name: str = "w") -> TensorProto:
    found = tensor(name)
    found.ClearField("raw_data")
    found.data_location = TensorProto.EXTERNAL
    found.external_data.add(key="location", value="/etc/hostname")
    return found


def model() -> onnx.ModelProto:
    """windows (batch, 2) times a matrix."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["windows", "w"], ["scores"])],
        "g",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3])],
        [tensor()],
    )
    made = helper.make_model(graph)
    made.metadata_props.add(key="who", value="ключ")
    return made


def branch(inner: TensorProto) -> onnx.GraphProto:
    return helper.make_graph([], "branch", [], [], [inner])


def sparse(values: TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=values, indices=tensor("i"), dims=[9])


HIDING: dict[str, Callable[[onnx.ModelProto, TensorProto], object]] = {
    "a weight": lambda m, t: m.graph.initializer.append(t),
    "a sparse weight": lambda m, t: m.graph.sparse_initializer.append(sparse(t)),
    "a constant": lambda m, t: m.graph.node.append(helper.make_node("Constant", [], ["c"], value=t)),
    "a list": lambda m, t: m.graph.node[0].attribute.append(helper.make_attribute("list", [t])),
    "the places of a sparse weight": lambda m, t: m.graph.sparse_initializer.append(
        onnx.SparseTensorProto(values=tensor("v"), indices=t, dims=[9])
    ),
    "sparse constants": lambda m, t: m.graph.node[0].attribute.append(helper.make_attribute("s", [sparse(t)])),
    "a sparse constant": lambda m, t: m.graph.node[0].attribute.append(helper.make_attribute("s", sparse(t))),
    "a branch": lambda m, t: m.graph.node[0].attribute.append(helper.make_attribute("then_branch", branch(t))),
    "branches": lambda m, t: m.graph.node[0].attribute.append(helper.make_attribute("all", [branch(t)])),
    "a function": lambda m, t: m.functions.append(
        helper.make_function(
            "own", "f", [], ["c"], [helper.make_node("Constant", [], ["c"], value=t)], [helper.make_opsetid("", 17)]
        )
    ),
    "training": lambda m, t: m.training_info.append(onnx.TrainingInfoProto(initialization=branch(t))),
}
"""Every place where a tensor can be."""


def test_metadata_and_shapes() -> None:
    found = parse_onnx(model().SerializeToString())
    assert (found.metadata, found.outside) == ({"who": "ключ"}, set())
    assert (found.inputs, found.outputs) == ({"windows": (None, 2)}, {"scores": (None, 3)})


@pytest.mark.parametrize("place", HIDING)
def test_a_tensor_in_another_file_is_found_wherever_it_is(place: str) -> None:
    outside = {"t"} if place == "a weight" else {""}
    for inner, elsewhere in ((tensor("t"), set()), (external("t"), outside)):
        made = model()
        HIDING[place](made, inner)
        assert parse_onnx(made.SerializeToString()).outside == elsewhere


def test_two_weights_of_one_name_are_not_that_weight() -> None:
    made = model()
    made.graph.initializer.extend([external("t"), external("t")])
    assert parse_onnx(made.SerializeToString()).outside == {"t", ""}


def test_either_sign_of_another_file_counts() -> None:
    for change in (lambda t: t.ClearField("data_location"), lambda t: t.ClearField("external_data")):
        made, inner = model(), external("t")
        change(inner)
        made.graph.initializer.append(inner)
        assert parse_onnx(made.SerializeToString()).outside


def test_a_weight_that_says_that_it_lies_inside_does() -> None:
    made = model()
    made.graph.initializer[0].data_location = TensorProto.DEFAULT
    assert b"w" in made.SerializeToString()
    assert parse_onnx(made.SerializeToString()).outside == set()


def test_of_two_names_of_a_weight_the_last_counts_as_it_does_in_protobuf() -> None:
    made = model()
    named = external("first").SerializeToString() + TensorProto(name="last").SerializeToString()
    graph = made.graph.SerializeToString() + b"\x2a" + bytes([len(named)]) + named
    made.ClearField("graph")
    data = made.SerializeToString() + b"\x3a" + bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7]) + graph
    assert onnx.ModelProto.FromString(data).graph.initializer[1].name == "last"
    assert parse_onnx(data).outside == {"last"}


def test_numbers_of_every_width_are_read_past() -> None:
    made = model()
    made.graph.initializer.append(TensorProto(name="d", data_type=TensorProto.DOUBLE, double_data=[0.5]))
    fixed = [b"\xa1\x06" + b"\xff" * 8, b"\xa5\x06" + b"\xff" * 4]  # fields of no meaning, of 8 and 4 bytes
    negative = helper.make_attribute("axis", -1)  # a varint of ten bytes
    made.graph.node[0].attribute.append(negative)
    found = parse_onnx(made.SerializeToString() + b"".join(fixed))
    assert (found.inputs, found.outside) == ({"windows": (None, 2)}, set())


def test_a_field_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not in protobuf format"):
        parse_onnx(model().SerializeToString() + b"\x00\x00")


def test_a_field_that_only_onnx_runtime_knows_is_refused() -> None:
    """It drops the upper bits of a field's number, and so would find a weight in another file where kwsd does not."""
    hidden = b"\x92\x80\x80\x80\x10\x04mine"  # the producer's name, but 2**32 is added to the tag
    plain = model()
    plain.ir_version, plain.opset_import[0].version = 9, 17  # which any ONNX Runtime takes
    made = plain.SerializeToString() + hidden
    assert InferenceSession(made, providers=["CPUExecutionProvider"]).get_modelmeta().producer_name == "mine"
    with pytest.raises(ValueError, match="not in protobuf format"):
        parse_onnx(made)


def test_what_is_none_or_cut_off() -> None:
    whole = model().SerializeToString()
    for data in (b"", b"RIFF....WAVE", b"PK\x03\x04", b"\xff" * 40, onnx.ModelProto().SerializeToString()):
        with pytest.raises(ValueError, match=r"."):
            parse_onnx(data)
    for length in range(1, len(whole) - len(model().metadata_props[0].SerializeToString()) - 2, 7):
        with pytest.raises(ValueError, match=r"."):
            parse_onnx(whole[:length])


def test_two_graphs_are_refused() -> None:
    """Readers of protobuf join them; another one might take the first, or the last."""
    whole = model().SerializeToString()
    with pytest.raises(ValueError, match="more than one"):
        parse_onnx(whole + whole)


def test_graphs_within_graphs_end() -> None:
    inner = branch(tensor())
    for _ in range(25):
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner)
        inner = helper.make_graph([node], "g", [], [])
    made = model()
    made.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=inner))
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_onnx(made.SerializeToString())
