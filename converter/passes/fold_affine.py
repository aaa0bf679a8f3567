"""Folds MUL and ADD by constants, what BatchNormalization becomes, into the operators with weights beside them."""

from __future__ import annotations

import numpy as np

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.weighted import WEIGHTED, bias_of, filter_of, position_of, source_of
from .affine import Affine, Array, affine_from, affine_into
from .geometry import is_padded
from .manager import Context, Pass
from .rewrite import activation, float_constant


class FoldAffine(Pass):
    """Folds MUL and ADD by float32 constants into weights and bias, in float64, rounded once to float32.

    1. A chain of them that alone reads the result of CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or FULLY_CONNECTED
       without activation, each constant varying along the channels only: filter' = filter * s, bias' = bias * s + t. An
       activation at the end of the chain becomes the operator's.
    2. A chain whose result such an operator alone reads: filter' = filter * s by input channel, bias' = bias + sum of
       filter * t. Where the operator pads, only the MULs after the last ADD: the padding's zeros got no shift. Nor does
       each result of TRANSPOSE_CONV see every tap.
    3. Two or more of them elsewhere become one MUL and one ADD, less what is neutral.

    Quantized operators stay: rounding their results anew is not exact.
    """

    name = "fold_affine"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            if node.op in WEIGHTED and _has_float_weights(context.at(node)):
                _fold_following(graph, context, node)  # 1
                _fold_preceding(graph, context, node)  # 2
        _merge_chains(graph, context)  # 3


def _has_float_weights(node: Node) -> bool:
    bias = bias_of(node)
    return float_constant(filter_of(node)) is not None and (bias is None or float_constant(bias) is not None)


def _fold_following(graph: Graph, context: Context, node: Node) -> None:
    if activation(node) != "NONE":
        return
    affine = affine_from(graph, graph.consumers(), node.output, along_channels=True)
    vectors = affine.per_channel() if affine is not None else None
    if affine is None or vectors is None:
        return
    scale, shift = vectors
    weights, bias = _weights(node), _bias(node, len(scale))
    factors = scale if node.op == "DEPTHWISE_CONV_2D" else scale.reshape(-1, *[1] * (weights.ndim - 1))
    if not _set_weights(graph, node, weights * factors, bias * scale + shift):
        context.rejected(node, "the folded weights would overflow float32")
        return
    node.outputs = [affine.output]
    node.options["fused_activation_function"] = affine.activation
    graph.remove(affine.nodes)
    for folded in affine.nodes:
        context.applied(folded)


def _fold_preceding(graph: Graph, context: Context, node: Node) -> None:
    readers, producers = graph.consumers(), graph.producers()
    source = source_of(node)
    padded = node.op == "TRANSPOSE_CONV" or (node.op != "FULLY_CONNECTED" and is_padded(node))
    affine = affine_into(graph, readers, producers, source, allow_shift=not padded)
    if padded and affine is None:
        whole = affine_into(graph, readers, producers, source, allow_shift=True)
        if whole is not None:
            context.rejected(whole.nodes[-1], f"{node.op} {node.name!r} pads its result with zeros that get no shift")
    vectors = affine.per_channel() if affine is not None else None
    if affine is None or vectors is None:
        return
    folded = _fold_inputs(node, affine.input, *vectors)
    if folded is None:
        context.rejected(affine.nodes[-1], f"{node.op} {node.name!r} does not read it channel by channel")
        return
    if not _set_weights(graph, node, *folded):
        context.rejected(node, "the folded weights would overflow float32")
        return
    node.inputs[position_of(node.op, "input")] = affine.input
    graph.remove(affine.nodes)
    for gone in affine.nodes:
        context.applied(gone)


def _fold_inputs(node: Node, source: Value, scale: Array, shift: Array) -> tuple[Array, Array] | None:
    """Weights and bias that take x instead of x * scale + shift, vectors with an element for each input channel."""
    weights = _weights(node)
    if node.op == "DEPTHWISE_CONV_2D":  # 1HW(C * multiplier), output channel c * multiplier + m
        multiplier = weights.shape[3] // len(scale)
        added = (weights * np.repeat(shift, multiplier)).sum(axis=(0, 1, 2))
        return weights * np.repeat(scale, multiplier), _bias(node, weights.shape[3]) + added
    if node.op in ("CONV_2D", "TRANSPOSE_CONV"):  # OHWI, I = C / groups, groups are runs of output channels
        outputs, inputs = weights.shape[0], weights.shape[3]
        group = np.arange(outputs) // (outputs // (len(scale) // inputs))
        channel = group[:, None] * inputs + np.arange(inputs)  # [O, I]: the input channel of each weight
        added = (weights * shift[channel][:, None, None, :]).sum(axis=(1, 2, 3))
        return weights * scale[channel][:, None, None, :], _bias(node, outputs) + added
    if weights.shape[1] % len(scale) or source.shape[-1] != len(scale):
        return None
    repeats = weights.shape[1] // len(scale)  # a flattened input runs through its channels fastest
    added = weights @ np.tile(shift, repeats)
    return weights * np.tile(scale, repeats), _bias(node, weights.shape[0]) + added


def _merge_chains(graph: Graph, context: Context) -> None:
    done: set[int] = set()
    for node in list(graph.nodes):
        if id(node) in done or node.op not in ("MUL", "ADD"):
            continue
        for source in (value for value in node.inputs if value is not None and not value.is_constant):
            # The chain may begin at a value with other readers, so it is sought from the node's result backwards.
            affine = _chain_at(graph, node, source)
            if affine is not None:
                done.update(id(link) for link in affine.nodes)
                _replace_chain(graph, context, affine)
                break


def _chain_at(graph: Graph, node: Node, source: Value) -> Affine | None:
    """The chain whose first link is `node`."""
    if activation(node) != "NONE":
        return None
    readers = {**graph.consumers(), source: [node]}
    affine = affine_from(graph, readers, source, along_channels=False)
    return affine if affine is not None and len(affine.nodes) >= 2 else None


def _replace_chain(graph: Graph, context: Context, affine: Affine) -> None:
    steps = [("MUL", affine.scale)] if np.any(affine.scale != 1.0) else []
    if affine.has_shift:
        steps.append(("ADD", affine.shift))
    if not steps:
        steps = [("MUL", affine.scale)]  # eliminate_identity takes it away
    constants = [array.astype(np.float32) for _, array in steps]
    before = sum(_constant_bytes(link) for link in affine.nodes)
    if len(steps) >= len(affine.nodes) and [link.op for link in affine.nodes] == [op for op, _ in steps]:
        return
    if sum(array.nbytes for array in constants) > max(before, 1024):
        context.rejected(affine.nodes[0], "the merged constants would be larger")
        return
    if len(steps) > len(affine.nodes) or not all(np.all(np.isfinite(array)) for array in constants):
        return
    position = next(i for i, node in enumerate(graph.nodes) if node is affine.nodes[-1])
    current, merged = affine.input, []
    for i, ((op, _), constant) in enumerate(zip(steps, constants, strict=True)):
        last = i == len(steps) - 1
        result = affine.output if last else _intermediate(graph, affine)
        name = affine.nodes[-1].name if last else affine.nodes[0].name
        fused = affine.activation if last else "NONE"
        operand = graph.constant(f"{result.name}/{op.lower()}", constant)
        merged.append(Node(op, [current, operand], [result], {"fused_activation_function": fused}, name))
        current = result
    graph.nodes[position : position + 1] = merged
    graph.remove(affine.nodes)
    for link in affine.nodes:
        context.applied(link)


def _intermediate(graph: Graph, affine: Affine) -> Value:
    return Value(graph.unique_name(f"{affine.output.name}_scaled"), affine.output.shape)


def _constant_bytes(node: Node) -> int:
    return sum(value.size_bytes for value in node.inputs if value is not None and value.is_constant)


def _weights(node: Node) -> Array:
    weights = float_constant(filter_of(node))
    if weights is None:
        raise ValueError("the weights are not a float32 constant")
    return weights


def _bias(node: Node, channels: int) -> Array:
    bias = float_constant(bias_of(node))
    return np.zeros(channels) if bias is None else bias.reshape(channels)


def _set_weights(graph: Graph, node: Node, weights: Array, bias: Array) -> bool:
    """Give the node new weights. False when they do not fit float32."""
    limit = float(np.finfo(np.float32).max)
    if not (np.all(np.abs(weights) <= limit) and np.all(np.abs(bias) <= limit)):
        return False
    old_bias = bias_of(node)
    old = filter_of(node)
    filter_value = graph.constant(old.name, weights.astype(np.float32))
    bias_value = graph.constant(old_bias.name if old_bias else f"{old.name}/bias", bias.astype(np.float32))
    made = {"filter": filter_value, "bias": bias_value}
    node.inputs = [
        made[operand.name] if operand.name in made else node.inputs[i] for i, operand in enumerate(OPS[node.op].inputs)
    ]
    return True
