"""The most that a core could do with a kernel set's instructions, measured: what shares of peak are shares of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .gen.tflite import TensorType
from .model_file import ModelFile, Operator
from .net import Net
from .work import macs

#: Rounds of one measurement, some tens of microseconds, and measurements, of which the least time counts.
ROUNDS, REPEATS = 20_000, 25


@dataclass(frozen=True)
class Peak:
    """GMAC/s of one core with one kernel set, products and sums in registers alone; None where the set has no such
    loop to measure."""

    kernels: str
    int8: float | None
    float32: float | None

    def of(self, file: ModelFile, operator: Operator) -> float | None:
        """The one that bounds an operator: its sums are of int8 products where weights and operands are, or where
        operands are made so for int8 weights."""
        first = 1 if operator.name == "TRANSPOSE_CONV" else 0
        types = [file.tensors[i].type for i in operator.inputs[first : first + 2] if 0 <= i < len(file.tensors)]
        if types == [TensorType.FLOAT32] * 2:
            return self.float32
        return self.int8 if types and set(types) <= _INT8_SUMS else None

    def least_us(self, file: ModelFile) -> float | None:
        """Microseconds that a core would take for a model's products at the peak; None where one is not known."""
        total = 0.0
        for operator in file.operators:
            work, most = macs(file, operator), self.of(file, operator)
            if work:
                if most is None:
                    return None
                total += work / most / 1e3
        return total or None


_INT8_SUMS = {TensorType.INT8, TensorType.UINT8, TensorType.FLOAT32}


def measure(net: Net, clock: Callable[[], int]) -> Peak:
    """Of the kernels of an open net; `clock` counts nanoseconds."""
    return Peak(net.kernels, _measure(net, clock, TensorType.INT8), _measure(net, clock, TensorType.FLOAT32))


def _measure(net: Net, clock: Callable[[], int], type_code: int) -> float | None:
    best = 0.0
    for _ in range(REPEATS):
        start = clock()
        work = net.multiply_in_registers(type_code, ROUNDS)
        best = max(best, work / max(1, clock() - start))
    return best or None
