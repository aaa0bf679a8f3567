"""int8 models give LiteRT's bytes: not one output element differs from its default path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_support import litert, ours
from zoo_tasks import INT8_REFERENCES, Split, ZooTask

Array = npt.NDArray[Any]


def differing_elements(content: bytes, rows: list[Array]) -> tuple[int, int]:
    """How many output elements differ between LiteRT and us, and how many there were."""
    engines = [litert(content), ours(content)]
    for engine in engines:
        engine.allocate_tensors()
    differing = total = 0
    for row in rows:
        results = []
        for engine in engines:
            engine.set_tensor(engine.get_input_details()[0]["index"], row)
            engine.invoke()
            results.append([engine.get_tensor(output["index"]) for output in engine.get_output_details()])
        for expected, got in zip(*results, strict=True):
            differing += int(np.count_nonzero(expected != got))
            total += expected.size
    return differing, total


@pytest.mark.parametrize("file", INT8_REFERENCES)
def test_official_int8_file(file: str, zoo: Path) -> None:
    content = (zoo / file).read_bytes()
    details = ours(content).get_input_details()[0]
    generator = np.random.default_rng(0)
    count = 100 if "mobilenet_v2" in file else 200
    rows = [generator.integers(-128, 128, details["shape"], dtype=np.int8) for _ in range(count)]
    differing, total = differing_elements(content, rows)
    assert differing == 0, f"{differing} of {total} elements"


def test_person_detect_with_bad_quantized_dimensions_runs_as_its_repaired_form(zoo: Path) -> None:
    files = ("models/person_detect_int8.tflite", "bench/person.litert.tflite")
    engines = [ours((zoo / file).read_bytes()) for file in files]
    row = np.random.default_rng(0).integers(-128, 128, (1, 96, 96, 1), dtype=np.int8)
    results = []
    for engine in engines:
        engine.allocate_tensors()
        engine.set_tensor(engine.get_input_details()[0]["index"], row)
        engine.invoke()
        results.append(engine.get_tensor(engine.get_output_details()[0]["index"]))
    assert np.array_equal(*results)


def test_our_int8_file(
    task: ZooTask, split_of: Callable[[ZooTask], Split], int8_model: Callable[[ZooTask], bytes]
) -> None:
    samples = split_of(task).calibration
    generator = np.random.default_rng(1)
    shape = (1, *samples.shape[1:])
    rows = [generator.uniform(samples.min(), samples.max(), shape).astype(np.float32) for _ in range(200)]
    differing, total = differing_elements(int8_model(task), rows)
    assert differing == 0, f"{differing} of {total} elements"
