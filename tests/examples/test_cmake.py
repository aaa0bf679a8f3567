"""An embedded project adds csrc to its CMake build and links the static library, with operators left out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LISTS = """
cmake_minimum_required(VERSION 3.16)
project(firmware LANGUAGES C)
set(LI_WITHOUT "SOFTMAX;AVX2" CACHE STRING "")
add_subdirectory({csrc} liteinterp)
add_executable(firmware main.c)
target_link_libraries(firmware PRIVATE liteinterp::static)
"""
MAIN = """
#include "liteinterp.h"
int main(void)
{
    li_info info;
    li_fault fault;
    return li_check("", 0, &info, &fault) == LI_BAD_FILE ? 0 : 1;
}
"""


@pytest.mark.slow
def test_static_library_by_add_subdirectory(repository: Path, tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    (tmp_path / "CMakeLists.txt").write_text(LISTS.format(csrc=repository / "csrc"))
    (tmp_path / "main.c").write_text(MAIN)
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"], ["build/firmware"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
