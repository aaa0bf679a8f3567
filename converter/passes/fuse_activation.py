"""Fuses activations into the operators before them."""

from __future__ import annotations

from ..ir.graph import Graph, Node
from ..ir.types import DType
from .manager import Context, Pass
from .rewrite import activation, only_reader, same_representation

#: Operators that can clamp as they write. CONCATENATION has the option too, but LiteRT refuses it there.
FUSING = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"}
    | {"ADD", "SUB", "MUL", "DIV", "AVERAGE_POOL_2D", "MAX_POOL_2D"}
)

#: second(first(x)) == result(x), by (first, second).
COMPOSED = {
    **{("NONE", second): second for second in ("RELU", "RELU6", "RELU_N1_TO_1")},
    ("RELU", "RELU"): "RELU",
    ("RELU", "RELU6"): "RELU6",
    ("RELU6", "RELU"): "RELU6",
    ("RELU6", "RELU6"): "RELU6",
    ("RELU_N1_TO_1", "RELU_N1_TO_1"): "RELU_N1_TO_1",
}


class FuseActivation(Pass):
    """Fuses activations into the operators before them.

    1. RELU, RELU6 or RELU_N1_TO_1 that alone reads the result of an operator that can clamp, float32, or quantized with
       the same scale and zero point on both sides. The activation's result keeps its identity.
    2. The operator has an activation already: only where both together are one of the three.
    """

    name = "fuse_activation"

    def run(self, graph: Graph, context: Context) -> None:
        readers = graph.consumers()
        for node in list(graph.nodes):
            if node.op not in FUSING:
                continue
            while (follower := only_reader(graph, readers, context.at(node).output)) is not None:
                fused = COMPOSED.get((activation(node), follower.op))  # 2
                if fused is None or follower.input(0) is not node.output:
                    break
                if not _is_exact(node, follower):
                    context.rejected(follower, "it changes the quantization, so fusing would round differently")
                    break
                node.outputs = [follower.output]  # 1
                node.options["fused_activation_function"] = fused
                graph.remove([follower])
                context.applied(follower)


def _is_exact(node: Node, follower: Node) -> bool:
    if node.output.dtype is DType.FLOAT32:
        return follower.output.dtype is DType.FLOAT32
    return same_representation(node.output, follower.output)
