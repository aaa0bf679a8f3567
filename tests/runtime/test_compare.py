"""compare: engines that we did not write, layers matched through layouts, and verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import INT8, ModelMaker

from converter.gen import tflite
from liteinterp import Drift, UsageError, compare

onnx = pytest.importorskip("onnx", reason="needs onnx to make the reference model")

SHAPE = (1, 2, 3, 4)
DATA = {"x": np.random.default_rng(3).normal(size=(6, 2, 3, 4)).astype(np.float32)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`ref.onnx`: y = softmax(flatten(max(x, 0) · 2)); `mid` and `twice` are its intermediate results, NCHW."""
    helper = onnx.helper
    nodes = [
        helper.make_node("Relu", ["x"], ["mid"]),
        helper.make_node("Mul", ["mid", "two"], ["twice"]),
        helper.make_node("Flatten", ["twice"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["y"]),
    ]
    two = helper.make_tensor("two", 1, [1], [2.0])
    x, y = (helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", ["N", 2, 3, 4]), ("y", ["N", 24])))
    graph = helper.make_graph(nodes, "g", [x], [y], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "ref.onnx")
    return tmp_path


def lowered(factor: float = 2.0, provenance: Any = None) -> bytes:
    """The same function with its middle in NHWC."""
    maker = ModelMaker()
    x = maker.tensor(SHAPE)
    to_nhwc, to_nchw = maker.tensor((4,), 2, [0, 2, 3, 1]), maker.tensor((4,), 2, [0, 3, 1, 2])
    nhwc, relu, scaled = maker.tensor((1, 3, 4, 2)), maker.tensor((1, 3, 4, 2)), maker.tensor((1, 3, 4, 2))
    two = maker.tensor((1,), data=[factor])
    back, flat, y = maker.tensor(SHAPE), maker.tensor((1, 24)), maker.tensor((1, 24))
    maker.op("TRANSPOSE", [x, to_nhwc], [nhwc], tflite.TransposeOptions())
    maker.op("RELU", [nhwc], [relu])
    maker.op("MUL", [relu, two], [scaled], tflite.MulOptions())
    maker.op("TRANSPOSE", [scaled, to_nchw], [back], tflite.TransposeOptions())
    maker.op("RESHAPE", [back], [flat], tflite.ReshapeOptions(np.array([1, 24], np.int32)))
    maker.op("SOFTMAX", [flat], [y], tflite.SoftmaxOptions(1.0))
    maker.ends([x], [y])
    for index, name in {x: "x", relu: "relu", scaled: "scaled", y: "y"}.items():
        maker.graph.tensors[index].name = name
    rows = provenance or [
        {"tensor": relu, "name": "relu", "source": "mid", "permutation": [0, 2, 3, 1]},
        {"tensor": scaled, "name": "scaled", "source": "twice", "permutation": [0, 2, 3, 1]},
        {"tensor": flat, "name": "flat", "source": "flat", "permutation": None},
    ]
    add_provenance(maker, rows if isinstance(rows, bytes) else json.dumps(rows).encode())
    return maker.bytes()


def add_provenance(maker: ModelMaker, text: bytes) -> None:
    maker.model.metadata.append(tflite.Metadata("liteinterp.provenance", len(maker.model.buffers)))
    maker.model.buffers.append(tflite.Buffer(data=np.frombuffer(text, np.uint8)))


def drift(folder: Path, test: bytes, data: Any = DATA, **options: Any) -> Drift:
    (folder / "test.tflite").write_bytes(test)
    return compare(folder / "ref.onnx", folder / "test.tflite", data, **options)


@pytest.mark.parametrize("engine", ["onnxruntime", "onnx-reference"])
def test_layers_are_matched_through_the_permutation_of_their_provenance(engine: str, folder: Path) -> None:
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime", reason="needs onnxruntime as the engine of the reference")
    found = drift(folder, lowered(), ref_engine=engine)
    assert [row.name for row in found.layers] == ["mid", "twice", "flat"]
    assert all(row.error.sqnr_db > 120 for row in (*found.outputs, *found.layers))
    assert found.layers[0].shape == (1, 3, 4, 2)
    assert found.samples == 6 and found.unmatched == 2


def test_a_wrong_layer_is_the_one_that_shows(folder: Path) -> None:
    """Scaled by 2.02 instead of 2: `mid` is exact, what follows is off by 1 %, so 40 dB."""
    rows = {row.name: row.error for row in drift(folder, lowered(2.02)).layers}
    assert rows["mid"].max_abs == 0
    assert rows["twice"].sqnr_db == pytest.approx(40, abs=0.01)


@pytest.mark.parametrize(
    "rows",
    [b"{not json", b"[1, 2]", b'[{"tensor": 99999, "source": "mid"}]', b'[{"source": "mid"}]', b"\xff\xfe"],
)
def test_malformed_provenance_matches_nothing_and_harms_nothing(rows: bytes, folder: Path) -> None:
    found = drift(folder, lowered(provenance=rows))
    assert found.layers == () and found.outputs[0].error.sqnr_db > 120


def test_data_of_the_reference_is_quantized_for_an_int8_model(folder: Path) -> None:
    maker = ModelMaker()
    x, y = maker.tensor(SHAPE, INT8, None, 0.05, 4), maker.tensor(SHAPE, INT8, None, 0.05, 4)
    maker.op("RELU", [x], [y], None, 2)
    (folder / "int8.tflite").write_bytes(maker.ends([x], [y]).bytes())
    maker = ModelMaker()
    x, y = maker.tensor(SHAPE), maker.tensor(SHAPE)
    maker.op("RELU", [x], [y])
    (folder / "float.tflite").write_bytes(maker.ends([x], [y]).bytes())
    data = {"t0": np.clip(DATA["x"], -6, 6)}
    found = compare(folder / "float.tflite", folder / "int8.tflite", data).outputs[0]
    assert found.scale == pytest.approx(0.05) and found.zero_point == 4
    assert found.error.max_lsb is not None and found.error.max_lsb <= 0.5 + 1e-5
    assert 25 < found.error.sqnr_db < 50
    back = compare(folder / "int8.tflite", folder / "float.tflite", {"t0": np.full((3, *SHAPE), 20, np.int8)})
    assert back.outputs[0].error.max_abs < 1e-6


def test_engines_of_a_tflite_reference_agree(int8_model: bytes, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as the engine of the reference")
    (tmp_path / "m.tflite").write_bytes(int8_model)
    found = compare(tmp_path / "m.tflite", tmp_path / "m.tflite", "random:20", ref_engine="litert")
    assert found.ref_engine == "LiteRT" and found.test_engine.startswith("liteinterp")
    assert all(row.error.max_abs == 0 for row in (*found.outputs, *found.layers)) and len(found.layers) == 5


def test_batch_normalization_of_old_opsets_runs_in_inference_mode(tmp_path: Path) -> None:
    """onnx.reference takes the batch's own statistics for opsets 9 to 13; ONNX Runtime does not."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime as oracle")
    helper = onnx.helper
    node = helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], epsilon=0.01)
    values = {"s": [1.0, -2.0], "b": [0.5, 0.0], "m": [0.1, 3.0], "v": [0.2, 4.0]}
    infos = [helper.make_tensor_value_info(name, 1, list(SHAPE)) for name in "xy"]
    constants = [helper.make_tensor(name, 1, [2], row) for name, row in values.items()]
    graph = helper.make_graph([node], "g", infos[:1], infos[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=8), tmp_path / "m.onnx")
    found = compare(tmp_path / "m.onnx", tmp_path / "m.onnx", DATA, ref_engine="onnx-reference")
    assert found.outputs[0].error.sqnr_db > 120


def test_a_tensor_that_holds_the_input_in_another_order_does_not_turn_the_data(tmp_path: Path) -> None:
    """With equal sides no shape gives the mistake away; a constant among the outputs does not disturb."""
    helper, shape = onnx.helper, (1, 3, 3, 3)
    nodes = [helper.make_node("Sigmoid", ["x"], ["y"])]
    c = onnx.numpy_helper.from_array(np.ones(2, np.float32), "c")
    ends = [helper.make_tensor_value_info(name, 1, dims) for name, dims in (("x", shape), ("y", shape), ("c", (2,)))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [c])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "ref.onnx")

    maker = ModelMaker()
    x, moved, one = maker.tensor(shape), maker.tensor(shape), maker.tensor((2,), data=[1, 1])
    y, back, copy = maker.tensor(shape), maker.tensor(shape), maker.tensor((2,))
    orders = [maker.tensor((4,), 2, order) for order in ([0, 2, 3, 1], [0, 3, 1, 2])]
    maker.op("TRANSPOSE", [x, orders[0]], [moved], tflite.TransposeOptions())
    maker.op("LOGISTIC", [moved], [y])
    maker.op("TRANSPOSE", [y, orders[1]], [back], tflite.TransposeOptions())
    maker.op("RESHAPE", [one], [copy], tflite.ReshapeOptions(np.array([2], np.int32)))
    maker.ends([x], [back, copy])
    for index, name in {x: "x", moved: "moved", back: "y", copy: "c"}.items():
        maker.graph.tensors[index].name = name
    row = {"tensor": moved, "name": "moved", "source": "x", "permutation": [0, 2, 3, 1]}
    add_provenance(maker, json.dumps([row]).encode())
    data = {"x": np.random.default_rng(5).normal(size=(2, *shape[1:])).astype(np.float32)}
    found = drift(tmp_path, maker.bytes(), data)
    assert [row.name for row in (*found.outputs, *found.layers)] == ["y", "c", "x"]
    assert all(row.error.max_abs < 1e-6 for row in (*found.outputs, *found.layers))


def test_labels_make_accuracy_the_metric(folder: Path) -> None:
    model = lowered()
    labels = drift(folder, model).outputs  # classes as the reference sees them
    assert labels[0].agreement is not None and labels[0].agreement.top1 == 1.0
    scores = DATA["x"].reshape(6, 24).argmax(1)
    wrong = scores.copy()
    wrong[:3] += 1
    found = drift(folder, model, labels=wrong % 24, max_drop="1%")
    assert found.verdict.metric == "top-1 accuracy" and found.verdict.ref == 50.0
    assert found.verdict.status == "pass" and found.exit_status == 0
    (folder / "labels.txt").write_text("\n".join(map(str, scores)))
    np.savez(folder / "labels.npz", y=scores)
    np.save(folder / "labels.npy", scores)
    for source in ("labels.txt", "labels.npz", "labels.npz:y", "labels.npy"):
        assert drift(folder, model, labels=str(folder / source)).verdict.ref == 100.0


def test_probabilities_without_labels_are_judged_by_agreement(folder: Path) -> None:
    found = drift(folder, lowered(-2.0), max_drop=5)
    assert found.verdict.metric == "top-1 agreement" and "no labels" in found.verdict.sentence
    assert found.verdict.status == "fail" and found.exit_status == 4


def test_json_says_its_schema_and_holds_no_infinity(folder: Path) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    found = json.loads(drift(folder, lowered()).to_json(), parse_constant=refuse)
    assert found["schema"] == "liteinterp.drift/1"
    mid = next(row for row in found["layers"] if row["name"] == "mid")
    assert mid["error"]["sqnr_db"] is None and mid["error"]["max_abs"] == 0
    assert mid["test_name"] == "relu" and mid["operator"] == "RELU"


def test_text_shows_every_layer_and_ends_with_the_verdict(folder: Path) -> None:
    text = drift(folder, lowered(), max_drop=1).to_text()
    assert all(name in text for name in ("mid", "twice", "flat", "ONNX", "liteinterp"))
    assert text.rstrip().splitlines()[-1].startswith("PASS: top-1 agreement 100.00 %")


@pytest.mark.parametrize(
    "options,words",
    [
        ({"labels": np.zeros(3, np.int64)}, "more samples than the 3 labels"),
        ({"labels": "no/labels.txt"}, "no labels at"),
        ({"labels": np.zeros((6, 2))}, "one class index per sample"),
        ({"max_drop": "much"}, "max-drop"),
        ({"ref_engine": "litert"}, "litert cannot run ref.onnx"),
        ({"ref_engine": "other"}, "unknown engine"),
        ({"data": {"x": DATA["x"][:, :1]}}, "cannot take"),
    ],
)
def test_wrong_use_is_refused(options: dict[str, Any], words: str, folder: Path) -> None:
    with pytest.raises(UsageError, match=words):
        drift(folder, lowered(), **options)


def test_different_networks_are_refused(folder: Path, signed_model: bytes) -> None:
    with pytest.raises(UsageError, match="not the same network"):
        drift(folder, signed_model)


def _two_outputs(second_factor: float) -> bytes:
    """x·2 and x·second_factor."""
    maker = ModelMaker()
    x, two, other = maker.tensor((1, 2, 2)), maker.tensor((1,), data=[2.0]), maker.tensor((1,), data=[second_factor])
    a, b = maker.tensor((1, 2, 2)), maker.tensor((1, 2, 2))
    maker.op("MUL", [x, two], [a], tflite.MulOptions())
    maker.op("MUL", [x, other], [b], tflite.MulOptions())
    return maker.ends([x], [a, b]).bytes()


def test_of_several_outputs_the_worst_decides(tmp_path: Path) -> None:
    (tmp_path / "ref.tflite").write_bytes(_two_outputs(3.0))
    (tmp_path / "test.tflite").write_bytes(_two_outputs(3.3))
    found = compare(tmp_path / "ref.tflite", tmp_path / "test.tflite", "random:3", max_drop="5")
    assert found.verdict.status == "fail" and found.verdict.metric == "SQNR"
    assert found.verdict.drop == pytest.approx(10, rel=1e-4)
    assert found.outputs[1].name in found.verdict.sentence


def test_labels_need_scores(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(_two_outputs(3.0))
    with pytest.raises(UsageError, match="no output of the models is a vector of class scores"):
        compare(tmp_path / "m.tflite", tmp_path / "m.tflite", "random:3", labels=np.zeros(3, np.int64))
