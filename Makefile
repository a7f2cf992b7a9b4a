# make demo     build, and turn the demo's raw tickets into a training set
# make test     set up and run every test
# make check    what a change must pass before it lands: format, warnings as errors, imports, tests
# make install  put `pipe` and its completions under PREFIX
# make bench    the benchmarks

PREFIX ?= /usr/local
PIPE := .build/release/pipe
SOURCES := Package.swift $(shell find Sources)

# With the standard library linked in, the program starts faster and needs no Swift where it is installed.
STATIC := $(if $(filter Darwin,$(shell uname -s)),,--static-swift-stdlib)

.PHONY: demo build test check format install uninstall bench setup clean
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
	@if [ -d Benchmarks ]; then PIPE_BINARY="$(CURDIR)/$(PIPE)" swift run --package-path Benchmarks -c release; \
	else echo "bench: there is no Benchmarks package yet" >&2; exit 2; fi

clean:
	rm -rf .build .build-check
