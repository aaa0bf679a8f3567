"""The parts that `inspect` shows add up to what the runtime asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import ModelMaker, chain, every_operator, int8_conv_net

from liteinterp.errors import UsageError
from liteinterp.inspect import inspect
from liteinterp.memory_parts import alive_bytes, node_rows, state_parts
from liteinterp.model_file import ModelFile
from liteinterp.net import TARGETS, ModelBytes, Net, Request

MODELS: dict[str, Callable[[], ModelMaker]] = {
    "conv": int8_conv_net,
    "every int8": lambda: every_operator(True),
    "every float32": lambda: every_operator(False),
    "chain": lambda: chain("RELU", "LOGISTIC"),
    "nothing": chain,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("isa", ["ref", "best"])
def test_parts_add_up(name: str, isa: str) -> None:
    content = MODELS[name]().bytes()
    net = Net(ModelBytes(content), Request(isa=isa))
    parts = state_parts(net)
    end = parts.header + parts.tensors + parts.operators + parts.multipliers + parts.variables
    assert parts.planning >= 0 and end + parts.planning == net.need.state
    rows = node_rows(net, ModelFile(content))
    assert len(rows) == net.operations
    own = sum(row.state_bytes for row in rows)
    assert own <= parts.multipliers < own + 16 * (len(rows) + 1)
    assert max((row.scratch_bytes for row in rows), default=0) <= net.need.scratch
    assert sum(row.packed_bytes for row in rows) <= net.need.packed


@pytest.mark.parametrize("name", MODELS)
def test_the_most_that_is_alive_is_the_lower_bound(name: str) -> None:
    content = MODELS[name]().bytes()
    net, file = Net(ModelBytes(content)), ModelFile(content)
    alive = alive_bytes(net, file)
    assert max(alive, default=0) <= net.need.arena
    if alive:
        assert net.need.arena_lower_bound - 16 * len(net.tensors) <= max(alive)


def test_inspect_says_the_bytes_of_a_target(tmp_path: Path) -> None:
    """For a set that runs here, those that opening takes; for others the build's formulas."""
    (tmp_path / "m.tflite").write_bytes(int8_conv_net().bytes())
    here = next(target for target, isa in TARGETS.items() if isa == Net(ModelBytes(int8_conv_net().bytes())).kernels)
    found = inspect(tmp_path / "m.tflite", (here, "portable"))
    assert list(found.memory) == [here, "portable"]
    opened = Net(ModelBytes(int8_conv_net().bytes()))
    assert found.memory[here] == opened.need
    assert found.nodes == node_rows(opened, ModelFile(int8_conv_net().bytes()))
    assert found.memory["portable"].packed == 0
    assert any(here in table.title for table in found.tables()), "operators are listed"


def test_unknown_target_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(int8_conv_net().bytes())
    with pytest.raises(UsageError, match="'x86-64'; there are portable, x86-64-sse41"):
        inspect(tmp_path / "m.tflite", ("x86-64",))


def test_operator_out_of_range_takes_nothing() -> None:
    net = Net(ModelBytes(int8_conv_net().bytes()))
    assert net.operator_bytes(0).state > 0
    for index in (-1, net.operations):
        assert net.operator_bytes(index) == net.operator_bytes(-1)
        assert net.operator_bytes(index).state == 0


def test_inspect_lists_operators_by_name(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(int8_conv_net().bytes())
    found = inspect(tmp_path / "m.tflite")
    assert [row.operator for row in found.nodes][:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert found.state is not None and found.state.sentence() in "\n".join(found.closing())
    shown = next(table for table in found.tables(everything=True) if table.title.startswith("operators in order"))
    assert [row[1] for row in shown.rows] == [row.name for row in found.nodes]


def test_state_of_a_model_that_does_not_run_is_not_invented(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(chain("RELU", "CUMSUM").bytes())
    found = inspect(tmp_path / "m.tflite")
    assert found.state is None and found.nodes == ()
