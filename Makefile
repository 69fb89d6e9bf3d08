# A thin wrapper: Meson and Ninja build, the scripts in tools/ do the rest. `make help` lists it all.

PREFIX ?= /usr/local
DESTDIR ?=
LTO ?= false
MESON_FLAGS = --buildtype=release -Dhardened=true -Db_lto=$(LTO)
INSTALL = install

.DEFAULT_GOAL := help
.PHONY: help build serve check bench soak fuzz torture format install install-library clean

help: ## this list
	@awk -F ' ## ' '/^[a-z-]+:.* ## / { sub(/:.*/, "", $$1); printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the release binary, build/postern, and libpostern-mailauth (LTO=true: smaller and slower to build)
	@tools/install-packages build
	@TARGETS="postern mailauth-library" tools/build build $(MESON_FLAGS)

serve: build ## a throw-away server under var/ on loopback ports, in the foreground
	@tools/install-packages serve
	@tools/serve

check: ## everything: sanitizers, unit tests, end to end, short fuzz and torture; ends with the count
	@tools/install-packages build serve check peers unpacked
	@tools/check

bench: build ## Postern beside its peers: rates, CPU, memory, idle connections; writes build/bench.json
	@tools/install-packages bench bench-unpacked
	@bench/run $(BENCH)

soak: build ## 100,000 mixed messages, real and hostile, through the whole server: does anything grow? (SOAK="--messages N")
	@tools/install-packages bench
	@bench/soak $(SOAK)

fuzz: ## every fuzz target, ten minutes each (SECONDS=600)
	@tools/install-packages build check
	@tools/fuzz --seconds $(or $(SECONDS),600)

torture: build ## kill -9 at random moments, 100 rounds (ROUNDS=100); full disks; failing flushes; the whole corpus
	@tools/install-packages check peers
	@POSTERN_TORTURE_ROUNDS=$(or $(ROUNDS),100) POSTERN_CORPUS=all \
		tools/pytest tests/torture tests/e2e/test_round_trip.py tests/e2e/test_corpus_judged.py -s

format: ## clang-format over all C files
	@tools/install-packages format
	@clang-format -i $$(find src tests -name '*.[ch]')

install: build install-library ## into DESTDIR and PREFIX (/usr/local): binary, library, manual pages, systemd units, users
	$(INSTALL) -D -m 755 build/postern $(DESTDIR)$(PREFIX)/bin/postern
	for page in $(wildcard doc/man/*.[1-8]); do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@PREFIX@,$(PREFIX),' postern.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/postern.service
	$(INSTALL) -m 644 postern.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/postern.socket
	$(INSTALL) -D -m 644 postern.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/postern.conf

LIB = $(DESTDIR)$(PREFIX)/lib
SHARED = build/library/libpostern-mailauth.so
HEADERS = $(shell sed -n 's/^\#include "\(.*\)"/\1/p' library/public.h)

install-library: build ## only libpostern-mailauth: both forms, headers, pkg-config file, manual page
	$(INSTALL) -d $(LIB)/pkgconfig
	$(INSTALL) -m 644 build/library/libpostern-mailauth.a $(LIB)
	$(INSTALL) -m 755 $$(readlink -f $(SHARED)) $(LIB)
	cp -P $(SHARED) $(SHARED).[0-9] $(LIB)
	sed 's,@PREFIX@,$(PREFIX),' build/library/postern-mailauth.pc >$(LIB)/pkgconfig/postern-mailauth.pc
	for header in $(HEADERS); do $(INSTALL) -D -m 644 src/$$header \
		$(DESTDIR)$(PREFIX)/include/postern/$$header || exit 1; done
	$(INSTALL) -D -m 644 doc/man/postern-mailauth.3 $(DESTDIR)$(PREFIX)/share/man/man3/postern-mailauth.3

clean: ## removes what was built (not var/)
	rm -rf build build-check build-fuzz
