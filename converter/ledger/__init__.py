"""The ledger of layers: how much error each one makes and passes on, why, and what would help."""

from .causes import ROUNDED
from .layers import LayerError, measure_layers
from .splice import Answers, Raised, Splicer

__all__ = ["ROUNDED", "Answers", "LayerError", "Raised", "Splicer", "measure_layers"]
