# make demo     build, and turn the demo's raw tickets into a training set
# make test     set up and run every test
# make check    what a change must pass before it lands: format, warnings as errors, imports, tests
# make install  put `pipe` and its completions under PREFIX
# make bench    the benchmarks, next to every peer that is installed (make bench-setup); BENCH='--rows 2000000' passes options

PREFIX ?= /usr/local
PIPE := .build/release/pipe
SOURCES := Package.swift $(shell find Sources)

# With the standard library linked in, the program starts faster and needs no Swift where it is installed.
STATIC := $(if $(filter Darwin,$(shell uname -s)),,--static-swift-stdlib)

.PHONY: demo build test check format install uninstall bench bench-setup setup clean
.DEFAULT_GOAL := build

demo: $(PIPE)
	@$(PIPE) run Manifests/support-intents.yaml

build: $(PIPE)

setup:
	@scripts/setup.sh

$(PIPE): $(SOURCES)
	@scripts/setup.sh
	@echo "building pipe (release); the first time takes some minutes" >&2
	@swift build -c release --product pipe $(STATIC)
	@touch $@

# One build serves both: the end-to-end tests drive the program that people get.
test: $(PIPE)
	PIPE_BINARY="$(CURDIR)/$(PIPE)" swift test --parallel

check: setup
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	swift build --build-path .build-check --build-tests -Xswiftc -warnings-as-errors --explicit-target-dependency-import-check error
	$(MAKE) test

format:
	swift format --in-place --recursive --parallel Sources Tests Package.swift

install: $(PIPE)
	install -d "$(DESTDIR)$(PREFIX)/bin" \
	  "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	  "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" \
	  "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	install -s -m 755 $(PIPE) "$(DESTDIR)$(PREFIX)/bin/pipe"
	$(PIPE) completions bash > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/pipe"
	$(PIPE) completions zsh > "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pipe"
	$(PIPE) completions fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pipe.fish"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/pipe" \
	  "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/pipe" \
	  "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pipe" \
	  "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pipe.fish"

bench: $(PIPE)
	PIPE_BINARY="$(CURDIR)/$(PIPE)" swift run --package-path Tests/Benchmarks -c release bench $(BENCH)

# The peers live in a virtual environment beside the benchmarks; nothing else needs Python.
bench-setup:
	python3 -m venv Tests/Benchmarks/.venv
	Tests/Benchmarks/.venv/bin/pip install --quiet --requirement Tests/Benchmarks/Peers/requirements.txt

clean:
	rm -rf .build .build-check
