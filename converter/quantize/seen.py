"""The statistics of a graph as if the samples that judge had not been there.

Calibration's ranges are over all samples, so no held-out sample ever goes beyond them. A step that fills ranges to the
brim looks better on those samples than on any others: what it is worth shows where ranges are those of the rest.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.executor import Executor
from ..ir.graph import Graph
from ..ir.ranges import Range, Ranges
from ..ir.statistics import Calibration, ChannelRange


def without_held_out(graph: Graph, calibration: Calibration, executor: Executor) -> Calibration:
    """Ranges, of channels too, of the samples to fit on. Prescribed ranges, those without a histogram, stay."""
    values = [value for value in graph.values() if value.name in calibration.histograms]
    ranges, channels = dict(calibration.ranges.by_name), dict(calibration.channels)
    found: dict[str, ChannelRange] = {}
    with executor.open(graph) as session:
        for sample in calibration.fit:
            session.run(sample)
            for value in values:
                rows = session.read(value).reshape(-1, value.shape[-1] if value.shape else 1)
                now = ChannelRange(rows.min(axis=0), rows.max(axis=0))
                found[value.name] = found[value.name].union(now) if value.name in found else now
    for name, seen in found.items():
        ranges[name] = Range(float(seen.low.min()), float(seen.high.max()))
        if name in channels:
            channels[name] = seen
    return replace(calibration, ranges=Ranges(ranges, len(calibration.fit)), channels=channels)
