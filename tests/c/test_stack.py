"""The longest call chains, from the compiler's own figures: docs/PERFORMANCE.md states them."""

from __future__ import annotations

import shutil

import pytest
from c.stack import describe, public_chains

#: Bytes, for each function of liteinterp.h with all that it calls: the portable core, and with what only hosts have.
PORTABLE, HOST = 1024, 5120
CORTEX_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-Os")
COMMANDS = {
    "cortex-m4": (PORTABLE, "arm-none-eabi-gcc", *CORTEX_M4),
    "x86-64": (PORTABLE, "gcc", "-O2", "-DLI_WITHOUT_SSE41"),
    "x86-64 with all kernels": (HOST, "gcc", "-O2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("target", COMMANDS)
def test_call_chains_need_little_stack_and_none_is_endless(target: str) -> None:
    limit, *command = COMMANDS[target]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    graph, chains = public_chains(command)
    assert chains["li_open"].size > chains["li_plan"].size / 2 > 0
    assert [describe(graph, chain) for chain in chains.values() if chain.size > limit] == []
