# SPDX-License-Identifier: Apache-2.0
# RISC-V 64 (rv64gc) by Debian's gcc-riscv64-linux-gnu:
#     cmake -S csrc -B build/riscv64 -DCMAKE_TOOLCHAIN_FILE=csrc/cmake/toolchains/riscv64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER riscv64-linux-gnu-gcc)
set(CMAKE_C_FLAGS_INIT "-march=rv64gc")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-riscv64 -L /usr/riscv64-linux-gnu)
