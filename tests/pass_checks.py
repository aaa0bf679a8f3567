"""What must hold of every pass: the same function, the same interface, true origins. Used by tests/converter/passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from converter import backend
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.ir.text import from_text, to_text
from converter.passes import Pass, PassRecord
from converter.passes.manager import run_pass

Arrays = dict[str, npt.NDArray[Any]]

#: Float32 differences that rewrites may cause, relative to the largest element of the array.
TOLERANCE = 1e-5


def copy_of(graph: Graph) -> Graph:
    """An independent graph that says the same."""
    return from_text(to_text(graph))


def random_inputs(graph: Graph, seed: int = 0) -> Arrays:
    """A normal sample for each graph input; every code for integers."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    for value in graph.inputs:
        if value.dtype.is_float:
            arrays[value.name] = random.normal(0, 2, value.shape).astype(value.dtype.numpy)
        else:
            limits = np.iinfo(value.dtype.numpy)
            arrays[value.name] = random.integers(limits.min, limits.max + 1, value.shape).astype(value.dtype.numpy)
    return arrays


def run_all(graph: Graph, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Every computed value of a graph by name, from the C runtime in `exact` mode."""
    with CExecutor().open(graph) as session:
        session.run(inputs)
        computed = [value for node in graph.nodes for value in node.outputs]
        return {value.name: session.read(value) for value in [*graph.inputs, *computed]}


def run_litert(graph: Graph, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """The outputs of a graph from LiteRT."""
    interpreter = Interpreter(model_content=backend.write(graph))
    interpreter.allocate_tensors()
    for details, value in zip(interpreter.get_input_details(), graph.inputs, strict=True):
        interpreter.set_tensor(details["index"], inputs[value.name])
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def assert_close(found: npt.NDArray[Any], wanted: npt.NDArray[Any], what: str) -> None:
    """Equal for integers, within TOLERANCE of the largest element for floats."""
    assert found.shape == wanted.shape and found.dtype == wanted.dtype, what
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted, what)
        return
    np.testing.assert_allclose(
        found, wanted, rtol=0, atol=TOLERANCE * float(np.abs(wanted).max(initial=0)), err_msg=what
    )


def origins(graph: Graph, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """By source name, in the source's order of axes, what each computed value with an origin says its source holds."""
    found: Arrays = {}
    for value in graph.values():
        if value.origin is not None and not value.is_constant:
            axes = np.argsort(value.origin.permutation or range(len(value.shape)))
            found[value.origin.name] = np.transpose(arrays[value.name], axes)
    return found


def check_pass(member: Pass, graph: Graph) -> PassRecord:
    """Run a pass on a graph in place and check that the graph's meaning stays: outputs, interface, origins."""
    before = copy_of(graph)
    inputs, outputs = list(graph.inputs), list(graph.outputs)
    record = run_pass(member, graph, CExecutor())
    assert [*map(id, graph.inputs)] == [*map(id, inputs)] and [*map(id, graph.outputs)] == [*map(id, outputs)]
    samples = random_inputs(graph)
    wanted, found = run_all(before, samples), run_all(graph, samples)
    for value in graph.outputs:
        assert_close(found[value.name], wanted[value.name], value.name)
    for name, array in origins(graph, found).items():
        assert_close(array, origins(before, wanted)[name], f"origin {name}")
    return record
