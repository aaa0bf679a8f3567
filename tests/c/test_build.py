"""The runtime as a device project meets it: compilers, symbols, stack, one file, 32 bits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from c_builds import COMMON, CSRC, DEFINITION, ROOT, WARNINGS, Builds, sources
from tiny_models import chain, every_operator, int8_conv_net

LIBC = {"memcpy", "memmove", "memset"}
#: Bytes of stack that one function of the core may take; the checker's explicit stack is the largest.
STACK_LIMIT = 1024
#: Bytes of code, constants and data of the whole library for x86-64: with every kernel, and the portable one for size.
FULL_LIMIT, PORTABLE_LIMIT = 500_000, 120_000

#: Compilers for other targets and how to run what they make.
TARGETS = {
    "x86-32": (["gcc", "-m32", "-msse2", "-mfpmath=sse"], []),
    "arm": (["arm-linux-gnueabihf-gcc", "-static"], ["qemu-arm"]),
    "aarch64": (["aarch64-linux-gnu-gcc", "-static"], ["qemu-aarch64"]),
}


def test_sources_list_is_complete() -> None:
    listed = set(sources())
    present = {*CSRC.glob("src/*.c"), *CSRC.glob("ops/*.c"), *CSRC.glob("kernels/*/*.c")}
    assert listed == present - {CSRC / "src" / "li_threads.c"}  # needs an operating system: CMakeLists.txt adds it


def test_every_source_compiles_and_core_functions_need_little_stack(builds: Builds) -> None:
    largest: dict[str, int] = {}
    for path in builds.objects(*COMMON):
        for line in path.with_suffix(".su").read_text().splitlines():
            where, size, kind = line.split("\t")
            assert kind in ("static", "dynamic,bounded"), f"{where}: stack use has no bound"
            largest[where] = int(size)
    assert largest, "the compiler wrote no stack usage"
    core = {where: size for where, size in largest.items() if "/src/" in where or where.startswith("src/")}
    assert core, largest
    assert {where: size for where, size in core.items() if size > STACK_LIMIT} == {}


@pytest.mark.slow
def test_other_compiler_accepts_the_sources(tmp_path: Path) -> None:
    compiler = next((c for c in ("clang", "clang-19", "clang-14") if shutil.which(c)), None)
    if compiler is None:
        pytest.skip("clang is not installed")
    Builds(compiler, tmp_path).objects("-O2", *WARNINGS, "-Werror")


def test_only_three_libc_symbols(builds: Builds) -> None:
    objects = builds.objects(*COMMON)
    nm = subprocess.run(["nm", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    defined = set(re.findall(r"^[0-9a-f]+ [A-Za-z] (\S+)$", nm, re.MULTILINE))
    undefined = set(re.findall(r"^\s+U (\S+)$", nm, re.MULTILINE))
    assert undefined - defined - {"_GLOBAL_OFFSET_TABLE_"} <= LIBC  # the linker makes that one
    assert LIBC & undefined, "nm listed nothing: the test is blind"
    listing = ["nm", "--format=sysv", *map(str, objects)]
    rows = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    writable = re.findall(r"^(\S+) *\|[^|]*\|\s*[bBdDC]\s*\|.*\|(?!\.data\.rel\.ro)\S+$", rows, re.MULTILINE)
    assert writable == [], "a global that may change"


def test_only_the_interface_is_exported(builds: Builds) -> None:
    library = builds.library()
    nm = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True, text=True).stdout
    exported = set(re.findall(r" T (\w+)$", nm, re.MULTILINE))
    header = (CSRC / "include" / "liteinterp.h").read_text()
    assert exported == set(re.findall(r"^LI_API[^;(]*?\b(li_\w+)\(", header, re.MULTILINE))


def _loaded_bytes(objects: list[Path]) -> int:
    """Code, constants and initialized data."""
    rows = subprocess.run(["size", *map(str, objects)], check=True, capture_output=True, text=True).stdout.splitlines()
    return sum(int(text) + int(data) for text, data, *_ in (row.split() for row in rows[1:]))


def test_library_with_all_kernels_is_small(builds: Builds) -> None:
    """With unwind tables, which CMakeLists.txt leaves out."""
    assert 0 < _loaded_bytes(builds.objects(*COMMON)) < FULL_LIMIT


@pytest.mark.slow
def test_portable_library_is_small(builds: Builds) -> None:
    objects = builds.objects("-Os", "-DLI_WITHOUT_SSE41", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables")
    assert 0 < _loaded_bytes(objects) < PORTABLE_LIMIT


def test_python_takes_a_library_without_threads(builds: Builds, tmp_path: Path) -> None:
    """sources.txt, which has no pool: what asks for threads runs on one."""
    model = tmp_path / "model.tflite"
    model.write_bytes(int8_conv_net().bytes())
    program = f"""
from liteinterp import Interpreter
interpreter = Interpreter({str(model)!r}, num_threads=2)
interpreter.allocate_tensors()
interpreter.invoke()
"""
    environment = {**os.environ, "LITEINTERP_LIBRARY": str(builds.library()), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("language", ["c11", "c++11", "c++17"])
def test_header_compiles_alone(cc: str, tmp_path: Path, language: str) -> None:
    plus = language.startswith("c++")
    source = tmp_path / ("use.cpp" if plus else "use.c")
    source.write_text('#include "liteinterp.h"\nint use(void);\nint use(void) { return (int)li_abi_version(); }\n')
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-std={language}", f"-I{CSRC / 'include'}"]
    done = subprocess.run([cc, *flags, "-fsyntax-only", str(source)], capture_output=True, text=True)
    if plus and "cc1plus" in done.stderr:
        pytest.skip("no C++ compiler")
    assert done.returncode == 0, done.stderr


def test_amalgamation_builds_and_runs(cc: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(CSRC / "amalgamate.py"), str(tmp_path)], check=True)
    model = tmp_path / "model.tflite"
    model.write_bytes(int8_conv_net().bytes())
    program = tmp_path / "exact_memory"
    command = [cc, "-std=c11", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    command += [str(tmp_path / "liteinterp.c"), str(ROOT / "tests" / "c" / "exact_memory.c"), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    subprocess.run([str(program), str(model)], check=True)


@pytest.mark.slow
def test_an_operator_can_be_left_out(builds: Builds) -> None:
    objects = [o for o in builds.objects("-O1", "-DLI_WITHOUT_TRANSPOSE") if o.stem != "li_transpose"]
    nm = subprocess.run(["nm", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    assert "li_transpose_plan" not in nm


@pytest.mark.slow
def test_a_kernel_set_can_be_left_out(builds: Builds) -> None:
    objects = builds.objects("-O1", "-DLI_WITHOUT_AVX2")
    nm = subprocess.run(["nm", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    assert "li_kernels_ref" in nm and "li_kernels_avx2" not in nm


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_other_targets_need_the_same_arena_and_state(program: Callable[..., Path], tmp_path: Path, target: str) -> None:
    """Also the outputs: ``layout`` prints memory needs and a hash of the outputs for every flag."""
    compiler, run = TARGETS[target]
    here = program("layout")
    there = tmp_path / "layout_there"
    files = [ROOT / "tests" / "c" / "layout.c", *sources()]
    command = [*compiler, *DEFINITION, "-O2", *map(str, files), "-o", str(there)]
    probe = tmp_path / "probe.c"
    probe.write_text('#include <stdio.h>\nint main(void) { return puts("") < 0; }\n')
    try:
        subprocess.run([*compiler, str(probe), "-o", str(there)], check=True, capture_output=True)
        subprocess.run([*run, str(there)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"no working toolchain: {' '.join(compiler)}")
    subprocess.run(command, check=True)
    models = []
    for name, maker in {
        "int8": every_operator(True),
        "float": every_operator(False),
        "empty": chain("RELU", shape=(0, 3)),
    }.items():
        models.append(tmp_path / f"{name}.tflite")
        models[-1].write_bytes(maker.bytes())
    expected = subprocess.run([str(here), *models], check=True, capture_output=True, text=True).stdout
    assert subprocess.run([*run, str(there), *models], check=True, capture_output=True, text=True).stdout == expected
