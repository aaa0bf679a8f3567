"""Which tensor of the test model is which tensor of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .element_types import dequantized, quantized
from .engines import Engine
from .errors import UsageError
from .fitting import InputSpec, reshape
from .folded_input import read_folded_input

Array = npt.NDArray[Any]


#: Operators that only move elements: of several tensors with the same source, one that computes is shown.
_MOVES = ("TRANSPOSE", "RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class Pair:
    """`test` = transpose(`ref`, permutation) · factors of channels, by tensor names; `name` is what a table shows."""

    name: str
    ref: str
    test: str
    permutation: tuple[int, ...] | None
    factors: tuple[float, ...] | None = None

    def aligned(self, ref: Array, shape: tuple[int, ...]) -> Array | None:
        """The reference in the test tensor's axes and sizes; None where the shapes do not fit each other."""
        moved = self._moved(ref, shape)
        if moved is None or self.factors is None:
            return moved
        if moved.shape[-1:] != (len(self.factors),):
            return None
        return np.asarray(moved * np.array(self.factors, moved.dtype))

    def _moved(self, ref: Array, shape: tuple[int, ...]) -> Array | None:
        if self.permutation is None:
            return reshape(ref, shape, self.name, lambda text: None)
        if len(self.permutation) != ref.ndim:
            return None
        moved: Array = ref.transpose(self.permutation)
        return moved if moved.shape == shape else None


@dataclass(frozen=True)
class Matching:
    """Outputs in the reference's order, then layers in the test model's order."""

    outputs: tuple[Pair, ...]
    layers: tuple[Pair, ...]
    #: Activations of the test model that nothing in the reference is known to equal.
    unmatched: int


def match(ref: Engine, test: Engine) -> Matching:
    """Layers by `liteinterp.provenance` in the test model; by equal names where the model has no provenance at all.

    A tensor that provenance leaves out equals nothing in the source, whatever its name. Raises UsageError when the
    outputs cannot be told apart.
    """
    outputs = _outputs(ref, test)
    shown = {pair.test for pair in outputs}
    origins = dict(test.provenance)
    layers: dict[str, Pair] = {}
    unmatched = 0
    for name, info in test.tensors.items():
        if name in shown or info.operator == "input":
            continue
        origin = origins.get(name)
        source = origin.source if origin is not None else name
        if source not in ref.tensors or (origins and origin is None):
            unmatched += 1
        elif source not in layers or test.tensors[layers[source].test].operator in _MOVES:
            layers.pop(source, None)
            layers[source] = (
                Pair(source, source, name, None)
                if origin is None
                else Pair(source, source, name, origin.permutation, origin.factors)
            )
    return Matching(outputs, tuple(layers.values()), unmatched)


def _outputs(ref: Engine, test: Engine) -> tuple[Pair, ...]:
    origins = dict(test.provenance)
    if set(ref.outputs) == set(test.outputs):
        order = [(name, name) for name in ref.outputs]
    elif len(ref.outputs) == len(test.outputs):
        order = list(zip(ref.outputs, test.outputs, strict=True))
    else:
        raise UsageError(
            f"the models have different outputs: {', '.join(ref.outputs)} and {', '.join(test.outputs)}; they are not "
            "the same network"
        )
    pairs = []
    for name, other in order:
        tensor = test.outputs[other]
        origin = origins.get(tensor)
        pairs.append(Pair(name, ref.outputs[name], tensor, origin.permutation if origin is not None else None))
    return tuple(pairs)


class InputBridge:
    """Turns a sample in the reference's terms into one in the test model's: names, axes and integer scales.

    Raises UsageError for models whose inputs cannot be told apart.
    """

    def __init__(self, ref: Engine, test: Engine) -> None:
        by_name = {spec.name: spec for spec in ref.inputs}
        if {spec.name for spec in test.inputs} == set(by_name):
            self._pairs = [(by_name[spec.name], spec) for spec in test.inputs]
        elif len(ref.inputs) == len(test.inputs):
            self._pairs = list(zip(ref.inputs, test.inputs, strict=True))
        else:
            raise UsageError(
                f"the models have different inputs: {', '.join(by_name)} and "
                f"{', '.join(spec.name for spec in test.inputs)}; they are not the same network"
            )
        self._bytes = read_folded_input(getattr(test, "file", None))
        if read_folded_input(getattr(ref, "file", None)) is not None and self._bytes is None:
            raise UsageError("the reference takes bytes, the test model numbers: give the source as the reference")
        origins = dict(test.provenance)
        #: By input name. Other tensors of the file may hold the same source tensor in another order.
        self._permutations: Mapping[str, tuple[int, ...] | None] = {
            name: origins[tensor].permutation for name, tensor in test.input_tensors.items() if tensor in origins
        }

    def __call__(self, sample: Mapping[str, Array]) -> dict[str, Array]:
        return {to.name: self._translate(sample[given.name], given, to) for given, to in self._pairs}

    def _folded(self, moved: Array, given: InputSpec, to: InputSpec) -> Array | None:
        """For inputs of which one takes bytes, and the other the numbers that they stand for."""
        if self._bytes is None or self._bytes.name != to.name or given.dtype.kind != "f" or to.dtype.kind not in "iu":
            return None
        return self._bytes.stored(moved, to)

    def _translate(self, array: Array, given: InputSpec, to: InputSpec) -> Array:
        pair = Pair(to.name, given.name, to.name, self._permutations.get(to.name))
        moved = pair.aligned(array, to.shape)
        if moved is None:
            raise UsageError(f"{given} of the reference does not fit {to} of the test model")
        same = given.dtype == to.dtype and (given.scale, given.zero_point) == (to.scale, to.zero_point)
        folded = self._folded(moved, given, to)
        if folded is not None:
            return np.ascontiguousarray(folded)
        if same or (given.dtype == to.dtype and given.dtype.kind == "f"):
            return np.ascontiguousarray(moved)
        if given.scale is not None:
            moved = dequantized(moved, given.scale, given.zero_point)
        if to.dtype.kind == "f" or to.scale is None:
            return np.ascontiguousarray(moved, to.dtype)
        return np.ascontiguousarray(quantized(moved, to.scale, to.zero_point, to.dtype))
