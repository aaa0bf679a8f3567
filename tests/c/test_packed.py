"""Packed weights in a file, at the C interface: reasons to leave them alone, what opening refuses, any contents."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tiny_models import every_operator, int8_conv_net

from converter.backend import with_packed
from converter.gen import tflite
from liteinterp.errors import UnsupportedError
from liteinterp.gen.cdef import ffi
from liteinterp.net import ISA, ModelBytes, Net, Request

if TYPE_CHECKING:
    from .conftest import Core

STALE = -9
EXACT, NO_PACK, PACKED_READY, IGNORE_PACKED = 4, 16, 32, 128
HEADER = struct.Struct("<IIiIQQQ")
MASK = (1 << 64) - 1


@dataclass
class Opened:
    """What planning and opening answered, and whatever has to stay alive."""

    need: Any
    status: int
    rule: str
    net: Any
    memory: list[Any]


def aligned(size: int, keep: list[Any], offset: int = 0) -> Any:
    block = ffi.new("char[]", size + 128)
    keep.append(block)
    return block + -int(ffi.cast("uintptr_t", block)) % 64 + offset


def opened(
    core: Core, data: bytes, flags: int = 0, offset: int = 0, dims: dict[int, tuple[int, ...]] | None = None
) -> Opened:
    """The model at a multiple of 64, or `offset` behind one."""
    keep: list[Any] = []
    model = aligned(len(data), keep, offset)
    ffi.memmove(model, data, len(data))
    options, entries = core.options(flags, dims)
    keep += [options, entries]
    fault, need, info = ffi.new("li_fault *"), ffi.new("li_need *"), ffi.new("li_info *")
    assert core.lib.li_check(model, len(data), info, fault) == 0
    work = aligned(info.work_bytes, keep)
    assert core.lib.li_plan(model, len(data), options, work, info.work_bytes, need, fault) == 0
    memory = ffi.new("li_memory *")
    for part in ("arena", "scratch", "state", "packed"):
        size = getattr(need, part)
        setattr(memory, part, aligned(size, keep))
        setattr(memory, f"{part}_bytes", size)
    keep += [memory, need, fault]
    net = ffi.new("li_net **")
    status = core.lib.li_open(net, model, len(data), memory, options, fault)
    return Opened(need, status, core.rules[fault.rule], net[0], keep)


def packed_part(core: Core, data: bytes, flags: int = 0) -> tuple[str, bytes]:
    """Name of the kernels that run by default, and what they make of a model's weights."""
    found = opened(core, data, flags | IGNORE_PACKED)
    assert found.status == 0
    memory = next(item for item in found.memory if ffi.typeof(item) is ffi.typeof("li_memory *"))
    return ffi.string(core.lib.li_kernels_name(found.net)).decode(), bytes(ffi.buffer(memory.packed, found.need.packed))


def reason(core: Core, found: Opened) -> str:
    assert found.need.packed_from_file == (found.need.packed_ignored == 0 and found.need.packed == 0)
    return core.rules[found.need.packed_ignored]


@pytest.fixture
def kernels(core: Core) -> str:
    name, block = packed_part(core, int8_conv_net().bytes())
    if not block:
        pytest.skip(f"{name} kernels pack nothing")
    return name


def rewritten(block: bytes, **fields: int) -> bytes:
    """A block with other numbers in its header."""
    names = ("magic", "version", "isa", "bytes", "layout", "source", "content")
    numbers = dict(zip(names, HEADER.unpack_from(block), strict=True))
    return HEADER.pack(*(fields.get(name, number) for name, number in numbers.items())) + block[HEADER.size :]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda block: block, "NONE"),
        (lambda block: rewritten(block, magic=1), "PACKED_VERSION"),
        (lambda block: rewritten(block, version=1 << 31), "PACKED_VERSION"),
        (lambda block: rewritten(block, isa=1), "PACKED_VERSION"),
        (lambda block: rewritten(block, bytes=64), "PACKED_LAYOUT"),
        (lambda block: rewritten(block, layout=0), "PACKED_LAYOUT"),
        (lambda block: block[:-1], "PACKED_LAYOUT"),
        (lambda block: block + b"\0", "PACKED_LAYOUT"),
        (lambda block: block[:8], "PACKED_LAYOUT"),
        (lambda block: b"", "PACKED_LAYOUT"),
    ],
)
def test_each_reason_to_leave_them_alone(core: Core, kernels: str, change: Callable[[bytes], bytes], rule: str) -> None:
    plain = int8_conv_net().bytes()
    block = packed_part(core, plain)[1]
    found = opened(core, with_packed(plain, {kernels: change(block)}))
    assert (found.status, reason(core, found)) == (0, rule)


def test_place_shape_and_options_count(core: Core, kernels: str) -> None:
    plain = int8_conv_net().bytes()
    model = with_packed(plain, {kernels: packed_part(core, plain)[1]})
    assert reason(core, opened(core, model, offset=16)) == "PACKED_ALIGNMENT"
    assert reason(core, opened(core, model, EXACT)) == "PACKED_LAYOUT"
    assert reason(core, opened(core, model, dims={0: (2, 7, 5, 3)})) == "PACKED_LAYOUT"
    for flags in (IGNORE_PACKED, NO_PACK):
        found = opened(core, model, flags)
        assert (found.status, found.need.packed_from_file, found.need.packed_ignored) == (0, 0, 0)
    for name in ("another", kernels[:-1], kernels + "x"):
        other = with_packed(plain, {name: packed_part(core, plain)[1]})
        assert opened(core, other).need.packed_from_file == 0
    ready = opened(core, model, PACKED_READY)  # the caller's own part comes first
    assert (ready.need.packed_from_file, ready.status) == (0, STALE) and ready.need.packed > 0


def edited(model: bytes, act: Callable[[tflite.Model], None]) -> bytes:
    """The same file with something changed in it, packed weights kept at a multiple of 64."""
    read = tflite.read_model(model)
    act(read)
    name = read.metadata[-1].name or ""
    data = read.buffers[-1].data
    assert data is not None
    read.metadata, read.buffers = read.metadata[:-1], read.buffers[:-1]
    return with_packed(tflite.write_model(read), {name.removeprefix("liteinterp.packed."): data.tobytes()})


def _weights(model: tflite.Model) -> None:
    data = model.buffers[1].data
    assert data is not None
    changed = np.array(data)
    changed[0] ^= 1
    model.buffers[1].data = changed


def _scale(model: tflite.Model) -> None:
    quantization = model.subgraphs[0].tensors[0].quantization
    assert quantization is not None
    quantization.scale = np.array([0.06], np.float32)


def _zero_point(model: tflite.Model) -> None:
    quantization = model.subgraphs[0].tensors[0].quantization
    assert quantization is not None
    quantization.zero_point = np.array([4], np.int64)


def _activation(model: tflite.Model) -> None:
    options = model.subgraphs[0].operators[0].builtin_options
    assert isinstance(options, tflite.Conv2DOptions)
    options.fused_activation_function = 1


@pytest.mark.parametrize("act", [_weights, _scale, _zero_point, _activation])
def test_what_they_were_made_from_is_hashed(core: Core, kernels: str, act: Callable[[tflite.Model], None]) -> None:
    plain = int8_conv_net().bytes()
    model = with_packed(plain, {kernels: packed_part(core, plain)[1]})
    assert opened(core, edited(model, lambda read: None)).status == 0
    found = opened(core, edited(model, act))
    assert (found.status, found.rule, found.net) == (STALE, "PACKED_STALE", ffi.NULL)
    assert opened(core, edited(model, act), IGNORE_PACKED).status == 0


def test_their_own_bytes_are_hashed(core: Core, kernels: str) -> None:
    plain = int8_conv_net().bytes()
    block = packed_part(core, plain)[1]
    for at in (HEADER.size - 1, 64, len(block) // 2, len(block) - 1):
        damaged = bytearray(block)
        damaged[at] ^= 0x10
        assert opened(core, with_packed(plain, {kernels: bytes(damaged)})).status == STALE


def test_nothing_is_written_and_nothing_else_is_read(core: Core, program: Callable[..., Path], tmp_path: Path) -> None:
    """Guard pages, read-only models and every flag: exact_memory.c on files that hold packed weights."""
    paths = []
    for name, maker in {"conv": int8_conv_net(), "int8": every_operator(True), "float": every_operator(False)}.items():
        plain = maker.bytes()
        kernels, block = packed_part(core, plain, EXACT)
        paths.append(tmp_path / f"{name}.tflite")
        paths[-1].write_bytes(with_packed(plain, {kernels: block}) if block else plain)
    subprocess.run([str(program("exact_memory")), *map(str, paths)], check=True, capture_output=True)


# ---- any contents ----


def hash_word(value: int, word: int) -> int:
    value = ((value ^ word) * 0x9E3779B97F4A7C15) & MASK
    return value ^ (value >> 29)


def hash_bytes(value: int, data: bytes) -> int:
    """As csrc/src/li_packed.c has it."""
    chains = [(value + i) & MASK for i in range(4)]
    value = hash_word(value, len(data))
    whole = len(data) // 32 * 32
    for first in range(0, whole, 32):
        words = struct.unpack_from("<4Q", data, first)
        chains = [hash_word(chain, word) for chain, word in zip(chains, words, strict=True)]
    for chain, word in zip(chains, struct.unpack("<4Q", data[whole:].ljust(32, b"\0")), strict=True):
        value = hash_word(hash_word(value, chain), word)
    return value


def forged(block: bytes, body: bytes) -> bytes:
    """A block with another body and the hash that belongs to it."""
    return rewritten(block, content=hash_bytes(0, body))[:64] + body


def bodies(size: int) -> list[bytes]:
    random = np.random.default_rng(8)
    words = size // 4
    floats = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45], np.float32)
    return [
        random.integers(0, 256, size, np.uint8).tobytes(),
        np.full(words, np.int32(2**31 - 1)).tobytes(),
        np.full(words, np.int32(-(2**31))).tobytes(),
        random.choice(floats, words).tobytes(),
    ]


def test_forged_weights_open(core: Core, kernels: str) -> None:
    """The hash is no signature: whoever knows it can write any body."""
    plain = int8_conv_net().bytes()
    block = packed_part(core, plain)[1]
    found = opened(core, with_packed(plain, {kernels: forged(block, bodies(len(block) - 64)[0])}))
    assert found.status == 0 and core.lib.li_run(found.net) == 0


@pytest.mark.slow
def test_forged_weights_give_numbers_and_nothing_else(program: Callable[..., Path], tmp_path: Path) -> None:
    """Under AddressSanitizer and UBSan, with every kernel set of this machine."""
    paths = []
    for number, maker in enumerate((int8_conv_net(), every_operator(True), every_operator(False))):
        plain, model = maker.bytes(), ModelBytes(maker.bytes())
        for isa in set(ISA) - {"best", "ref"}:
            try:
                block = Net(model, Request(isa=isa)).packed_weights()
            except UnsupportedError:
                continue
            for k, body in enumerate(bodies(len(block) - 64)):
                paths.append(tmp_path / f"{number}.{k}.{isa}.tflite")
                paths[-1].write_bytes(with_packed(plain, {isa: forged(block, body)}))
    path = program("stored", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    done = subprocess.run([str(path), *map(str, paths)], capture_output=True, text=True)
    assert done.stdout == f"{len(paths)}\n", done.stderr
