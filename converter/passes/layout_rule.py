"""What the layout pass asks of an operator.

A rule says, for a node that stores its result with the axes permuted by p (result' = transpose(result, p)), which of
its inputs must come permuted and how, what that costs beyond transposes, and how to rewrite the node's constants and
options. p is the node's label.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import permutations

from ..ir.graph import Graph, Node
from .rewrite import Permutation, essence

#: Cost in bytes of what cannot be done.
IMPOSSIBLE = 1 << 50

#: Up to this rank all permutations are tried where that is the only way.
_MOST_AXES = 5


class LayoutRule(ABC):
    """A node's part in the layout; p stands for the permutation of its label, of rank `rank`."""

    #: Whether the result is stored permuted too. False for operators that end a layout, such as MEAN that drops axes.
    moves_output = True

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def rank(self) -> int:
        """Rank that the node's label permutes."""
        return len(self.node.outputs[0].shape)

    @property
    @abstractmethod
    def ports(self) -> tuple[int, ...]:
        """The inputs whose axes follow the label."""

    def demand(self, p: Permutation) -> Permutation:
        """How the ports must be permuted under label p."""
        return p

    def label_for(self, demand: Permutation) -> Permutation | None:
        """The label under which the ports are permuted like this, None when there is none."""
        return demand

    def possible_label_for(self, demand: Permutation) -> Permutation | None:
        """Like `label_for`; where that label is impossible, one that differs in axes of size 1 and is not."""
        label = self.label_for(demand)
        if label is None or self.cost(label) < IMPOSSIBLE or self.rank > _MOST_AXES or not self.ports:
            return label
        shape = self.node.input(self.ports[0]).shape
        wanted = essence(shape, demand)
        others = (p for p in permutations(range(self.rank)) if self.cost(p) < IMPOSSIBLE)
        return next((p for p in others if essence(shape, self.demand(p)) == wanted), label)

    #: Whether some labels are impossible, so that the node's neighbours may have to follow it.
    constrained = False

    #: Whether the ports may come in any shape that holds the elements in the demanded order.
    any_shape = False

    def cost(self, p: Permutation) -> int:
        """Bytes moved under label p besides the transposes at the ports and the output."""
        return 0

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        """Rewrite constants and options for label p; ports and output are exchanged by the caller.

        Returns nodes that must run before this one. Called only where p is not the identity.
        """
        return []
