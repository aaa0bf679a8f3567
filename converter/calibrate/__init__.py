"""One pass over the calibration data: ranges, histograms, and the means that bias correction needs."""

from .cache import Cache, default_folder
from .collect import Effort, collect
from .suspicion import suspicion

__all__ = ["Cache", "Effort", "collect", "default_folder", "suspicion"]
