"""What a conversion did, as numbers: for the terminal as text, for machines as JSON."""

from .make import History, make_report
from .rows import Report

__all__ = ["History", "Report", "make_report"]
