"""What the IR knows of each operator beyond its row in ops.toml: output shapes and multiply-accumulates.

The rules live in `converter/ops/<family>.py`, one class an operator, decorated with `@operator("NAME")`. They are found
by the family's name in `OPS` when an operator is first asked for, so that the IR does not import them.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ..gen.ops import OPS, OpSpec, OptionField
from .graph import Node, OptionValue
from .types import Shape


class Rule(ABC):
    """Shape rule and cost of one operator."""

    @abstractmethod
    def infer_shapes(self, node: Node) -> list[Shape]:
        """Shapes of the outputs. ValueError where shapes of inputs, constant operands and options contradict."""

    def macs(self, node: Node) -> int:
        """Multiply-accumulates of one run; 0 for operators that only move, compare or add."""
        return 0


_RULES: dict[str, Rule] = {}
_R = TypeVar("_R", bound=type[Rule])


def operator(*names: str) -> Callable[[_R], _R]:
    """Class decorator: the rule of the operators `names`."""

    def register(cls: _R) -> _R:
        for name in names:
            if name not in OPS:
                raise ValueError(f"{name} is not in schema/ops.toml")
            _RULES[name] = cls()
        return cls

    return register


def spec_of(op: str) -> OpSpec:
    """The row of an operator. Raises ValueError for a name that ops.toml lacks."""
    if op not in OPS:
        raise ValueError(f"operator {op} is not in schema/ops.toml")
    return OPS[op]


def rule_of(op: str) -> Rule:
    """The rule of an operator. Raises ValueError for a name that ops.toml lacks."""
    if op not in _RULES:
        importlib.import_module(f"..ops.{spec_of(op).family}", __package__)
    return _RULES[op]


def infer_shapes(node: Node) -> list[Shape]:
    """Shapes of a node's outputs. Raises ValueError, without the node's name, where operands contradict each other."""
    return rule_of(node.op).infer_shapes(node)


def macs(node: Node) -> int:
    """Multiply-accumulates of one run of a node."""
    return rule_of(node.op).macs(node)


def option_field(op: str, name: str) -> OptionField:
    """The description of an option. Raises KeyError for a name that the options table lacks."""
    for field in spec_of(op).option_fields:
        if field.name == name:
            return field
    raise KeyError(f"{op} has no option {name}")


def option(node: Node, name: str) -> OptionValue:
    """An option of a node, or the wire format's default where it is not set."""
    field = option_field(node.op, name)
    return node.options.get(name, field.default)


def int_option(node: Node, name: str, low: int | None = None) -> int:
    """An integer option. Raises ValueError when it is no integer, or below `low`."""
    value = option(node, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"option {name} is {value!r}, not an integer")
    if low is not None and value < low:
        raise ValueError(f"option {name} is {value}, it must be at least {low}")
    return value


def bool_option(node: Node, name: str) -> bool:
    """A boolean option. Raises ValueError when it is something else."""
    value = option(node, name)
    if not isinstance(value, bool):
        raise ValueError(f"option {name} is {value!r}, not true or false")
    return value


def enum_option(node: Node, name: str) -> str:
    """An enum option by its member's name. Raises ValueError when the enum has no such member."""
    value = option(node, name)
    members = option_field(node.op, name).members
    if not isinstance(value, str) or value not in members:
        raise ValueError(f"option {name} is {value!r}, not one of {', '.join(members)}")
    return value


def ints_option(node: Node, name: str) -> tuple[int, ...]:
    """An option that is a list of integers."""
    value = option(node, name)
    if not isinstance(value, tuple):
        raise ValueError(f"option {name} is {value!r}, not a list of integers")
    return value


def constant_ints(node: Node, i: int) -> tuple[int, ...]:
    """The elements of a constant integer operand, in memory order. Raises ValueError when it is no such constant."""
    value = node.optional(i)
    what = spec_of(node.op).input(i).name
    if value is None or value.data is None:
        raise ValueError(f"operand {what} must be a constant")
    if not np.issubdtype(value.data.dtype, np.integer):
        raise ValueError(f"operand {what} must hold integers, not {value.dtype.value}")
    return tuple(int(element) for element in value.data.reshape(-1))


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; negative ones count from the back. Raises ValueError outside the rank."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is outside a tensor of rank {rank}")
    return axis % rank
