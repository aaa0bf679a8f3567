"""The ledger of layers: how much error each one makes and passes on, why, and what would help."""

from .layers import LayerError, measure_layers

__all__ = ["LayerError", "measure_layers"]
