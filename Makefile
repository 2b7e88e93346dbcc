# A thin front on Meson and the scripts, for people who type "make".

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all build check quick long faults reliability demo bench fuzz install clean help

all: build

help:
	@echo 'make build              compile the program: build/src/app/imex'
	@echo 'make demo [KEEP=1]      two private servers, mailboxes extracted, moved and verified'
	@echo 'make check              all tests, and the fast ones under sanitizers'
	@echo 'make quick              the fast tests alone, without sanitizers'
	@echo 'make long [LONG=0.1]    what takes too long for check: a crowd, and a weekend of accidents'
	@echo 'make faults [PART=1/32]  fail every call that can fail, in a small job of each kind; hours'
	@echo 'make reliability        count scenes, faults, kills and fuzzing into docs/reliability.md'
	@echo 'make fuzz [FUZZ_S=60]   each fuzz program for so many seconds'
	@echo 'make bench              speed and memory against other programs'
	@echo 'make install PREFIX=... program and manual (also DESTDIR=...)'
	@echo 'make clean              remove what was built'
	@echo
	@echo 'demo, check, long, reliability and bench install the Debian packages they miss: scripts/deps --list'

build:
	@scripts/build build

check:
	@scripts/check

quick:
	@scripts/check --quick

long:
	@scripts/deps
	@scripts/build build
	@IMEX="$(CURDIR)/build/src/app/imex" LONG="$(LONG)" python3 tests/long/run.py

faults:
	@scripts/deps
	@scripts/build build
	@IMEX="$(CURDIR)/build/src/app/imex" CRASH_SHIM="$(CURDIR)/build/tests/crash/crashshim.so" \
		CRASH_EVERY="$(or $(EVERY),1)" CRASH_PART="$(PART)" python3 tests/crash/run.py -j2 --times nth:

reliability:
	@scripts/deps
	@scripts/reliability

demo:
	@KEEP="$(KEEP)" scripts/demo

bench:
	@scripts/deps
	@scripts/build build
	@bench/run

fuzz:
	@scripts/deps
	@tests/fuzz/run

install:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install

clean:
	rm -rf build build-asan build-tsan
