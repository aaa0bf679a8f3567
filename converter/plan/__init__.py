"""Where every tensor lives: lifetimes, then placement in one arena."""

from .arena import plan_memory
from .lifetimes import ALIGNMENT, Block, find_blocks, lower_bound_bytes

__all__ = ["ALIGNMENT", "Block", "find_blocks", "lower_bound_bytes", "plan_memory"]
