# `make demo` and `make test` work as the first command in a fresh clone: each makes the virtual environment that it
# needs. On Debian: apt install git gcc libc6-dev make python3 python3-venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SANITIZED := build/asan/libliteinterp.so
ARGS ?=
SEED ?= 1
SIZE ?= size
NM ?= nm
CC_AARCH64 ?= aarch64-linux-gnu-gcc
QEMU_AARCH64 ?= qemu-aarch64
SECS ?= 60
STACK ?= gcc -O2 -DLI_WITHOUT_SSE41
FUZZ_CC ?= clang
FUZZ_FLAGS := -O2 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZERS := $(addprefix build/fuzz/fuzz_,check plan run)

DEFINITION := -std=c11 -ffp-contract=off -Icsrc/include -Icsrc/src
LIBRARY := $(addprefix csrc/,$(shell grep -v '^\#' csrc/sources.txt))
CHECKKERN := $(wildcard tests/checkkern/*.[ch]) csrc/src/li_cpu.c csrc/src/li_math.c $(wildcard csrc/src/*.h csrc/kernels/*/*.[ch])
C_SOURCES := $(shell find csrc -name '*.[ch]' -o -name '*.inc' -o -name CMakeLists.txt)

.DEFAULT_GOAL := help
.PHONY: help dev demo test test-slow lint gen gen-check asan checkkern checkkern-cross cross bench quality coverage stack fuzz fuzz-flips sizes clean prerequisites

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

dev: $(READY) ## make .venv and install liteinterp into it, editable, with every extra

demo: $(READY) ## convert, run and compare the bundled model
	$(BIN)/liteinterp demo

test: $(READY) ## run the fast tests (ARGS="-k name" selects)
	$(BIN)/python -m pytest -m "not slow" -n auto $(ARGS)

test-slow: $(READY) ## run the tests that `make test` leaves out
	$(BIN)/python -m pytest -m slow -n auto $(ARGS)

lint: $(READY) ## ruff, mypy and the import rules
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

gen: $(READY) ## write the generated files anew from schema/
	$(BIN)/python schema/generate.py

gen-check: $(READY) ## fail when a generated file is stale
	$(BIN)/python schema/generate.py --check

asan: $(READY) $(SANITIZED) ## run operators and Python interface on a library under AddressSanitizer and UBSan
	LITEINTERP_LIBRARY=$(abspath $(SANITIZED)) ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="`$(CC) -print-file-name=libasan.so` `$(CC) -print-file-name=libubsan.so`" \
	  $(BIN)/python -m pytest -m "not slow" tests/operators tests/runtime $(ARGS)

$(SANITIZED): $(C_SOURCES) csrc/sources.txt
	@mkdir -p $(dir $@)
	$(CC) $(DEFINITION) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -shared -fPIC -pthread -o $@ $(LIBRARY) csrc/src/li_threads.c

checkkern: build/checkkern ## compare every kernel with its definition (SEED=7 chooses the data)
	build/checkkern $(SEED)

checkkern-cross: build/checkkern-aarch64 ## the same for AArch64 under qemu, without and with the dot product
	$(QEMU_AARCH64) -cpu cortex-a53 $< $(SEED)
	$(QEMU_AARCH64) -cpu cortex-a76 $< $(SEED)

build/checkkern: $(CHECKKERN)
	@mkdir -p build
	$(CC) $(DEFINITION) -O2 -o $@ $(filter %.c,$^) -lm

build/checkkern-aarch64: $(CHECKKERN)
	@mkdir -p build
	$(CC_AARCH64) $(DEFINITION) -O2 -static -Wl,-u,getauxval -o $@ $(filter %.c,$^) -lm

bench: $(READY) ## time the zoo's networks, here and in the engines that are installed: build/bench and docs/PERFORMANCE.md
	$(BIN)/python tests/bench/memory.py --docs docs/PERFORMANCE.md
	$(BIN)/python tests/bench/start.py --docs docs/PERFORMANCE.md
	$(BIN)/python tests/bench/threads.py --docs docs/PERFORMANCE.md
	$(BIN)/python tests/bench/networks.py --out build/bench --docs docs/PERFORMANCE.md $(ARGS)

quality: $(READY) ## int8 accuracy beside ai-edge-quantizer and ONNX Runtime: build/quality and docs/QUANTIZATION.md
	@$(BIN)/python -c 'import ai_edge_quantizer, sympy' 2>/dev/null || $(BIN)/python -m pip install -q ai-edge-quantizer sympy
	$(BIN)/python tests/quality/vs_peers.py --docs docs/QUANTIZATION.md $(ARGS)

cross: $(READY) ## build for every target, run under emulators, compare hashes (ARGS="--only m4 m7")
	$(BIN)/python tests/targets/cross.py $(ARGS)

stack: $(READY) ## print the longest call chains of the core in bytes of stack (STACK="COMPILER FLAGS" for another target)
	$(BIN)/python tests/c/stack.py $(STACK)

coverage: $(READY) ## branch coverage of check and plan; fails below 95 %
	$(BIN)/python tests/c/coverage.py build/coverage 95

fuzz-flips: $(READY) ## all bit flips, truncations and boundary words of five models, under AddressSanitizer and UBSan
	$(BIN)/python -m pytest -q -s tests/c/test_damaged_files.py -k every_flip

# FUZZ_CC is a clang with libFuzzer (Debian: apt install clang libclang-rt-14-dev).
fuzz: $(READY) build/fuzz/seeds $(FUZZERS) ## fuzz the runtime and the frontends, each target for SECS seconds
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet atheris
	$(BIN)/python tests/fuzz/fuzz.py build/fuzz $(SECS)

build/fuzz/seeds: $(READY) $(wildcard tests/*.py tests/fuzz/*.py tests/cases/*.toml)
	$(BIN)/python tests/fuzz/corpus.py $@ && touch $@

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/mutator.c tests/fuzz/harness.h tests/c/parts.h build/fuzz/core.a
	$(FUZZ_CC) $(DEFINITION) -Itests/c $(FUZZ_FLAGS) -o $@ $(filter %.c %.a,$^)

build/fuzz/core.a: $(C_SOURCES)
	@rm -rf build/fuzz/core && mkdir -p build/fuzz/core
	@echo "building the runtime for the fuzzers"
	@cd build/fuzz/core && printf '%s\n' $(addprefix ../../../,$(LIBRARY)) | xargs -P 2 -n 4 \
	  $(FUZZ_CC) -std=c11 -ffp-contract=off -I../../../csrc/include -I../../../csrc/src $(FUZZ_FLAGS) -c
	@$(AR) rcs $@ build/fuzz/core/*.o

sizes: ## print bytes of code and data by operator family, for another target with its CC and CFLAGS
	@rm -rf build/sizes
	@CC="$(CC)" SIZE="$(SIZE)" NM="$(NM)" CFLAGS="$(CFLAGS)" $(PYTHON) tests/targets/sizes.py build/sizes

prerequisites:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing: apt install python3 python3-venv" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "make: Python 3.10 or newer is needed, $(PYTHON) is `$(PYTHON) --version 2>&1`: choose one with PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "make: Python's venv module is missing: apt install python3-venv" >&2; exit 2; }
	@command -v $(CC) >/dev/null || { echo "make: a C compiler is missing: apt install gcc" >&2; exit 2; }
	@printf '#include <string.h>\nint main(void) { return (int)strlen(""); }\n' | $(CC) -x c -o /dev/null - 2>/dev/null \
	  || { echo "make: $(CC) finds no C library: apt install libc6-dev" >&2; exit 2; }

# The C library is built by the install, so its sources make it stale; Python files are used in place.
$(READY): pyproject.toml $(C_SOURCES) | prerequisites
	@echo "making $(VENV): a virtual environment with liteinterp and its tools (one to two minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[convert,compare,dev]'
	@touch $@

clean: ## remove what make made
	rm -rf $(VENV) build
