"""QUANTIZE, CAST and GATHER from a table run as one look-up, where nothing else needs what lies between."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import INT8, INT32, UINT8, ModelMaker

import liteinterp
from converter.gen import tflite

SHAPE = (4, 64)


def lookup(
    *, entries: int = 256, scale: float = 0.1, zero_point: int = 131, shown: int | None = None, again: bool = False
) -> ModelMaker:
    """A look-up in a random table; `shown` makes one of the two values between an output, `again` reads one twice."""
    m = ModelMaker()
    table = np.random.default_rng(0).integers(-128, 128, entries).astype(np.int8)
    x, shifted = m.tensor(SHAPE, INT8, None, 0.1, 3), m.tensor(SHAPE, UINT8, None, scale, zero_point)
    indices, y = m.tensor(SHAPE, INT32), m.tensor(SHAPE, INT8, None, 0.2, 5)
    constant = m.tensor((entries,), INT8, table, 0.2, 5)
    m.op("QUANTIZE", [x], [shifted], tflite.QuantizeOptions())
    m.op("CAST", [shifted], [indices], tflite.CastOptions())
    m.op("GATHER", [constant, indices], [y], tflite.GatherOptions(0), 2)
    outputs = [y]
    if again:
        second = m.tensor(SHAPE, INT8, None, 0.2, 5)
        m.op("GATHER", [constant, indices], [second], tflite.GatherOptions(0), 2)
        outputs.append(second)
    if shown is not None:
        outputs.append((shifted, indices)[shown])
    return m.ends([x], outputs)


def outputs(content: bytes, keep: bool) -> list[np.ndarray]:
    engine = liteinterp.Interpreter(model_content=content, experimental_preserve_all_tensors=keep)
    engine.allocate_tensors()
    codes = np.arange(-128, 128).astype(np.int8).reshape(SHAPE)
    engine.set_tensor(engine.get_input_details()[0]["index"], codes)
    engine.invoke()
    return [engine.get_tensor(detail["index"]) for detail in engine.get_output_details()]


def test_every_code_finds_its_entry(core) -> None:
    content = lookup().bytes()
    table = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    for keep in (False, True):
        assert np.array_equal(outputs(content, keep)[0].reshape(-1), table)
    assert core.plan(content).arena == 2 * 256


@pytest.mark.parametrize(
    "maker",
    [
        lookup(shown=0),
        lookup(shown=1),
        lookup(again=True),
        lookup(entries=257),
        lookup(scale=0.11),
        lookup(zero_point=130),
    ],
    ids=["first shown", "second shown", "read twice", "257 entries", "another scale", "another zero point"],
)
def test_others_run_as_they_stand(core, maker: ModelMaker) -> None:
    content = maker.bytes()
    joined, kept = outputs(content, False), outputs(content, True)
    assert all(np.array_equal(a, b) for a, b in zip(joined, kept, strict=True))
    assert core.plan(content).arena > 4 * 256
