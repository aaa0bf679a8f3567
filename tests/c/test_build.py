"""The runtime as a device project meets it: compilers, symbols, stack, one file, 32 bits."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import chain, every_operator, int8_conv_net

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Wmissing-prototypes")
DEFINITION = ("-std=c11", "-O2", "-ffp-contract=off", f"-I{CSRC / 'include'}", f"-I{CSRC / 'src'}")
LIBC = {"memcpy", "memmove", "memset"}
#: Bytes of stack that one function of the core may take; the checker's explicit stack is the largest.
STACK_LIMIT = 1024

#: Compilers for other targets and how to run what they make.
TARGETS = {
    "x86-32": (["gcc", "-m32", "-msse2", "-mfpmath=sse"], []),
    "arm": (["arm-linux-gnueabihf-gcc", "-static"], ["qemu-arm"]),
    "aarch64": (["aarch64-linux-gnu-gcc", "-static"], ["qemu-aarch64"]),
}


def sources() -> list[Path]:
    lines = (CSRC / "sources.txt").read_text().splitlines()
    return [CSRC / line for line in lines if line and not line.startswith("#")]


def compile_all(compiler: str, folder: Path, *flags: str) -> list[Path]:
    """One object per source, warnings as errors."""
    objects = []
    for source in sources():
        objects.append(folder / f"{source.stem}.o")
        command = [compiler, *DEFINITION, *WARNINGS, "-Werror", *flags, "-c", str(source), "-o", str(objects[-1])]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return objects


def test_sources_list_is_complete() -> None:
    listed = set(sources())
    present = {*CSRC.glob("src/*.c"), *CSRC.glob("ops/*.c"), *CSRC.glob("kernels/*/*.c")}
    assert listed == present


def test_every_source_compiles_and_core_functions_need_little_stack(cc: str, tmp_path: Path) -> None:
    compile_all(cc, tmp_path, "-fstack-usage")
    largest: dict[str, int] = {}
    for usage in tmp_path.glob("*.su"):
        for line in usage.read_text().splitlines():
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
    compile_all(compiler, tmp_path)


def test_only_three_libc_symbols(cc: str, tmp_path: Path) -> None:
    objects = compile_all(cc, tmp_path, "-fno-pic", "-fno-stack-protector", "-U_FORTIFY_SOURCE")
    nm = subprocess.run(["nm", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    defined = set(re.findall(r"^[0-9a-f]+ [A-Za-z] (\S+)$", nm, re.MULTILINE))
    undefined = set(re.findall(r"^\s+U (\S+)$", nm, re.MULTILINE))
    assert undefined - defined <= LIBC
    assert LIBC & undefined, "nm listed nothing: the test is blind"
    writable = re.findall(r"^[0-9a-f]+ [bBDC] (\S+)$", nm, re.MULTILINE)
    assert writable == [], "a global that may change"


def test_only_the_interface_is_exported(cc: str, tmp_path: Path) -> None:
    library = tmp_path / "libliteinterp.so"
    command = [cc, *DEFINITION, "-shared", "-fPIC", "-fvisibility=hidden", *map(str, sources()), "-o", str(library)]
    subprocess.run(command, check=True)
    nm = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True, text=True).stdout
    exported = set(re.findall(r" T (\w+)$", nm, re.MULTILINE))
    header = (CSRC / "include" / "liteinterp.h").read_text()
    assert exported == set(re.findall(r"^LI_API[^;(]*?\b(li_\w+)\(", header, re.MULTILINE))


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
    command = [cc, "-std=c11", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    command += [str(tmp_path / "liteinterp.c"), str(ROOT / "tests" / "c" / "exact_memory.c"), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    subprocess.run([str(program), str(model)], check=True)


@pytest.mark.slow
def test_an_operator_can_be_left_out(cc: str, tmp_path: Path) -> None:
    objects = [o for o in compile_all(cc, tmp_path, "-DLI_WITHOUT_TRANSPOSE") if o.stem != "li_transpose"]
    nm = subprocess.run(["nm", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    assert "li_transpose_plan" not in nm


@pytest.mark.slow
def test_a_kernel_set_can_be_left_out(cc: str, tmp_path: Path) -> None:
    objects = compile_all(cc, tmp_path, "-DLI_WITHOUT_AVX2")
    nm = subprocess.run(["nm", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    assert "li_kernels_ref" in nm and "li_kernels_avx2" not in nm


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_other_targets_need_the_same_arena_and_state(program: Callable[..., Path], tmp_path: Path, target: str) -> None:
    """Also the outputs: ``layout`` prints memory needs and a hash of the outputs for every flag."""
    compiler, run = TARGETS[target]
    here = program("layout")
    there = tmp_path / "layout_there"
    command = [*compiler, *DEFINITION, str(ROOT / "tests" / "c" / "layout.c"), *map(str, sources()), "-o", str(there)]
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
