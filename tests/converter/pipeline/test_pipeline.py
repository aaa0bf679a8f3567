"""The whole conversion: what comes out, and what bad input gets."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import GraphMaker, small_cnn

from converter import backend, frontends, pipeline
from converter.errors import InvalidModelError, UsageError
from converter.ir.types import DType
from converter.options import Options
from converter.pipeline import Conversion, InputNeed, convert

Array = npt.NDArray[Any]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(backend.write(small_cnn()))
    return path


def images(count: int) -> list[dict[str, Array]]:
    random = np.random.default_rng(5)
    return [{"x": random.normal(0, 1, (1, 8, 8, 3)).astype(np.float32)} for _ in range(count)]


def run_litert(content: bytes, x: Array) -> Array:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    result: Array = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return result


def test_int8_model_answers_as_the_float_model(model: Path) -> None:
    made = convert(model, Options(), images(40))
    for sample in images(10):
        wanted = run_litert(model.read_bytes(), sample["x"])
        assert run_litert(made.model, sample["x"]) == pytest.approx(wanted, abs=0.02)


def test_float32_needs_no_data_and_changes_no_number(model: Path) -> None:
    made = convert(model, Options(quantize="float32"))
    sample = images(1)[0]["x"]
    assert run_litert(made.model, sample) == pytest.approx(run_litert(model.read_bytes(), sample), rel=1e-5)
    assert made.report.calibration_samples == 0


def test_int8_without_data_is_refused(model: Path) -> None:
    with pytest.raises(UsageError, match="calibration"):
        convert(model, Options())


def test_bytes_do_not_depend_on_the_kernels(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibration runs in exact mode: whatever machine converts, the file is the same."""
    made = []
    for isa in ("ref", "best"):
        monkeypatch.setenv("LITEINTERP_ISA", isa)
        made.append(convert(model, Options(), images(20)).model)
    assert made[0] == made[1]


def test_samples_may_be_a_function_of_the_inputs(model: Path) -> None:
    asked: list[InputNeed] = []

    def make(needs: Sequence[InputNeed]) -> list[dict[str, Array]]:
        asked.extend(needs)
        return images(10)

    assert convert(model, Options(), make).model == convert(model, Options(), images(10)).model
    assert asked == [InputNeed("x", (1, 8, 8, 3), np.dtype(np.float32))]


def test_quantized_model_passes_through(model: Path, tmp_path: Path) -> None:
    first = convert(model, Options(io="int8"), images(20))
    path = tmp_path / "int8.tflite"
    first.save(path)
    again = convert(path, Options(), images(20))
    random = np.random.default_rng(0)
    for _ in range(5):
        x = random.integers(-128, 128, (1, 8, 8, 3)).astype(np.int8)
        assert np.array_equal(run_litert(again.model, x), run_litert(first.model, x))
    assert any("quantized already" in text for text in again.report.warnings)


def test_progress_tells_every_stage(model: Path) -> None:
    stages: list[str] = []
    convert(model, Options(), images(3), progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["load", "passes", "calibrate", "quantize", "plan", "write"]
    assert stages.count("calibrate") == 3


@pytest.mark.parametrize("stage", pipeline.STAGES)
def test_dump_is_a_model_that_runs(model: Path, tmp_path: Path, stage: str) -> None:
    convert(model, Options(dump_after=stage), images(10)).save(tmp_path / "out.tflite")
    dump = tmp_path / f"out.{stage}.tflite"
    x = images(1)[0]["x"]
    assert run_litert(dump.read_bytes(), x) == pytest.approx(run_litert(model.read_bytes(), x), abs=0.02)


def test_dump_after_a_stage_that_did_not_run_is_told(model: Path) -> None:
    made = convert(model, Options(quantize="float32", dump_after="quantize"))
    assert made.dump is None
    assert any("'quantize'" in text for text in made.report.warnings)


def test_written_plan_is_taken_by_the_runtime(model: Path) -> None:
    from liteinterp.net import ModelBytes, plan

    made = convert(model, Options(), images(10))
    need = plan(ModelBytes(made.model))
    assert need.plan_from_file
    assert need.arena == made.report.sizes.arena_bytes


# --- the report ---


def test_report_as_json(model: Path) -> None:
    made = convert(model, Options(), images(20))
    read = json.loads(made.report.to_json())
    assert read["schema"] == "liteinterp.report/1"
    assert read["calibration_samples"] == 20
    assert read["sizes"]["file_bytes"] == len(made.model)
    assert read["sizes"]["source_bytes"] == model.stat().st_size
    assert [step["name"] for step in read["steps"]][:2] == ["min-max ranges", "bias correction"]
    assert all(row["loads"] for row in read["runtimes"])
    assert {row["op"] for row in read["operators"]} >= {"CONV_2D", "QUANTIZE", "SOFTMAX"}
    assert read["inputs"] == [{"name": "x", "shape": [1, 8, 8, 3], "dtype": "float32"}]
    assert len(read["layers"]) == 4
    conv = next(row for row in read["layers"] if row["op"] == "CONV_2D")
    assert conv["macs"] == 8 * 8 * 8 * 3 * 3 * 3


def test_report_tells_where_memory_goes(model: Path) -> None:
    from liteinterp.net import ModelBytes, plan

    made = convert(model, Options(), images(10))
    memory, sizes = made.report.memory, made.report.sizes
    assert memory.gap == sizes.arena_bytes / sizes.arena_lower_bound_bytes - 1
    assert sum(row.bytes for row in memory.peak) <= sizes.arena_lower_bound_bytes
    assert memory.peak_operator and memory.orders >= 1 and memory.placements >= 1
    assert memory.state_bytes == plan(ModelBytes(made.model)).state
    assert {row.name.partition(" ")[0] for row in memory.operator_state} >= {"CONV_2D", "SOFTMAX"}
    text = made.report.to_text()
    assert f"{memory.state_bytes:,}" in text and memory.peak_operator in text


def test_report_as_text_names_the_figures(model: Path) -> None:
    report = convert(model, Options(), images(20)).report
    text = report.to_text()
    assert f"{report.sizes.file_bytes:,}" in text
    assert f"{report.sizes.arena_bytes:,}" in text
    assert "bias correction" in text
    assert "LiteRT" in text


def test_report_is_the_same_each_time(model: Path) -> None:
    first, second = (convert(model, Options(), images(10)).report.to_json() for _ in range(2))
    assert first == second


# --- bad input ---


def test_wrong_options_are_told_all_at_once(model: Path) -> None:
    wrong: Any = {"quantize": "int3", "io": "bf16", "dump_after": "lunch", "calib_n": 0}
    with pytest.raises(UsageError) as error:
        convert(model, Options(**wrong))
    assert len(error.value.blockers) == 4


def test_integer_io_of_a_float_model_is_refused(model: Path) -> None:
    with pytest.raises(UsageError, match="float32"):
        convert(model, Options(quantize="float32", io="int8"))


def test_nan_in_weights_names_the_tensor(tmp_path: Path) -> None:
    make = GraphMaker((1, 4))
    graph = make.graph(make.dense(make.x, 3))
    weights = make.nodes[0].input(1)
    assert weights.data is not None
    weights.data[1, 2] = np.nan
    path = tmp_path / "nan.tflite"
    path.write_bytes(backend.write(graph))
    with pytest.raises(InvalidModelError, match=r"'w'.*1.*12"):
        convert(path, Options(), [{"x": np.zeros((1, 4), np.float32)}])


def test_unwritable_output_is_found_before_the_work(model: Path, tmp_path: Path) -> None:
    def never(needs: Sequence[InputNeed]) -> list[dict[str, Array]]:
        raise AssertionError("the data was opened")

    with pytest.raises(UsageError, match="does not exist"):
        convert(model, Options(), never, output=tmp_path / "nowhere" / "out.tflite")
    with pytest.raises(UsageError, match="folder"):
        convert(model, Options(), never, output=tmp_path)


def test_failed_save_leaves_no_file(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = convert(model, Options(quantize="float32"))
    target = tmp_path / "out.tflite"
    target.write_bytes(b"before")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UsageError, match="No space left"):
        made.save(target)
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tflite", "small.tflite"]


def test_interruption_leaves_nothing(model: Path, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "calibrate" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(model, Options(), images(10), output=tmp_path / "out.tflite", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["small.tflite"]


def test_saved_file_has_usual_permissions(model: Path, tmp_path: Path) -> None:
    made: Conversion = convert(model, Options(quantize="float32"))
    mask = os.umask(0o027)
    try:
        made.save(tmp_path / "out.tflite")
    finally:
        os.umask(mask)
    assert (tmp_path / "out.tflite").stat().st_mode & 0o777 == 0o640


def test_loading_what_was_written_gives_the_same_graph(model: Path, tmp_path: Path) -> None:
    made = convert(model, Options(io="int8"), images(10))
    made.save(tmp_path / "out.tflite")
    graph = frontends.load(tmp_path / "out.tflite", Options())
    assert graph.input_names == ["x"]
    assert graph.inputs[0].dtype is DType.INT8
    assert len(graph.nodes) == len(small_cnn().nodes)
