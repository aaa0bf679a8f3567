"""The C runtime takes the plans that we write, and its own figures are ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_graphs import PLAIN, GraphMaker, small_cnn

from converter import backend, frontends
from converter.ir.graph import Graph
from converter.options import Options
from converter.plan import plan_memory
from liteinterp.net import IGNORE_PLAN, ModelBytes, Request, plan


def check(graph: Graph) -> int:
    """Write with a plan, ask the runtime; answers the arena's bytes."""
    made = plan_memory(graph)
    content = ModelBytes(backend.write(graph, made))
    need = plan(content)
    assert need.plan_from_file
    assert need.arena == made.arena_bytes
    assert need.arena_lower_bound == made.lower_bound_bytes
    own = plan(content, Request(flags=IGNORE_PLAN))
    assert not own.plan_from_file
    assert own.arena >= made.arena_bytes
    return made.arena_bytes


def aliases_and_in_place() -> Graph:
    make = GraphMaker((1, 4, 4, 8))
    hidden = make.conv(make.x, 8)
    flat = make.reshape(hidden, 1, 128)
    again = make.reshape(make.op("RELU", [flat]), 1, 4, 4, 8)
    total = make.op("ADD", [make.op("RELU6", [make.conv(again, 8)]), again], PLAIN)
    return make.graph(make.reshape(total, 128), make.reshape(make.x, 128))


@pytest.mark.parametrize("graph", [small_cnn(), aliases_and_in_place()], ids=["cnn", "aliases"])
def test_small_graphs(graph: Graph) -> None:
    check(graph)


#: Least arenas of int8 networks: 16-byte aligned activations alone.
ARENAS = {
    "mlperf_kws_int8_ref.tflite": 16_000,
    "mlperf_ic_resnet8_int8_ref.tflite": 49_152,
    "mlperf_vww_96_int8_ref.tflite": 55_296,
    "mlperf_ad01_int8_ref.tflite": 768,
    "mlperf_streaming_wakeword_int8.tflite": 6_656,
    "person_detect_int8.tflite": 55_296,
}


@pytest.mark.parametrize("name", ARENAS)
def test_zoo_networks_fit_into_their_lower_bound(zoo: Path, name: str) -> None:
    assert check(frontends.load(zoo / "models" / name, Options())) <= ARENAS[name]
