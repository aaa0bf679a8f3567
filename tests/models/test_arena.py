"""The memory of real networks: at the lower bound, and with results on their operands' bytes LiteRT's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models_support import input_name, litert
from zoo_tasks import Split, ZooTask

import liteinterp
from liteinterp.net import ModelBytes, Net

#: Least bytes that the activations of int8 networks need at once.
MLPERF_TINY = {
    "mlperf_kws_int8_ref": 16_000,
    "mlperf_ic_resnet8_int8_ref": 49_152,
    "mlperf_ad01_int8_ref": 768,
    "mlperf_vww_96_int8_ref": 55_296,
    "mlperf_streaming_wakeword_int8": 6_656,
    "person_detect_int8": 55_296,
}


@pytest.fixture(scope="module")
def converted(zoo: Path) -> Callable[[str], bytes]:
    """A file with the memory plan that the converter makes."""
    return lambda name: liteinterp.convert(zoo / "models" / f"{name}.tflite", quantize="float32").model


@pytest.mark.parametrize("name", MLPERF_TINY)
def test_arena_is_within_a_percent_of_the_bound(name: str, zoo: Path, converted: Callable[[str], bytes]) -> None:
    """In the published file, whose memory is planned at open, and in ours, which brings a plan."""
    least = MLPERF_TINY[name]
    published = Net(ModelBytes((zoo / "models" / f"{name}.tflite").read_bytes())).need
    own = Net(ModelBytes(converted(name))).need
    assert not published.plan_from_file and own.plan_from_file
    assert max(published.arena, own.arena) <= 1.01 * least
    assert published.arena_lower_bound == own.arena_lower_bound == least


@pytest.mark.slow
@pytest.mark.parametrize("name", MLPERF_TINY)
def test_page_shows_the_bytes(name: str, zoo: Path, repository: Path) -> None:
    content = (zoo / "models" / f"{name}.tflite").read_bytes()
    need = Net(ModelBytes(content)).need
    row = f"| {name} | {len(content):,} | {need.arena:,} | {need.arena_lower_bound:,} | {need.state:,} |"
    assert row in (repository / "docs" / "PERFORMANCE.md").read_text()


def test_plan_in_the_file_gives_litert_s_bytes(
    task: ZooTask, split_of: Callable[[ZooTask], Split], int8_model: Callable[[ZooTask], bytes]
) -> None:
    """Inputs are overwritten in the run, and QUANTIZE writes onto its operand."""
    content = int8_model(task)
    net, other = Net(ModelBytes(content)), litert(content)
    assert net.need.plan_from_file and net.need.arena == net.need.arena_lower_bound
    other.allocate_tensors()
    generator, samples = np.random.default_rng(2), split_of(task).calibration
    for _ in range(20):
        row = generator.uniform(samples.min(), samples.max(), (1, *samples.shape[1:])).astype(np.float32)
        net.view(net.inputs[0])[...] = row
        net.run()
        other.set_tensor(other.get_input_details()[0]["index"], row)
        other.invoke()
        for index, detail in zip(net.outputs, other.get_output_details(), strict=True):
            np.testing.assert_array_equal(net.view(index), other.get_tensor(detail["index"]))


def test_float_input_bounds_the_arena_alone(zoo: Path) -> None:
    """96×96×3 float32 values and nothing beside them: the int8 ones take their place."""
    path = zoo / "models" / "mlperf_vww_96.tflite"
    made = liteinterp.convert(
        path, calib={input_name(path): np.random.default_rng(0).random((4, 96, 96, 3), np.float32)}
    )
    sizes = made.report.sizes
    assert sizes.arena_bytes == sizes.arena_lower_bound_bytes == 96 * 96 * 3 * 4
    assert Net(ModelBytes(made.model)).need.arena == 96 * 96 * 3 * 4
