# make · make demo · make test · make test-arm · make bench · make bench-peers · make install · make ft.h · make models
# SAN=1 builds with address and undefined-behaviour sanitizers, SAN=thread with ThreadSanitizer.

# As many compilers at a time as there are processors.
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

CC ?= cc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion
PREFIX ?= /usr/local
SHARED ?= ../shared/data

ifeq ($(SAN),1)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SAN),thread)
SANITIZE = -fsanitize=thread
endif
BUILD = build$(if $(SAN),/san-$(SAN))
ALL_CFLAGS = -std=c99 $(WARN) $(CFLAGS) $(SANITIZE)

# The one list of rooms stands at the end of src/ft.h.
ROOMS := $(shell sed -n 's/^\#include "\(.*\.c\)"$$/src\/\1/p' src/ft.h)
HEADERS := src/ft.h $(wildcard src/*/*.h)
OBJECTS := $(ROOMS:src/%.c=$(BUILD)/%.o)
TESTS := $(wildcard tests/*.c)
TEST_OBJECTS := $(TESTS:tests/%.c=$(BUILD)/tests/%.o)

# The trainer (models/README.md): its inner loops once per instruction set, under the contract of the library.
TRAINER := bpe data files fit gemm lora net recipe svg kernels
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
TRAINER += kernels_avx2 kernels_avx512
endif
TRAINER_OBJECTS := $(TRAINER:%=$(BUILD)/models/%.o)

.PHONY: all demo rows models test test-arm bench bench-peers install clean
.DELETE_ON_ERROR:

all: $(BUILD)/ft

ft.h: $(ROOMS) $(HEADERS) src/tools/amalgamate.c
	@mkdir -p build
	$(CC) -O1 -o build/amalgamate src/tools/amalgamate.c
	build/amalgamate src/ft.h build/ft.h.new
	mv build/ft.h.new ft.h

$(BUILD)/ft: runner.c ft.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ runner.c -lpthread

# The rooms as separate objects: catches a missing include, and lets the tests see inside.
$(BUILD)/%.o: src/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c $(wildcard tests/*.h) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/models/%.o: models/%.c models/train.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(MODEL_CFLAGS) -c -o $@ $<

MODEL_CFLAGS = -O3 -ffp-contract=off -fno-math-errno
$(BUILD)/models/kernels_avx2.o: MODEL_CFLAGS += -mavx2 -DLANES=8 -DNAME=train_kernels_avx2
$(BUILD)/models/kernels_avx512.o: MODEL_CFLAGS += -mavx512f -mavx512dq -mprefer-vector-width=512 -DLANES=16 \
    -DNAME=train_kernels_avx512
$(BUILD)/models/kernels_%.o: models/kernels.c models/train.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(MODEL_CFLAGS) -c -o $@ $<

$(BUILD)/tests/test_train.o: models/train.h

$(BUILD)/tests/test_fuzz.o: $(wildcard tests/fuzz/*)
$(BUILD)/tests/test_corpus.o: models/corpus.c models/corpus_world.h

$(BUILD)/run-tests: $(OBJECTS) $(TEST_OBJECTS) $(TRAINER_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lpthread

test: $(BUILD)/ft $(BUILD)/demo_files $(BUILD)/train $(BUILD)/run-tests
	FT_BUILD=$(BUILD) FT_SHARED=$(SHARED) $(BUILD)/run-tests $(ONLY)

# What depends on the processor, for 64-bit ARM under qemu: with the integer dot product and without.  All
# digests, which takes long: make test-arm ARM_ONLY=golden
ARM_ONLY ?= cpu math random sha256 quant kernels golden/adapters golden/k_quants golden/long_sequence
test-arm:
	@command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null || \
	    { echo "skipped: no aarch64-linux-gnu-gcc or no qemu-aarch64"; exit 0; }; \
	$(MAKE) CC=aarch64-linux-gnu-gcc CFLAGS="-O2 -static" SAN= BUILD=build/arm build/arm/run-tests && \
	for cpu in max cortex-a53; do \
	    echo "-- qemu-aarch64 -cpu $$cpu"; \
	    qemu-aarch64 -cpu $$cpu build/arm/run-tests $(ARM_ONLY) || exit 1; done

FILE_OBJECTS := $(filter-out $(BUILD)/eval/% $(BUILD)/release/% $(BUILD)/run/%,$(OBJECTS))
# Files for tests that run the command.
$(BUILD)/demo_files: tests/demo/demo_files.c tests/tiny.c tests/tiny.h $(FILE_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c %.o,$^) -lpthread

# The rows of the demo's models: build/corpus OUT_DIR [--seed N]
$(BUILD)/corpus: models/corpus.c models/corpus_world.h $(FILE_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c %.o,$^) -lpthread

# The held-out rows, which are shipped.
rows: $(BUILD)/corpus
	$(BUILD)/corpus build/rows
	cp build/rows/support.jsonl build/rows/probe.jsonl models/

# Base and two adapters on the held-out rows: models/README.md
demo: $(BUILD)/ft
	$(BUILD)/ft compare models/demo.json || [ $$? -le 2 ]

$(BUILD)/train: $(BUILD)/models/train.o $(TRAINER_OBJECTS) $(FILE_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lpthread

# The shipped models again, from nothing, and whether their bytes are the same; what was begun goes on from its
# last checkpoint.  After a change of the recipe: cp build/models/SHA256SUMS models
TRAINED = base.gguf refund.gguf refund-mixed.gguf refund-peft/adapter_model.safetensors \
    refund-peft/adapter_config.json
models: build/models/stamp
build/models/stamp: models/recipe.json models/chat.jinja build/corpus build/train
	@mkdir -p build/models models/refund-peft
	build/corpus build/models/rows
	for section in base refund refund-mixed; do \
	    build/train models/recipe.json $$section --data build/models/rows --out build/models || exit; done
	build/train svg $(patsubst %,build/models/%.gguf.log,base refund refund-mixed) -o models/loss.svg
	for file in $(TRAINED); do cp build/models/$$file models/$$file || exit; done
	cd build/models && sha256sum $(TRAINED) | tee SHA256SUMS
	cmp build/models/SHA256SUMS models/SHA256SUMS
	touch $@

# Speed, on random weights in the shape of TinyLlama-1.1B; a format that this version lacks (exit code 3) is
# named and left out.  make bench THREADS=8 BENCH=Q8_0
THREADS ?= 2
BENCH ?= Q4_0 Q8_0 Q4_K_M
BENCH_MODELS = $(BENCH:%=build/bench/%.gguf)
NODE_LLAMA = node-llama-cpp@3.22.1
$(BUILD)/make_model: tests/bench/make_model.c $(FILE_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c %.o,$^) -lpthread

build/bench/%.gguf: tests/bench/make_model.c | $(BUILD)/make_model
	@mkdir -p $(@D)
	$(BUILD)/make_model $@ $*

bench: $(BUILD)/ft $(BENCH_MODELS)
	@for m in $(BENCH_MODELS); do $(BUILD)/ft bench $$m -t $(THREADS) || [ $$? = 3 ] || exit 1; echo; done

# The same against llama.cpp, in turn; its npm package stays in build/peers.
build/peers/node_modules/node-llama-cpp/package.json:
	@mkdir -p build/peers
	cd build/peers && echo '{"private": true}' >package.json && npm install --no-audit --no-fund $(NODE_LLAMA)

bench-peers: $(BUILD)/ft $(BENCH_MODELS) build/peers/node_modules/node-llama-cpp/package.json
	@for m in $(BENCH_MODELS); do \
	    node tests/bench/peers.mjs $(BUILD)/ft build/peers $$m $(THREADS) || [ $$? = 3 ] || exit 1; echo; done

install: $(BUILD)/ft ft.h
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include
	cp $(BUILD)/ft $(DESTDIR)$(PREFIX)/bin/ft
	cp ft.h $(DESTDIR)$(PREFIX)/include/ft.h

clean:
	rm -rf build
