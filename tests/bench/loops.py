"""Whether planning takes the fastest loop of each int8 convolution: every form of every layer is timed.

    taskset -c 1 python tests/bench/loops.py MODEL.tflite ...

The layers are those of the models' CONV_2D, whatever type they are in, each shape once, and with --grid those of 3x3
filters over a range of sizes besides. Weights and inputs are random; a layer is alone in the caches. For each kernel
set it prints a table of the layers that lose more than LOSS, in microseconds. To fit
`csrc/kernels/x86/li_x86_costs.c`, change its numbers until there are none.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from converter.gen import tflite
from liteinterp.model_file import ModelFile
from liteinterp.tables import Table, show

REPOSITORY = Path(__file__).resolve().parents[2]
CSRC = REPOSITORY / "csrc"
#: LI_LOOP_... of csrc/src/li_kernels.h; packed bytes that int16 is taken below, LI_X86_WIDE_BYTES.
LOOPS = {1: "direct", 4: "winograd 2x2", 5: "winograd 4x4", 6: "direct int16"}
INT16_BELOW = 512 * 1024
LOSS = 0.05


@dataclass(frozen=True)
class Shape:
    """`li_conv_shape`."""

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    filter_h: int
    filter_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    pad_top: int
    pad_left: int
    w_last: int = 0

    def __str__(self) -> str:
        stride = f" / {self.stride_h}" if self.stride_h > 1 else ""
        return f"{self.in_h}×{self.in_w}×{self.in_c} → {self.out_c}, {self.filter_h}×{self.filter_w}{stride}"


@dataclass(frozen=True)
class Form:
    """One loop of a layer: the table's cost, nanoseconds."""

    loop: str
    cost: int
    least: float


def _before(size: int, out: int, taps: int, stride: int, dilation: int) -> int:
    """Padding in front of the first element under SAME."""
    return max((out - 1) * stride + (taps - 1) * dilation + 1 - size, 0) // 2


def convolutions(path: Path) -> Iterator[Shape]:
    """What `li_conv_shape_of` makes of a file's CONV_2D, where whole layers take them."""
    content = path.read_bytes()
    operators = tflite.read_model(content).subgraphs[0].operators
    file = ModelFile(content)
    for operator in file.operators:
        options = operators[operator.index].builtin_options
        if not isinstance(options, tflite.Conv2DOptions):
            continue
        x, w, y = (file.tensors[i].shape for i in (*operator.inputs[:2], operator.outputs[0]))
        if x is None or w is None or y is None or w[3] != x[3] or (options.dilation_w_factor != 1 and w[2] != 1):
            continue
        strides, dilation = (options.stride_h, options.stride_w), options.dilation_h_factor
        pads = (0, 0)
        if options.padding == 0:
            pads = (
                _before(int(x[1]), int(y[1]), int(w[1]), strides[0], dilation),
                _before(int(x[2]), int(y[2]), int(w[2]), strides[1], 1),
            )
        sizes = ((int(x[1]), int(x[2])), (int(y[1]), int(y[2])))
        if (w[1], w[2], *strides) == (1, 1, 1, 1):
            sizes = ((sizes[0][0] * sizes[0][1], 1),) * 2
        yield Shape(*sizes[0], int(x[3]), *sizes[1], int(w[0]), int(w[1]), int(w[2]), *strides, dilation, *pads)


def grid() -> Iterator[Shape]:
    """3x3 at stride 1, SAME."""
    channels = (
        (3, 16),
        (8, 8),
        (16, 16),
        (16, 32),
        (24, 24),
        (32, 16),
        (32, 32),
        (64, 32),
        (64, 64),
        (128, 128),
        (256, 256),
    )
    for inputs, outputs in channels:
        for side in (4, 6, 7, 8, 14, 16, 32, 56):
            if side * side * inputs * outputs <= 3e7:
                yield Shape(side, side, inputs, side, side, outputs, 3, 3, 1, 1, 1, 1, 1)


def measure(shapes: Sequence[Shape]) -> dict[tuple[str, Shape], list[Form]]:
    """Forms that planning may take by kernel set and layer, in the order in which it tries them."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "loop_costs"
        sources = [CSRC / "src/li_cpu.c", CSRC / "src/li_math.c", *sorted((CSRC / "kernels").rglob("*.c"))]
        flags = ["-O2", "-std=c11", "-ffp-contract=off", f"-I{CSRC / 'src'}", f"-I{CSRC / 'include'}"]
        here = REPOSITORY / "tests/bench/loop_costs.c"
        subprocess.run(["gcc", *flags, here, *sources, "-lm", "-o", program], check=True)
        lines = "".join(" ".join(map(str, astuple(shape))) + "\n" for shape in shapes)
        output = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout
    found = defaultdict(list)
    for line in output.splitlines():
        kernels, layer, loop, cost, packed, least = line.split()
        if LOOPS[int(loop)] != "direct int16" or int(packed) < INT16_BELOW:
            found[kernels, shapes[int(layer)]].append(Form(LOOPS[int(loop)], int(cost), float(least)))
    return found


def chosen(forms: Sequence[Form]) -> Form:
    """As `li_weights_choose`, for weights that every loop takes, in a network of this layer alone."""
    best = forms[0]
    for form in forms[1:]:
        if form.cost < best.cost // 32 * 31:
            best = form
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the loops of int8 convolutions against what planning takes.")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--grid", action="store_true", help="also 3x3 layers of many sizes")
    parser.add_argument("--all", action="store_true", help="show every layer, not only those that lose")
    args = parser.parse_args()
    shapes = [
        *dict.fromkeys(
            [*(shape for path in args.models for shape in convolutions(path)), *(grid() if args.grid else ())]
        )
    ]
    found = measure(shapes)
    for kernels in dict.fromkeys(kernels for kernels, _ in found):
        rows, spent, least = [], 0.0, 0.0
        layers = [(shape, forms) for (name, shape), forms in found.items() if name == kernels]
        losing = 0
        for shape, forms in layers:
            taken, times = chosen(forms), {form.loop: form.least for form in forms}
            loss = taken.least / min(times.values()) - 1
            spent, least, losing = spent + taken.least, least + min(times.values()), losing + (loss > LOSS)
            if args.all or loss > LOSS:
                cells = (f"{times[loop] / 1e3:.2f}" if loop in times else "" for loop in LOOPS.values())
                rows.append((str(shape), *cells, taken.loop, f"{loss:.0%}"))
        print(
            f"{kernels}: {losing} of {len(layers)} layers lose more than {LOSS:.0%}, together {spent / least - 1:.1%}"
        )
        if rows:
            show(Table("", ("layer", *LOOPS.values(), "takes", "loses"), tuple(rows), numeric_from=1), sys.stdout)


if __name__ == "__main__":
    main()
