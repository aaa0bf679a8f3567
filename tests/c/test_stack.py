"""The longest call chain of the portable core, from the compiler's own figures: docs/PERFORMANCE.md states them."""

from __future__ import annotations

import shutil

import pytest
from c.stack import describe, public_chains

#: Bytes, for each function of liteinterp.h with all that it calls.
LIMIT = 1024
CORTEX_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-Os")
COMMANDS = {
    "cortex-m4": ("arm-none-eabi-gcc", *CORTEX_M4),
    "x86-64": ("gcc", "-O2", "-DLI_WITHOUT_AVX2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("target", COMMANDS)
def test_call_chains_need_little_stack_and_none_is_endless(target: str) -> None:
    command = COMMANDS[target]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    graph, chains = public_chains(command)
    assert chains["li_open"].size > chains["li_plan"].size / 2 > 0
    assert [describe(graph, chain) for chain in chains.values() if chain.size > LIMIT] == []
