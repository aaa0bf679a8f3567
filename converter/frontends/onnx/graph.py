"""What is known of an ONNX model once shapes are static and constants folded: the input of the lowering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...ir.types import Shape
from .attributes import Attributes
from .errors import Refusal


@dataclass(frozen=True)
class Tensor:
    """An ONNX value. `shape` and `dtype` are None where they cannot be known; `data` makes it a constant."""

    name: str
    shape: Shape | None
    dtype: np.dtype[Any] | None
    data: npt.NDArray[Any] | None = None

    @property
    def is_known(self) -> bool:
        return self.shape is not None and self.dtype is not None

    @property
    def dims(self) -> Shape:
        """The static shape. Lowering only sees tensors that have one."""
        if self.shape is None:
            raise ValueError(f"tensor {self.name!r} has no static shape")
        return self.shape

    @property
    def rank(self) -> int:
        return len(self.dims)


@dataclass(frozen=True)
class OnnxNode:
    """A node that must be computed at run time. Left-out inputs and outputs that nothing reads are None."""

    name: str
    op_type: str
    domain: str
    opset: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    attributes: Attributes

    @property
    def full_type(self) -> str:
        """The operator with its domain, where it is not ONNX's own."""
        return f"{self.domain}.{self.op_type}" if self.domain else self.op_type

    @property
    def output(self) -> Tensor:
        """The first output. Refuses the node when another one is read."""
        if any(output is not None for output in self.outputs[1:]) or self.outputs[0] is None:
            raise Refusal("a second output is read", f"Only the first output of {self.op_type} is supported")
        return self.outputs[0]

    def optional(self, i: int) -> Tensor | None:
        """Input i, or None when it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def input(self, i: int) -> Tensor:
        """A required input."""
        tensor = self.optional(i)
        if tensor is None:
            raise Refusal(f"input {i} is missing", "The model needs to give it")
        return tensor

    def constant(self, i: int, role: str) -> npt.NDArray[Any] | None:
        """The elements of an optional parameter such as axes. Refuses the node when they are computed at run time."""
        tensor = self.optional(i)
        if tensor is None:
            return None
        if tensor.data is None:
            raise Refusal(f"its {role} ({tensor.name!r}) comes from a computation", f"Make the {role} a constant")
        return tensor.data

    def integers(self, i: int, role: str) -> tuple[int, ...] | None:
        """The elements of an optional parameter that is a list of integers. Refuses what is none."""
        data = self.constant(i, role)
        if data is None:
            return None
        if data.ndim > 1 or data.dtype.kind not in "iu":
            found = f"its {role} are {data.dtype} of shape {list(data.shape)}"
            raise Refusal(found, "They have to be a list of integers")
        return tuple(int(number) for number in data.reshape(-1))

    def axes(self, since: int, rank: int, i: int = 1) -> tuple[int, ...] | None:
        """Axes from 0 on, in the order given: an attribute, from opset `since` on input `i`. None when left out."""
        given = self.integers(i, "axes") if self.opset >= since else self.attributes.integers("axes")
        if given is None:
            return None
        if any(not -rank <= axis < rank for axis in given):
            raise Refusal(f"axes {list(given)}", f"They have to lie in [-{rank}, {rank})")
        return tuple(axis % rank for axis in given)

    def axis(self, default: int, rank: int) -> int:
        """The attribute `axis`, from 0 on."""
        axis = self.attributes.integer("axis", default)
        if not -rank <= axis < rank:
            raise Refusal(f"axis {axis}", f"It has to lie in [-{rank}, {rank})")
        return axis % rank

    def scalar(self, i: int, role: str) -> float | None:
        """A constant optional parameter that is one number."""
        data = self.constant(i, role)
        if data is None:
            return None
        if data.size != 1:
            raise Refusal(f"its {role} has {data.size} elements", "It has to be one number")
        if data.dtype.kind not in "fiub":
            raise Refusal(f"its {role} holds {data.dtype}", "It has to be one number")
        return float(data.reshape(-1)[0])


@dataclass(frozen=True)
class StaticGraph:
    """The live part of a model. `outputs` pairs the model's output names with the tensors that they show."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[tuple[str, Tensor], ...]
    nodes: tuple[OnnxNode, ...]
