"""A real uint8 file gives LiteRT's bytes in every layer, with every kernel set."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import liteinterp

Array = npt.NDArray[Any]
FILE = "models/mobilenet_v1_0.25_224_quant_ref.tflite"


def images(zoo: Path, count: int) -> list[Array]:
    """Test images, 224x224 from the middle, as the model takes them."""
    from PIL import Image

    rows: list[Array] = []
    with open(zoo / "data/imagenet256/labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test" and len(rows) < count:
                with Image.open(zoo / "data/imagenet256" / row["file"]) as image:
                    rows.append(np.asarray(image.convert("RGB"))[None, 16:240, 16:240])
    return rows


def run(interpreter: Any, row: Array) -> None:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row)
    interpreter.invoke()


@pytest.mark.slow
def test_every_layer_on_images(zoo: Path) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    content = (zoo / FILE).read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LiteRT says that keeping all tensors is for debugging
        theirs = litert.Interpreter(model_content=content, num_threads=1, experimental_preserve_all_tensors=True)
        ours = liteinterp.Interpreter(model_content=content, experimental_preserve_all_tensors=True)
        for engine in (theirs, ours):
            engine.allocate_tensors()
    layers = [int(index) for i in range(31) for index in ours._get_op_details(i)["outputs"]]
    assert len(layers) == 31
    differing = dict.fromkeys(layers, 0)
    for row in images(zoo, 20):
        run(theirs, row)
        run(ours, row)
        for index in layers:
            differing[index] += int(np.count_nonzero(theirs.get_tensor(index) != ours.get_tensor(index)))
    assert not any(differing.values()), differing


def test_outputs_with_every_kernel_set(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    content = (zoo / FILE).read_bytes()
    engines = [litert.Interpreter(model_content=content, num_threads=1)]
    for kernels in ("", "ref"):
        monkeypatch.setenv("LITEINTERP_ISA", kernels)
        engines.append(liteinterp.Interpreter(model_content=content))
        engines[-1].allocate_tensors()
    engines[0].allocate_tensors()
    for row in images(zoo, 4):
        results = []
        for engine in engines:
            run(engine, row)
            results.append(engine.get_tensor(engine.get_output_details()[0]["index"]))
        assert np.array_equal(results[0], results[1]) and np.array_equal(results[1], results[2])


def test_converting_it_keeps_its_arithmetic(zoo: Path) -> None:
    """A file that is quantized already is planned anew and nothing else."""
    source = (zoo / FILE).read_bytes()
    engines = [
        liteinterp.Interpreter(model_content=c)
        for c in (source, liteinterp.convert(zoo / FILE, quantize="float32").model)
    ]
    (row,) = images(zoo, 1)
    results = []
    for engine in engines:
        engine.allocate_tensors()
        run(engine, row)
        results.append(engine.get_tensor(engine.get_output_details()[0]["index"]))
    assert np.array_equal(*results)
