# SPDX-License-Identifier: Apache-2.0
"""Builds the hash program for every target, runs it there or under an emulator, and compares the hashes: `make cross`.

What every target must print is what the portable kernels print on this machine. For models that do not change,
`golden.txt` holds it too, so that a change on this machine shows as well. A target whose tools are missing is left out
and named; with CI=1 that fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from one_operator import one_operator_models  # noqa: E402

import liteinterp  # noqa: E402

ZOO = Path(os.environ.get("LITEINTERP_ZOO", ROOT.parent / "shared" / "zoo")).absolute()
GOLDEN = HERE / "golden.txt"
DIGITS = HERE / "digits_mlp.tflite"
DEMO = ROOT / "liteinterp" / "demo"
#: The demo's network as `convert` writes it with these arguments.
CONVERTED: Mapping[str, Mapping[str, Any]] = {
    "digits_int8": {"io": "int8"},
    "digits_int16x8": {"quantize": "int16x8", "io": "int16"},
    "digits_dynamic": {"quantize": "dynamic"},
    "digits_mixed": {"keep_int16": ["relu2"], "keep_float": ["logits"]},
}

#: Models of the zoo and on how many inputs they run: 20 up to 20 million MACs, 2 above.
MICRO = {f"mlperf_{name}_int8_ref": 20 for name in ("kws", "ad01", "ic_resnet8", "vww_96")}
LARGER = {
    "mlperf_streaming_wakeword_int8": 20,
    "mnist_conv_fc_int8_ref": 20,
    "person_detect_int8": 20,
    "speed_mobilenet_v2_int8": 2,
    "mobilenet_v1_0.25_224_quant_ref": 2,  # uint8
}


@dataclass(frozen=True)
class Run:
    """One column of the table: a command with {program} and {models}, the list of what to run."""

    name: str
    command: str
    models: str = "all"  # or "micro", or "embedded": the digits MLP, which is part of the program
    program: str = "hash_models"


@dataclass(frozen=True)
class Target:
    """One build. ``tools`` are commands and the Debian packages that bring them."""

    name: str
    runs: tuple[Run, ...]
    toolchain: str | None = None
    options: tuple[str, ...] = ()
    tools: tuple[tuple[str, str], ...] = field(default=())


def _linux(name: str, toolchain: str, emulator: str, *processors: str) -> Target:
    package = f"gcc-{toolchain} libc6-dev-{name}-cross"
    runs = tuple(
        Run(f"{name} {p}".strip(), f"{emulator} {f'-cpu {p} ' if p else ''}{{program}} {{models}}") for p in processors
    )
    return Target(name, runs, toolchain, (), ((f"{toolchain}-gcc", package), (emulator, "qemu-user")))


def _cortex_m(core: str, board: str, *more: Run) -> Target:
    emulator = (
        f"qemu-system-arm -M {board} -nographic -monitor none -serial none -kernel {{program}} "
        "-semihosting-config enable=on,target=native,arg=hash_models,arg={models}"
    )
    tools = (("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("qemu-system-arm", "qemu-system-arm"))
    options = (f"-DLI_CORE=cortex-{core}", "-DCMAKE_BUILD_TYPE=MinSizeRel")
    return Target(core, (Run(f"{core} {board}", emulator, "micro"), *more), "cortex-m", options, tools)


def _wasm(name: str, simd: str) -> Target:
    run = Run(name, f"node {HERE / 'run_wasm.mjs'} {{program}}.wasm {{models}}")
    tools = (("clang", "clang"), ("wasm-ld", "lld"), ("llvm-ar", "llvm"), ("node", "nodejs"))
    return Target(name, (run,), "wasm32", (f"-DLI_WASM_SIMD={simd}",), tools)


REFERENCE = Run("here portable", "{program} {models} 1")
MICROBIT = Run(
    "m0 microbit",
    "qemu-system-arm -M microbit -nographic -monitor none -serial none -kernel {program} "
    "-semihosting-config enable=on,target=native",
    "embedded",
    "hash_embedded",
)
TARGETS = (
    Target("here", (REFERENCE, Run("here best", "{program} {models}"))),
    # SSE4.1 and AVX2, whatever this machine has.
    _linux("amd64", "x86_64-linux-gnu", "qemu-x86_64", "Nehalem", "Haswell"),
    _linux("arm64", "aarch64-linux-gnu", "qemu-aarch64", "cortex-a53", "cortex-a76"),
    _linux("armhf", "arm-linux-gnueabihf", "qemu-arm", "cortex-a7"),
    _linux("riscv64", "riscv64-linux-gnu", "qemu-riscv64", ""),
    _wasm("wasm", "OFF"),
    _wasm("wasm-simd", "ON"),
    # The instructions of M0 on a board with the memory for real models, then the board of an M0.
    _cortex_m("m0", "mps2-an385", MICROBIT),
    _cortex_m("m3", "mps2-an385"),
    _cortex_m("m4", "mps2-an386"),
    _cortex_m("m7", "mps2-an500"),
    _cortex_m("m33", "mps2-an505"),
    _cortex_m("m55", "mps3-an547"),
)

#: What the hash program prints behind a model's name: runs, hash of outputs, hash of all results, arena, state.
Lines = dict[str, str]


def convert_demo(folder: Path) -> list[Path]:
    paths = []
    with np.load(DEMO / "digits.npz") as data:
        samples = {"image": data["calibration"]}
    for name, arguments in CONVERTED.items():
        paths.append(folder / f"{name}.tflite")
        liteinterp.convert(DEMO / "digits.onnx", calib=samples, effort=0, **arguments).save(paths[-1])
    return paths


def write_models(folder: Path) -> dict[str, list[str]]:
    """Writes the one-operator models and the lists; answers the models of each list, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    small = [(2, folder / f"{name.replace(' ', '_')}.tflite", make) for name, make in one_operator_models().items()]
    for _, path, make in small:
        path.write_bytes(make.bytes())
    own = [(20, DIGITS), *((20, path) for path in convert_demo(folder)), *((runs, path) for runs, path, _ in small)]
    models = ZOO / "models"
    micro = [(runs, models / f"{name}.tflite") for name, runs in MICRO.items()]
    larger = [(runs, models / f"{name}.tflite") for name, runs in LARGER.items()]
    if not models.is_dir():
        if os.environ.get("CI_REQUIRE_ZOO") == "1":
            sys.exit(
                "cross: CI_REQUIRE_ZOO=1, but the zoo of real models is absent; set LITEINTERP_ZOO to its directory"
            )
        print("cross: the zoo of real models is absent (LITEINTERP_ZOO): only models of the repository run")
        micro = larger = []
    lists = {"all": [*micro, *larger, *own], "micro": [*micro, *own], "embedded": [(20, DIGITS)]}
    for name, entries in lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{runs} {path}\n" for runs, path in entries))
    return {name: [path.name for _, path in entries] for name, entries in lists.items()}


def missing_tools(target: Target) -> list[str]:
    return [f"{command} (apt install {package})" for command, package in target.tools if shutil.which(command) is None]


def build(target: Target, folder: Path) -> None:
    """Raises ``CalledProcessError`` with the compiler's words."""
    command = ["cmake", "-S", str(HERE), "-B", str(folder), *target.options]
    if shutil.which("ninja"):
        command += ["-G", "Ninja"]
    if target.toolchain is not None:
        command.append(f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'csrc/cmake/toolchains' / target.toolchain}.cmake")
    for step in (command, ["cmake", "--build", str(folder)]):
        subprocess.run(step, check=True, capture_output=True, text=True)


def run(target: Target, one: Run, folder: Path, models: Path) -> Lines:
    command = one.command.format(program=folder / one.program, models=models / f"{one.models}.txt").split()
    # QEMU writes what a board says to its own error stream.
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    if done.returncode != 0 and not any("failed" in rest for rest in lines.values()):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout[-2000:], "")
    return lines


def build_and_run(target: Target, out: Path) -> tuple[dict[str, Lines], str]:
    """What each run of the target printed, by the run's name, or what went wrong."""
    started = time.monotonic()
    folder = out / target.name
    try:
        build(target, folder)
        built = time.monotonic()
        found = {one.name: run(target, one, folder, out / "models") for one in target.runs}
    except subprocess.CalledProcessError as error:
        return {}, f"{' '.join(error.cmd)}\n{error.stdout}{error.stderr}"
    except subprocess.TimeoutExpired as error:
        return {}, f"{error.cmd}: no end after {error.timeout} s"
    print(
        f"cross: {target.name}: built in {built - started:.0f} s, ran in {time.monotonic() - built:.0f} s", flush=True
    )
    return found, ""


def differences(expected: Lines, found: Lines, models: list[str]) -> list[str]:
    """Models whose line is absent, tells of a failure, or is another."""
    return [m for m in models if m not in found or "failed" in found[m] or found[m] != expected.get(m)]


def hashes(lines: Lines) -> Lines:
    """The lines without arena and state, whose bytes may change while the numbers stay."""
    return {model: " ".join(rest.split()[:3]) for model, rest in lines.items()}


def read_golden() -> Lines:
    return dict(line.split(" ", 1) for line in GOLDEN.read_text().splitlines() if not line.startswith("#"))


def print_table(results: dict[str, Lines], runs: list[Run], shown: list[str], small: list[str]) -> None:
    """A row per model, a column per run with its kernel set; `=` is what the portable kernels print on this machine."""
    expected = results[REFERENCE.name]
    columns = [one for one in runs if one.name in results]
    titles = [f"{one.name}: {results[one.name].get('kernels', '?')}" for one in columns]
    print("| model | inputs | outputs | " + " | ".join(titles) + " |")
    print("|---" * (3 + len(columns)) + "|")
    for model in shown:
        inputs, outputs = expected.get(model, "? ?").split()[:2]
        cells = []
        for one in columns:
            line = results[one.name].get(model)
            cells.append("" if line is None else "=" if line == expected.get(model) else line.split()[1])
        print(f"| {model.removesuffix('.tflite')} | {inputs} | {outputs} | " + " | ".join(cells) + " |")
    cells = []
    for one in columns:
        equal = sum(results[one.name].get(model) == expected.get(model) for model in small)
        cells.append("" if one.models == "embedded" else "=" if equal == len(small) else f"{equal} of {len(small)}")
    print(f"| {len(small)} models of one operator | 2 | | " + " | ".join(cells) + " |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="*", metavar="TARGET", help="some targets: " + ", ".join(t.name for t in TARGETS)
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "cross", help="folder of the builds")
    parser.add_argument("--write-golden", action="store_true", help="take this machine's hashes as the golden ones")
    arguments = parser.parse_args()
    if shutil.which("cmake") is None:
        print("cross: cmake is missing: apt install cmake", file=sys.stderr)
        return 2

    out = arguments.build.absolute()
    lists = write_models(out / "models")
    chosen = [t for t in TARGETS if not arguments.only or t.name in arguments.only or t.runs[0] is REFERENCE]
    lacking = {target.name: missing for target in chosen if (missing := missing_tools(target))}
    able = [target for target in chosen if target.name not in lacking]
    faults = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda target: build_and_run(target, out), able))
    results: dict[str, Lines] = {}
    for target, (found, problem) in zip(able, outcomes, strict=True):
        results |= found
        if problem:
            faults.append(f"{target.name}: {problem}")
    runs = [one for target in able for one in target.runs]

    expected = results.get(REFERENCE.name, {})
    lasting = [model for model in lists["all"] if not (out / "models" / model).exists()]
    converted = [f"{name}.tflite" for name in CONVERTED]
    small = [model for model in lists["all"] if model not in lasting and model not in converted]
    golden = read_golden()
    if arguments.write_golden:
        golden |= {model: rest for model, rest in hashes(expected).items() if model in lasting}
        header = "# What hash_models.c prints for these models; written by `make cross ARGS=--write-golden`.\n"
        GOLDEN.write_text(header + "".join(f"{model} {rest}\n" for model, rest in golden.items()))
    for model in differences(golden, hashes(expected), lasting):
        faults.append(f"golden: {model}: {expected.get(model)} instead of {golden.get(model)}")
    for one in runs:
        if one.name in results:
            wrong = differences(expected, results[one.name], lists[one.models])
            faults += [f"{one.name}: {m}: {results[one.name].get(m)} instead of {expected.get(m)}" for m in wrong]
    if expected:
        print_table(results, runs, [*lasting, *converted], small)
    for name, missing in lacking.items():
        print(f"cross: {name} left out: it needs {', '.join(missing)}")
        if os.environ.get("CI"):
            faults.append(f"{name}: CI is set, so no tool may be missing")
    for fault in faults:
        print(f"cross: {fault}", file=sys.stderr)
    print(f"cross: {len(results)} of {sum(len(t.runs) for t in TARGETS)} runs, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
