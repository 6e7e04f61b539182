# The commands of the README. Each installs what it needs and does not find, and may be run again.
BUN = node_modules/.bin/bun

.PHONY: help setup build check test test-vm demo bench clean

help:
	@echo 'make demo    set up, then run a small real image from a registry on this machine'
	@echo 'make test    set up, build, check and run every test'
	@echo 'make test-vm  limits, pause and start at boot, in a virtual machine with systemd'
	@echo 'make build   build dist/tsbox for this machine'
	@echo 'make check   types, format and lint'
	@echo 'make bench   compare with podman, crun and bubblewrap; writes docs/benchmarks.md'
	@echo 'make clean   remove what was built'

setup:
	@scripts/setup test

build:
	@scripts/setup build
	@$(BUN) compile.ts

check:
	@scripts/setup build
	@scripts/check

test: setup
	@scripts/check
	@$(BUN) compile.ts
	@$(BUN) compile.ts --target linux-arm64
	@scripts/test

test-vm: build
	@scripts/setup vm
	@tests/vm/run

demo:
	@scripts/demo

bench:
	@scripts/bench

clean:
	rm -rf dist
