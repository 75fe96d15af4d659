# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
# What a person types. The work is done by the scripts in tools/, each of which runs alone as well.
# Variables: APT=1 (install missing Debian packages with sudo), LIBDUCKDB=path (use this libduckdb instead of fetching
# one), DEMO_ARGS (options of `streamduck demo`), SUITES (what `make test` runs; see tools/test --list).
export APT LIBDUCKDB
SHELL := /bin/bash

.PHONY: all demo test bench crash lint libduckdb clean help
.DEFAULT_GOAL := all

all: ## build/streamduck
	@tools/build

demo: ## build, then send real flight records through the emulator into build/demo/flights.duckdb
	@tools/demo $(DEMO_ARGS)

test: ## every test suite; ends with "N passed, N failed"
	@tools/bootstrap test
	@tools/test $(SUITES)

bench: ## compare the pipeline with its parts and with the Python way
	@tools/bench

crash: ## kill a running pipeline 1,000 times and check that each event landed once
	@tools/crash

lint: ## format, include directions, exported symbols, headers on their own, paths that do not belong here
	@tools/bootstrap test
	@tools/test lint

libduckdb: ## fetch libduckdb into build/lib
	@tools/bootstrap libduckdb

clean: ## remove what was built; keeps downloads, the demo's data and caches
	@tools/clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
