"""Latency of the zoo's networks, here and in the other engines: JSON files, and the table of docs/PERFORMANCE.md.

    python tests/bench/networks.py --out build/bench --docs docs/PERFORMANCE.md

Engines that are not installed leave their columns empty, and are said.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pages import microseconds, write_between
from zoo_arguments import parse, parser

from liteinterp import Benchmark, bench
from liteinterp.contenders import PEERS
from liteinterp.errors import UnsupportedError
from liteinterp.net import ISA, ModelBytes, Net, Request

REPOSITORY = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- latency: written by `make bench` -->", "<!-- latency: end -->"
FLOAT_BEGIN, FLOAT_END = "<!-- float latency: written by `make bench` -->", "<!-- float latency: end -->"
TITLES = {"litert": "LiteRT", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True)
class Network:
    """Files of one network in the zoo: ours, the ONNX one, and a `.tflite` for LiteRT where it refuses ours."""

    model: str
    onnx: str | None = None
    litert: str | None = None


NETWORKS = (
    Network("mlperf_kws_int8_ref", "kws.qdq"),
    Network("mlperf_ic_resnet8_int8_ref", "ic.qdq"),
    Network("mlperf_ad01_int8_ref", "ad.qdq"),
    Network("mlperf_vww_96_int8_ref", "vww.qdq"),
    Network("mlperf_streaming_wakeword_int8", "strww.qdq"),
    Network("person_detect_int8", "person.qdq", "person.litert"),
    Network("speed_mobilenet_v2_int8", "mobilenetv2.qdq"),
    Network("mnist_conv_fc_int8_ref"),
)
#: float32; OpenVINO reads their `.tflite` where there is no ONNX file.
FLOAT_NETWORKS = (
    Network("mlperf_ic_resnet8", "ic.float"),
    Network("mlperf_vww_96", "vww.float"),
    Network("mlperf_ad01_fp32", "ad.float"),
    Network("mobilenet_v1_0.25_224"),
    Network("mnist_conv_fc"),
    Network("blazeface_short"),
    Network("deeplabv3_257"),
    Network("portrait_mnv3_seg"),
    Network("movie_review"),
    Network("keypoint_classifier"),
)


def peers(zoo: Path, network: Network, engines: Sequence[str]) -> str:
    """The `--vs` of a network: each engine that is installed and has a file."""
    files = {"litert": None if network.litert is None else zoo / "bench" / f"{network.litert}.tflite"}
    if network.onnx is not None:
        files |= dict.fromkeys(("onnxruntime", "openvino"), zoo / "bench" / f"{network.onnx}.onnx")
    elif network in FLOAT_NETWORKS:
        files["openvino"] = None
    return ",".join(
        engine if files[engine] is None else f"{engine}={files[engine]}" for engine in engines if engine in files
    )


def kernel_sets(path: Path) -> list[str]:
    """Kernel sets of this machine, the one that is taken by default first, the portable one last."""
    model = ModelBytes(path.read_bytes())
    found = [Net(model).kernels]
    for name in reversed(ISA):
        with suppress(UnsupportedError):
            found.append(Net(model, Request(isa=name)).kernels)
    return [*dict.fromkeys(name for name in found if name != "ref"), "ref"]


def row(network: Network, found: Benchmark) -> str:
    """A line of the table: least microseconds, and our best over each peer."""
    own = [line for line in found.engines if line.engine not in PEERS]
    peers = {line.engine: line for line in found.engines if line.engine in PEERS}
    cells = [network.model, *(microseconds(line.time.minimum_us) for line in reversed(own))]
    cells += [f"{own[0].gmacs_per_second:.1f}", _percent(own[0].share_of_peak)]
    for engine in PEERS:
        line = peers.get(engine)
        cells += ["", ""] if line is None else [microseconds(line.time.minimum_us), f"{line.ratio_minimum:.2f}"]
    return f"| {' | '.join(cells)} |"


def table(results: Sequence[tuple[Network, Benchmark]]) -> str:
    """Markdown, with what it was measured on above it."""
    first = results[0][1]
    versions = {line.engine: line.version for _, found in results for line in found.engines if line.engine in PEERS}
    named = ", ".join(f"{TITLES[engine]} {version}" for engine, version in versions.items())
    kernels = [line.engine.partition(" ")[2] for line in first.engines if line.engine not in PEERS]
    loads = [found.machine.load for _, found in results if found.machine.load is not None]
    head = ["model", *(f"`{name}`" for name in reversed(kernels)), "GMAC/s", "of peak"]
    for engine in PEERS:
        head += [TITLES[engine], "ratio"]
    lines = [
        f"{first.machine.processor}, {first.machine.cores} cores, load {min(loads):.1f} to {max(loads):.1f}; {named}. "
        f"GMAC/s, share of peak and ratios are those of `{kernels[0]}`; peak, measured in registers alone: "
        f"{', '.join(f'{peak.int8:.0f} GMAC/s with `{peak.kernels}`' for peak in first.peaks if peak.int8)}.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(row(network, found) for network, found in results),
    ]
    return "\n".join(lines)


def float_row(network: Network, found: Benchmark) -> str:
    """A line of the float table: least microseconds, share of the peak, our best over the fastest peer."""
    own = [line for line in found.engines if line.engine not in PEERS]
    peers = {line.engine: line for line in found.engines if line.engine in PEERS}
    cells = [network.model, *(microseconds(line.time.minimum_us) for line in reversed(own))]
    cells += [f"{2 * own[0].gmacs_per_second:.0f}", _percent(own[0].share_of_peak)]
    cells += [microseconds(peers[engine].time.minimum_us) if engine in peers else "" for engine in PEERS]
    return f"| {' | '.join((*cells, f'{_fastest(found):.2f}'))} |"


def float_table(results: Sequence[tuple[Network, Benchmark]]) -> str:
    """Markdown of the float networks."""
    peak = max(found.peaks[0].float32 or 0.0 for _, found in results)
    kernels = [line.engine.partition(" ")[2] for line in results[0][1].engines if line.engine not in PEERS]
    head = ["model", *(f"`{name}`" for name in reversed(kernels)), "GFLOP/s", "of peak", *TITLES.values(), "ratio"]
    mean = math.exp(sum(math.log(_fastest(found)) for _, found in results) / len(results))
    lines = [
        f"{results[0][1].machine.processor}; peak: {2 * peak:.0f} GFLOP/s, products and sums in registers alone. "
        f"The ratio is that of `{kernels[0]}` to the fastest other engine; geometric mean {mean:.2f}.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(float_row(network, found) for network, found in results),
    ]
    return "\n".join(lines)


def _fastest(found: Benchmark) -> float:
    return max(line.ratio_minimum for line in found.engines if line.engine in PEERS)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--out", type=Path, default=REPOSITORY / "build" / "bench", help="folder for JSON files")
    made.add_argument("--seconds", type=float, default=4.0, help="for each engine on each network")
    made.add_argument("--only", default="", help="networks whose names hold this")
    made.add_argument("--floats", action="store_true", help="only float networks")
    arguments = parse(made)
    engines = [engine for engine, (_, module) in PEERS.items() if find_spec(module) is not None]
    for engine in PEERS.keys() - set(engines):
        print(f"{engine} is not installed (pip install {PEERS[engine][0]}): its columns stay empty", file=sys.stderr)
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = []
    for network in FLOAT_NETWORKS if arguments.floats else (*NETWORKS, *FLOAT_NETWORKS):
        if arguments.only in network.model:
            path = arguments.zoo / "models" / f"{network.model}.tflite"
            vs = peers(arguments.zoo, network, engines)
            sets = kernel_sets(path)
            isa = sets if network in NETWORKS else sets[:-1]  # the portable set takes seconds in large float networks
            found = bench(path, vs=vs, isa=isa, seconds=arguments.seconds, with_profile=True)
            (arguments.out / f"{network.model}.json").write_text(found.to_json(), "utf-8")
            results.append((network, found))
            line = row(network, found) if network in NETWORKS else float_row(network, found)
            print(line, file=sys.stderr, flush=True)
    for group, text in _tables(results):
        print(text)
        if arguments.docs:
            write_between(arguments.docs, *group, text)


def _tables(results: Sequence[tuple[Network, Benchmark]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Markers and text of each group of which networks were measured."""
    quantized = [row for row in results if row[0] in NETWORKS]
    floats = [row for row in results if row[0] in FLOAT_NETWORKS]
    if quantized:
        yield (BEGIN, END), table(quantized)
    if floats:
        yield (FLOAT_BEGIN, FLOAT_END), float_table(floats)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


if __name__ == "__main__":
    main()
