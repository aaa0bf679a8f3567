# SPDX-License-Identifier: Apache-2.0
# Bare-metal Cortex-M by arm-none-eabi-gcc; LI_CORE is cortex-m0, -m0plus, -m3, -m4, -m7, -m33 or -m55:
#     cmake -S csrc -B build/m4 -DCMAKE_TOOLCHAIN_FILE=csrc/cmake/toolchains/cortex-m.cmake -DLI_CORE=cortex-m4 -DCMAKE_BUILD_TYPE=MinSizeRel
# The library needs no C library: -ffreestanding, so gcc-arm-none-eabi without newlib is enough. Float arguments go in
# float registers (the "hard" convention) where the core has them; a firmware built otherwise sets LI_CORE_FLAGS.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LI_CORE LI_CORE_FLAGS)

set(LI_CORE cortex-m4 CACHE STRING "What -mcpu takes")
if(LI_CORE STREQUAL "cortex-m4")
  set(LI_DEFAULT_CORE_FLAGS "-mfloat-abi=hard -mfpu=fpv4-sp-d16")
elseif(LI_CORE STREQUAL "cortex-m7")
  set(LI_DEFAULT_CORE_FLAGS "-mfloat-abi=hard -mfpu=fpv5-d16")
elseif(LI_CORE STREQUAL "cortex-m33")
  set(LI_DEFAULT_CORE_FLAGS "-mfloat-abi=hard -mfpu=fpv5-sp-d16")
elseif(LI_CORE STREQUAL "cortex-m55")
  set(LI_DEFAULT_CORE_FLAGS "-mfloat-abi=hard")
else()
  set(LI_DEFAULT_CORE_FLAGS "-mfloat-abi=soft")   # no floating-point unit: M0, M0+, M3
endif()
set(LI_CORE_FLAGS "${LI_DEFAULT_CORE_FLAGS}" CACHE STRING "Float unit and calling convention")
set(CMAKE_C_FLAGS_INIT "-mthumb -mcpu=${LI_CORE} ${LI_CORE_FLAGS} -ffreestanding -ffunction-sections -fdata-sections")
