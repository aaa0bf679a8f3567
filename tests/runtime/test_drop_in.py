"""The same calls on our Interpreter and on LiteRT's: equal results, or the same exception type and first words."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import liteinterp

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")

Calls = list[tuple[str, Callable[[Any], Any]]]

#: Models of the zoo whose behaviour is compared: int8, float, with and without a signature.
ZOO_MODELS = ("mlperf_kws_int8_ref", "mnist_conv_fc", "keypoint_classifier", "mlperf_streaming_wakeword_int8")


def outcome(call: Callable[[Any], Any], subject: Any) -> tuple[str, Any]:
    """What a call gives: its value in comparable form, or the exception's built-in type and first words."""
    try:
        return "value", plain(call(subject))
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        kind = next(base for base in (ValueError, RuntimeError, TypeError, AttributeError) if isinstance(error, base))
        return kind.__name__, " ".join(str(error).split())


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape, value.tolist())
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def agree(content: bytes, calls: Calls, words: int = 5) -> None:
    """Play the calls on both, in order; exceptions must agree in type and in their first words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = liteinterp.Interpreter(model_content=content), litert.Interpreter(model_content=content)
    for name, call in calls:
        got, expected = outcome(call, ours), outcome(call, theirs)
        assert got[0] == expected[0], (name, got, expected)
        if got[0] == "value":
            assert got[1] == expected[1], name
        else:
            assert got[1].split()[:words] == expected[1].split()[:words], (name, got, expected)


def details(interpreter: Any) -> Any:
    """Everything that describes the model."""
    return [
        interpreter.get_input_details(),
        interpreter.get_output_details(),
        interpreter.get_tensor_details(),
        interpreter.get_signature_list(),
        interpreter._get_full_signature_list(),
        interpreter.num_subgraphs(),
        [interpreter._get_op_details(i) for i in range(2)],
    ]


def shapes(interpreter: Any) -> Any:
    """What allocation may change. LiteRT repeats the scale of dense weights then, which says nothing new."""
    return [entry["shape"] for entry in interpreter.get_tensor_details()] + [
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    ]


def first_input(interpreter: Any) -> int:
    return int(interpreter.get_input_details()[0]["index"])


def zeros(interpreter: Any, dtype: Any = None, shape: Any = None) -> np.ndarray:
    found = interpreter.get_input_details()[0]
    return np.zeros(found["shape"] if shape is None else shape, dtype or found["dtype"])


@pytest.mark.parametrize("name", ZOO_MODELS)
def test_descriptions_of_zoo_models_are_equal(name: str, zoo: Path) -> None:
    content = (zoo / "models" / f"{name}.tflite").read_bytes()
    agree(content, [("before", details), ("allocate", lambda i: i.allocate_tensors()), ("after", shapes)])


def test_descriptions_of_a_model_with_signature_are_equal(signed_model: bytes) -> None:
    agree(signed_model, [("before", details), ("allocate", lambda i: i.allocate_tensors()), ("after", shapes)])


def test_types_in_details_are_numpy_types_not_dtypes(int8_model: bytes) -> None:
    ours, theirs = liteinterp.Interpreter(model_content=int8_model), litert.Interpreter(model_content=int8_model)
    for mine, his in zip(ours.get_tensor_details(), theirs.get_tensor_details(), strict=True):
        assert {key: type(value) for key, value in mine.items()} == {key: type(value) for key, value in his.items()}
        assert {k: type(v) for k, v in mine["quantization_parameters"].items()} == {
            k: type(v) for k, v in his["quantization_parameters"].items()
        }
        assert mine["dtype"] is his["dtype"]
        assert [type(part) for part in mine["quantization"]] == [type(part) for part in his["quantization"]]


BEFORE_ALLOCATION: Calls = [
    ("invoke", lambda i: i.invoke()),
    ("get", lambda i: i.get_tensor(first_input(i))),
    ("set", lambda i: i.set_tensor(first_input(i), zeros(i))),
    ("view", lambda i: i.tensor(first_input(i))()),
]

WRONG_USE: Calls = [
    ("type float32 or int8", lambda i: i.set_tensor(first_input(i), zeros(i, np.int16))),
    ("type float64", lambda i: i.set_tensor(first_input(i), zeros(i, np.float64))),
    ("list", lambda i: i.set_tensor(first_input(i), [1, 2, 3])),
    ("dimension", lambda i: i.set_tensor(first_input(i), np.repeat(zeros(i), 2, axis=0))),
    ("rank", lambda i: i.set_tensor(first_input(i), zeros(i)[0])),
    ("scalar", lambda i: i.set_tensor(first_input(i), zeros(i).dtype.type(1))),
    ("index", lambda i: i.set_tensor(9999, zeros(i))),
    ("negative index", lambda i: i.set_tensor(-1, zeros(i))),
    ("get index", lambda i: i.get_tensor(9999)),
    ("view index", lambda i: i.tensor(9999)()),
    ("details of subgraph", lambda i: i.get_tensor_details(1)),
    ("operator index", lambda i: i._get_op_details(9999)),
    ("signature", lambda i: i.get_signature_runner("no such")),
]


@pytest.mark.parametrize("name", ZOO_MODELS)
def test_wrong_use_of_zoo_models_raises_the_same(name: str, zoo: Path) -> None:
    content = (zoo / "models" / f"{name}.tflite").read_bytes()
    agree(content, [*BEFORE_ALLOCATION, ("allocate", lambda i: i.allocate_tensors()), *WRONG_USE])


def test_wrong_use_raises_the_same(int8_model: bytes) -> None:
    agree(int8_model, [*BEFORE_ALLOCATION, ("allocate", lambda i: i.allocate_tensors()), *WRONG_USE])


def test_resizing_behaves_the_same(signed_model: bytes) -> None:
    agree(
        signed_model,
        [
            ("allocate", lambda i: i.allocate_tensors()),
            ("resize", lambda i: [i.resize_tensor_input(k, [2, 5]) for k in (0, 1)]),
            ("shape", lambda i: i.get_input_details()[0]["shape"]),
            ("not ready", lambda i: i.invoke()),
            ("gone", lambda i: i.get_tensor(0)),
            ("again", lambda i: i.allocate_tensors()),
            ("output", lambda i: i.get_output_details()[0]["shape"]),
            ("set", lambda i: [i.set_tensor(k, np.full((2, 5), k + 2, np.float32)) for k in (0, 1)]),
            ("run", lambda i: i.invoke()),
            ("result", lambda i: [i.get_tensor(k) for k in (2, 3)]),
            ("same size keeps it ready", lambda i: i.resize_tensor_input(0, [2, 5])),
            ("run again", lambda i: i.invoke()),
            ("strict", lambda i: i.resize_tensor_input(0, [2, 7], strict=True)),
        ],
    )


@pytest.mark.parametrize("size", [[3, 3], [2, -1]], ids=["a fixed dimension, strictly", "a negative one"])
def test_resizing_refuses_with_the_same_type(size: list[int], signed_model: bytes) -> None:
    agree(signed_model, [("resize", lambda i: i.resize_tensor_input(0, size, strict=True))], words=0)


@pytest.mark.parametrize("index", [2, 99], ids=["an output", "no tensor"])
def test_resizing_what_is_no_input_is_a_runtime_error(index: int, signed_model: bytes) -> None:
    with pytest.raises(RuntimeError):
        liteinterp.Interpreter(model_content=signed_model).resize_tensor_input(index, [2, 5])


@pytest.mark.parametrize("size", [[2], [2, 3, 1], [1] * 9], ids=["one less", "one more", "nine"])
def test_a_rank_that_does_not_fit_is_a_runtime_error_at_allocation(size: list[int], int8_model: bytes) -> None:
    interpreter = liteinterp.Interpreter(model_content=int8_model)
    interpreter.resize_tensor_input(0, size)
    with pytest.raises(RuntimeError, match="dim"):
        interpreter.allocate_tensors()


def test_signature_runner_behaves_the_same(signed_model: bytes) -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.full((2, 3), 2, np.float32)
    agree(
        signed_model,
        [
            ("call", lambda i: i.get_signature_runner()(left=x, right=y)),
            ("by key", lambda i: i.get_signature_runner("serving_default")(left=y, right=x)),
            ("another size", lambda i: i.get_signature_runner()(left=x[:, :2], right=y[:, :2])),
            ("inputs", lambda i: i.get_signature_runner().get_input_details()),
            ("outputs", lambda i: i.get_signature_runner().get_output_details()),
            ("too few", lambda i: i.get_signature_runner()(left=x)),
            ("wrong name", lambda i: i.get_signature_runner()(left=x, wrong=y)),
            ("wrong type", lambda i: i.get_signature_runner()(left=x, right=y.astype(np.float64))),
        ],
    )


def test_a_living_view_stops_what_could_move_it(int8_model: bytes) -> None:
    def with_view(action: Callable[[Any], Any], keep: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(interpreter: Any) -> Any:
            held = keep(interpreter.tensor(first_input(interpreter))())
            try:
                return action(interpreter)
            finally:
                del held

        return call

    agree(
        int8_model,
        [
            ("allocate", lambda i: i.allocate_tensors()),
            ("invoke", with_view(lambda i: i.invoke(), lambda view: view)),
            ("invoke, slice", with_view(lambda i: i.invoke(), lambda view: view[0, 1:])),
            ("allocate, view", with_view(lambda i: i.allocate_tensors(), lambda view: view)),
            ("resize", with_view(lambda i: i.resize_tensor_input(0, [1, 7, 5, 3]), lambda view: view)),
            ("function alone", lambda i: (i.tensor(first_input(i)), i.invoke())[1]),
            ("free again", lambda i: i.invoke()),
        ],
    )


def test_preserved_tensors_equal(int8_model: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = [
            module.Interpreter(model_content=int8_model, experimental_preserve_all_tensors=True)
            for module in (liteinterp, litert)
        ]
    values = np.random.default_rng(5).integers(-128, 128, (1, 7, 5, 3)).astype(np.int8)
    for interpreter in both:
        interpreter.allocate_tensors()
        interpreter.set_tensor(first_input(interpreter), values)
        interpreter.invoke()
    count = len(both[0].get_tensor_details())
    assert count == len(both[1].get_tensor_details())
    for index in range(count):
        np.testing.assert_array_equal(both[0].get_tensor(index), both[1].get_tensor(index), f"tensor {index}")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"model_content": b""},
        {"model_path": "no/such/file.tflite"},
        {"model_content": b"no model at all, but long enough to be one"},
        {"model_path": "x.tflite", "model_content": b"x"},
        {"num_threads": 0},
        {"num_threads": -1},
        {"num_threads": 2.5},
        {"num_threads": "4"},
        {"experimental_op_resolver_type": 7},
    ],
    ids=str,
)
def test_constructor_refuses_the_same(arguments: dict[str, Any], int8_model: bytes) -> None:
    if not any(key.startswith("model") for key in arguments) and arguments:
        arguments = {"model_content": int8_model, **arguments}
    got = outcome(lambda module: module.Interpreter(**arguments), liteinterp)
    expected = outcome(lambda module: module.Interpreter(**arguments), litert)
    assert got[0] == expected[0] == "ValueError"
    assert got[1].split()[:3] == expected[1].split()[:3]


def test_argument_names_and_resolver_types_are_the_same() -> None:
    import inspect

    ours = inspect.signature(liteinterp.Interpreter.__init__).parameters
    theirs = inspect.signature(litert.Interpreter.__init__).parameters
    public = [name for name in theirs if not name.startswith("_")]
    assert [name for name in ours if name in public] == [name for name in public if name in ours]
    assert set(public) - set(ours) == set()
    assert {kind.name: kind.value for kind in liteinterp.OpResolverType} == {
        kind.name: kind.value for kind in litert.OpResolverType
    }
