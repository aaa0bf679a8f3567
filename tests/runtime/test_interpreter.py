"""What our Interpreter does beyond the TFLite one, and what it does where that one crashes."""

from __future__ import annotations

import gc
import mmap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import chain, int8_conv_net

import liteinterp
from liteinterp import Interpreter, InvalidFileError, UnsupportedError


def values(seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(-128, 128, (1, 7, 5, 3)).astype(np.int8)


def run(interpreter: Interpreter, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], array)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, np.frombuffer, mmap.mmap])
def test_any_buffer_is_a_model(kind: Any, int8_model: bytes, tmp_path: Path) -> None:
    expected = run(Interpreter(model_content=int8_model), values())
    if kind is mmap.mmap:
        (tmp_path / "model.tflite").write_bytes(int8_model)
        with open(tmp_path / "model.tflite", "rb") as file:
            content: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    else:
        content = np.frombuffer(int8_model, np.uint8) if kind is np.frombuffer else kind(int8_model)
    np.testing.assert_array_equal(run(Interpreter(model_content=content), values()), expected)


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_misaligned_bytes_run(shift: int, int8_model: bytes) -> None:
    block = np.empty(len(int8_model) + 16, np.uint8)
    start = -block.ctypes.data % 8 + shift
    view = block[start : start + len(int8_model)]
    view[:] = np.frombuffer(int8_model, np.uint8)
    view.flags.writeable = False
    expected = run(Interpreter(model_content=int8_model), values())
    np.testing.assert_array_equal(run(Interpreter(model_content=view), values()), expected)


def test_the_limit_of_packed_weights_changes_no_result(int8_model: bytes) -> None:
    expected = run(Interpreter(model_content=int8_model), values())
    np.testing.assert_array_equal(run(Interpreter(model_content=int8_model, packed_limit=0), values()), expected)
    with pytest.raises(ValueError, match="packed_limit"):
        Interpreter(model_content=int8_model, packed_limit=-1).allocate_tensors()


def test_changing_a_bytearray_afterwards_changes_nothing(int8_model: bytes) -> None:
    content = bytearray(int8_model)
    interpreter = Interpreter(model_content=content)
    content[:] = bytes(len(content))
    expected = run(Interpreter(model_content=int8_model), values())
    np.testing.assert_array_equal(run(interpreter, values()), expected)


def test_a_path_like_object_and_a_context_manager(int8_model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_model)
    with Interpreter(path, num_threads=4) as interpreter:
        assert run(interpreter, values()).shape == (1, 4)
    with pytest.raises(RuntimeError, match="not ready"):
        interpreter.invoke()


def test_inputs_survive_the_run(int8_model: bytes) -> None:
    interpreter = Interpreter(model_content=int8_model)
    first = run(interpreter, values())
    interpreter.invoke()
    np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), first)
    np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_input_details()[0]["index"]), values())


def test_views_outlive_the_interpreter(int8_model: bytes) -> None:
    interpreter = Interpreter(model_content=bytes(bytearray(int8_model)))
    interpreter.allocate_tensors()
    view = interpreter.tensor(interpreter.get_input_details()[0]["index"])()
    view[...] = 7
    constant = interpreter.tensor(1)()
    expected = constant.copy()
    del interpreter
    gc.collect()
    junk = [np.full(len(int8_model), 0xAA, np.uint8) for _ in range(64)]
    assert (view == 7).all() and len(junk) == 64
    np.testing.assert_array_equal(constant, expected)


def test_constants_are_read_only_everywhere(int8_model: bytes) -> None:
    interpreter = Interpreter(model_content=int8_model)
    weights = interpreter.get_tensor(1)  # before allocation, from the file
    interpreter.allocate_tensors()
    np.testing.assert_array_equal(interpreter.get_tensor(1), weights)
    with pytest.raises(ValueError, match="constant"):
        interpreter.set_tensor(1, weights)
    with pytest.raises(ValueError, match="read-only"):
        interpreter.tensor(1)()[...] = 0


def test_an_intermediate_result_says_how_to_read_it(int8_model: bytes) -> None:
    interpreter = Interpreter(model_content=int8_model)
    run(interpreter, values())
    with pytest.raises(ValueError, match=r"Tensor data is null.*experimental_preserve_all_tensors"):
        interpreter.get_tensor(3)


def test_reference_kernels_by_resolver_type_give_the_same_bytes(int8_model: bytes) -> None:
    best = Interpreter(model_content=int8_model)
    portable = Interpreter(
        model_content=int8_model, experimental_op_resolver_type=liteinterp.OpResolverType.BUILTIN_REF
    )
    for seed in range(5):
        np.testing.assert_array_equal(run(best, values(seed)), run(portable, values(seed)))


def test_a_missing_operator_is_named_with_all_others() -> None:
    maker = chain("RELU", "CUMSUM", "RELU6", "COS")
    interpreter = Interpreter(model_content=maker.bytes())
    with pytest.raises(UnsupportedError, match=r"CUMSUM writing 't2'.*lacks: CUMSUM, COS"):
        interpreter.allocate_tensors()


def test_a_custom_operator_is_an_unresolved_custom_op() -> None:
    maker = chain("RELU", "CUSTOM")
    maker.model.operator_codes[1].custom_code = "MyThing"
    with pytest.raises(RuntimeError, match="Encountered unresolved custom op: MyThing"):
        Interpreter(model_content=maker.bytes()).allocate_tensors()


def test_a_contradiction_is_told_with_names_not_numbers() -> None:
    maker = int8_conv_net()
    maker.graph.tensors[2].name = "first/bias"
    maker.graph.tensors[2].type = 9
    with pytest.raises(RuntimeError) as caught:
        Interpreter(model_content=maker.bytes()).allocate_tensors()
    assert "CONV_2D" in str(caught.value) or "first/bias" in str(caught.value)
    assert not isinstance(caught.value, InvalidFileError)


@pytest.mark.parametrize("length", [0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused_when_opened(length: float, int8_model: bytes) -> None:
    with pytest.raises((ValueError, RuntimeError)) as caught:
        Interpreter(model_content=int8_model[: int(len(int8_model) * length)]).allocate_tensors()
    assert str(caught.value)


def test_delegates_are_refused_clearly(int8_model: bytes) -> None:
    with pytest.raises(ValueError, match="Failed to load delegate from libedgetpu"):
        liteinterp.load_delegate("libedgetpu.so.1")
    with pytest.raises(ValueError, match="delegates"):
        Interpreter(model_content=int8_model, experimental_delegates=[object()])


@pytest.mark.parametrize("name,value", [("LITEINTERP_ISA", "sse9"), ("LITEINTERP_FLOAT", "sloppy")])
def test_wrong_environment_is_named(name: str, value: str, int8_model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=value):
        Interpreter(model_content=int8_model).allocate_tensors()


def test_several_interpreters_run_on_several_threads(int8_model: bytes) -> None:
    expected = [run(Interpreter(model_content=int8_model), values(seed)) for seed in range(4)]
    results: dict[int, list[np.ndarray[Any, Any]]] = {seed: [] for seed in range(4)}

    def work(seed: int) -> None:
        interpreter = Interpreter(model_content=int8_model)
        for _ in range(50):
            results[seed].append(run(interpreter, values(seed)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        assert len(results[seed]) == 50
        for result in results[seed]:
            np.testing.assert_array_equal(result, expected[seed])
