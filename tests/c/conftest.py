"""Builds the C runtime for its tests: as a shared library behind cffi, and as programs with and without sanitizers."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from c_builds import CSRC, Builds

from liteinterp.gen.cdef import ffi


def rule_names() -> list[str]:
    """Names of enum li_rule, by number."""
    return re.findall(r"^\s*X\((\w+),", (CSRC / "src" / "li_rules.h").read_text(), re.MULTILINE)


@dataclass
class Fault(Exception):
    """What a failing call reported."""

    call: str
    status: int
    rule: str
    operation: int
    tensor: int
    needed: int
    had: int


@dataclass(frozen=True)
class Need:
    arena: int
    scratch: int
    state: int
    packed: int
    lower_bound: int
    from_file: bool
    work: int


class Core:
    """The library, with faults as exceptions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lib: Any = ffi.dlopen(str(path))
        self.rules = rule_names()

    def _raise(self, call: str, status: int, fault: Any) -> None:
        if status != 0:
            assert fault.status == status
            rule = self.rules[fault.rule]
            raise Fault(call, status, rule, fault.operation, fault.tensor, fault.needed, fault.had)

    def _model(self, data: bytes) -> Any:
        memory = ffi.new("char[]", len(data) + 16)
        ffi.memmove(memory, data, len(data))
        return memory

    def options(
        self, flags: int = 0, dims: Mapping[int, Sequence[int]] | None = None, **fields: Any
    ) -> tuple[Any, Any]:
        options = ffi.new("li_options *", {"struct_bytes": ffi.sizeof("li_options"), "flags": flags, **fields})
        entries = ffi.new("li_input_dims[]", [(i, len(d), list(d)) for i, d in (dims or {}).items()])
        if dims:
            options.input_dims = entries
            options.input_dims_count = len(entries)
        return options, entries

    def check(self, data: bytes) -> Any:
        model, info, fault = self._model(data), ffi.new("li_info *"), ffi.new("li_fault *")
        self._raise("check", self.lib.li_check(model, len(data), info, fault), fault)
        return info

    def plan(self, data: bytes, flags: int = 0, dims: Mapping[int, Sequence[int]] | None = None, **fields: Any) -> Need:
        model, info, fault = self._model(data), ffi.new("li_info *"), ffi.new("li_fault *")
        need, (options, _entries) = ffi.new("li_need *"), self.options(flags, dims, **fields)
        self._raise("check", self.lib.li_check(model, len(data), info, fault), fault)
        work = ffi.new("char[]", info.work_bytes + 16)
        aligned = work + -int(ffi.cast("uintptr_t", work)) % 16
        status = self.lib.li_plan(model, len(data), options, aligned, info.work_bytes, need, fault)
        self._raise("plan", status, fault)
        return Need(
            need.arena, need.scratch, need.state, need.packed, need.arena_lower_bound, need.plan_from_file != 0,
            info.work_bytes,
        )  # fmt: skip

    def open(self, data: bytes, flags: int = 0, dims: Mapping[int, Sequence[int]] | None = None) -> Net:
        return Net(self, data, flags, dims)


class Net:
    """An open net and the memory that it lives in."""

    def __init__(self, core: Core, data: bytes, flags: int, dims: Mapping[int, Sequence[int]] | None) -> None:
        self.lib = core.lib
        self.need = core.plan(data, flags, dims)
        self._model = core._model(data)
        self._blocks: list[Any] = []
        options, _entries = core.options(flags, dims)
        memory = ffi.new("li_memory *")
        for part in ("arena", "scratch", "state", "packed"):
            size = getattr(self.need, part)
            block = ffi.new("char[]", size + 16)
            self._blocks.append(block)
            setattr(memory, part, block + -int(ffi.cast("uintptr_t", block)) % 16)
            setattr(memory, f"{part}_bytes", size)
        net, fault = ffi.new("li_net **"), ffi.new("li_fault *")
        core._raise("open", self.lib.li_open(net, self._model, len(data), memory, options, fault), fault)
        self.net = net[0]
        self.arena = int(ffi.cast("uintptr_t", memory.arena))

    def offset(self, tensor: int) -> int:
        """Where in the arena a tensor lies."""
        data = self.lib.li_tensor_data(self.lib.li_tensor_at(self.net, tensor))
        return int(ffi.cast("uintptr_t", data)) - self.arena

    def dims(self, tensor: int) -> list[int]:
        t = self.lib.li_tensor_at(self.net, tensor)
        return [self.lib.li_tensor_dims(t)[i] for i in range(self.lib.li_tensor_rank(t))]


@pytest.fixture(scope="session")
def cc() -> str:
    """The C compiler: $CC, or cc."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.fail("these tests compile the C runtime: install a C compiler (Debian: gcc libc6-dev), or set CC")
    return compiler


@pytest.fixture(scope="session")
def builds(cc: str, tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """Pytest-xdist's workers have their own base folders in one: what one of them built the others find there."""
    base = tmp_path_factory.getbasetemp()
    return Builds(cc, (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "builds")


@pytest.fixture(scope="session")
def core(builds: Builds) -> Core:
    if built := os.environ.get("LITEINTERP_CORE_LIBRARY"):  # coverage.py
        return Core(Path(built))
    return Core(builds.library())


@pytest.fixture(scope="session")
def program(builds: Builds) -> Callable[..., Path]:
    """``program("replay", "-fsanitize=address")``: tests/c/replay.c with the whole runtime."""
    return builds.program
