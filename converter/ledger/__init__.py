"""The ledger of layers: how much error each one makes and passes on, why, and what would help."""

from .causes import ROUNDED
from .layers import LayerError, measure_layers

__all__ = ["ROUNDED", "LayerError", "measure_layers"]
