"""One pass over the calibration data: ranges, histograms, and the means that bias correction needs."""

from .collect import collect

__all__ = ["collect"]
