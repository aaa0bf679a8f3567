# SPDX-License-Identifier: Apache-2.0
# x86-64 by Debian's gcc, from another machine gcc-x86-64-linux-gnu:
#     cmake -S csrc -B build/x86-64 -DCMAKE_TOOLCHAIN_FILE=csrc/cmake/toolchains/x86_64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-x86_64 -L /usr/x86_64-linux-gnu)
