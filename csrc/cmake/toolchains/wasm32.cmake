# SPDX-License-Identifier: Apache-2.0
# WebAssembly without a C library by clang and wasm-ld (Debian: clang lld); LI_WASM_SIMD=ON for browsers with SIMD128:
#     cmake -S csrc -B build/wasm -DCMAKE_TOOLCHAIN_FILE=csrc/cmake/toolchains/wasm32.cmake
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET wasm32)
set(CMAKE_AR llvm-ar)   # the system's ar writes archives without an index of WebAssembly symbols
set(CMAKE_RANLIB llvm-ranlib)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LI_WASM_SIMD)

option(LI_WASM_SIMD "Compile with SIMD128" OFF)
set(CMAKE_C_FLAGS_INIT "-ffreestanding")
if(LI_WASM_SIMD)
  string(APPEND CMAKE_C_FLAGS_INIT " -msimd128")
endif()
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -Wl,--no-entry")
