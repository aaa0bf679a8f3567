"""What each operator is asked to compute in, and who asks: the options, a mixture of the budget, or a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..ir.graph import Graph, Node
from ..ir.types import DType
from ..options import Options
from .kept import kept_outputs


@dataclass(frozen=True)
class Precision:
    """int8, int16 or float32 activations. An operator without the integer form stays in float32."""

    dtype: DType
    #: Why float32 is asked for; empty otherwise.
    reason: str = ""


@dataclass(frozen=True)
class Precisions:
    """The precision of every operator: by the name of its first output, or the usual one."""

    usual: Precision = Precision(DType.INT8)
    asked: Mapping[str, Precision] = field(default_factory=dict)

    def of(self, node: Node) -> Precision:
        return self.asked.get(node.outputs[0].name, self.usual)

    def with_floats(self, reasons: Mapping[str, str]) -> Precisions:
        """The same with more operators in float32, by the name of the first output."""
        return replace(self, asked={**self.asked, **_floats(reasons)})


def precisions_of(graph: Graph, options: Options, mixture: Mapping[str, str]) -> Precisions:
    """What the options ask for, before what a mixture does: float32 before int16. Raises UsageError."""
    wide = Precision(DType.INT16)
    wanted = {name: Precision(DType(precision)) for name, precision in mixture.items() if precision != "float32"}
    wanted |= dict.fromkeys(kept_outputs(graph, options.keep_int16, "--keep-int16"), wide)
    wanted |= _floats({name: "the budget asks for it" for name, dtype in mixture.items() if dtype == "float32"})
    wanted |= _floats(kept_outputs(graph, options.keep_float))
    return Precisions(wide if options.quantize == "int16x8" else Precision(DType.INT8), wanted)


def _floats(reasons: Mapping[str, str]) -> dict[str, Precision]:
    return {name: Precision(DType.FLOAT32, reason) for name, reason in reasons.items()}
