"""When each tensor lives and where: an order of the operators, lifetimes, then placement in one arena."""

from .arena import place
from .lifetimes import ALIGNMENT, Block, find_blocks, lower_bound_bytes
from .memory import plan_memory
from .order import orders

__all__ = ["ALIGNMENT", "Block", "find_blocks", "lower_bound_bytes", "orders", "place", "plan_memory"]
