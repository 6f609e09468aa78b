# Footnote: set-up, chat, tests. GNU make 3.81 and a POSIX shell are enough.
#
# `make chat` and `make test` do the whole set-up by themselves, in .venv, and only what is
# missing: a second run starts in seconds.
#
#   make PYTHON=python3.12 chat     with this Python
#   make RAG_HOME=/big/disk chat    with models and index there

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RAG := $(BIN)/rag
ENGINE_LOG := $(VENV)/llama-cpp-python.log

CHAT_MODEL := qwen2.5-coder-1.5b-instruct
TEST_MODEL := smollm2-135m-instruct
EMBEDDING_MODEL := all-MiniLM-L6-v2

ifndef PYTHON
# The first that is new enough; if none is, set-up says so of python3.
PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && exit; done; echo python3)
endif

# A stamp's name holds a checksum of what it was made from, and of the folder, which an
# environment cannot leave. Times would not do: a checkout changes them, and not the files.
KEY := $(shell { cat pyproject.toml constraints.txt; pwd; } | cksum | tr -d ' ')
INSTALLED := $(VENV)/.installed-$(KEY)
INSTALLED_DEV := $(VENV)/.installed-dev-$(KEY)
TESTED := $(VENV)/.engine-tested-$(KEY)

.DEFAULT_GOAL := help
# Two pips at work in one environment would spoil it.
.NOTPARALLEL:
.PHONY: help install chat test check engine constraints clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

install: $(INSTALLED) ## Set up the environment; the command is then .venv/bin/rag

chat: $(INSTALLED) ## Set up everything, index the articles, and open the chat
	@$(RAG) models pull $(EMBEDDING_MODEL)
	@$(RAG) models pull $(CHAT_MODEL)
	@$(MAKE) -s --no-print-directory $(TESTED) MODEL=$(CHAT_MODEL)
	@echo '==> Indexing the articles: half a minute the first time'
	@$(RAG) index
	@$(RAG) chat

test: $(INSTALLED) ## Set up everything and run all tests
	@$(RAG) models pull $(EMBEDDING_MODEL)
	@$(RAG) models pull $(CHAT_MODEL)
	@$(RAG) models pull $(TEST_MODEL)
	@$(MAKE) -s --no-print-directory $(TESTED) MODEL=$(TEST_MODEL)
	@$(BIN)/python -m pytest

check: $(INSTALLED_DEV) ## Check style and types, then run all tests
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	@$(MAKE) -s --no-print-directory test

engine: $(INSTALLED) ## Compile llama-cpp-python again, for this processor
	@rm -f $(VENV)/.engine-tested-*
	@$(MAKE) -s --no-print-directory compile-engine ENGINE_OPTIONS='--force-reinstall --no-cache-dir'

constraints: $(INSTALLED_DEV) ## Pin what is installed in constraints.txt
	@$(PIP) freeze --all --exclude pip --exclude-editable > $(VENV)/freeze.txt
	@{ echo '# Every version that the tests passed with. Written by: make constraints'; \
	sed 's/+[[:alnum:].]*$$//' $(VENV)/freeze.txt | grep -Eiv '^(cuda|nvidia|triton)'; } \
	> $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt

clean: ## Remove the environment and all caches here; models and index stay
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Every step does nothing where its work is done, so that an interrupted set-up goes on.
$(INSTALLED):
	@echo '==> Checking this machine'
	@if test -x $(BIN)/python; then $(BIN)/python -I rag/preflight.py machine; \
	else $(PYTHON) -I rag/preflight.py machine && $(PYTHON) -m venv $(VENV); fi
	@$(BIN)/python -I rag/preflight.py package-index
	@$(MAKE) -s --no-print-directory torch compile-engine
	@echo '==> Installing the other packages: 2 to 4 minutes the first time, about 500 MB'
	@$(PIP) install --constraint constraints.txt --editable '.[test]'
	@rm -f $(VENV)/.installed-* $(VENV)/.engine-tested-*
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: torch compile-engine

# Whether a package is here in the version of constraints.txt; "+cpu" and the like do not count.
IS_PINNED := $(BIN)/python -c 'import sys; from importlib.metadata import version; \
	found = "{}=={}".format(sys.argv[1], version(sys.argv[1])).split("+")[0]; \
	sys.exit(found not in open("constraints.txt").read().split())' 2>/dev/null

# Without its dependencies: those come with the other packages, from the usual index.
torch:
	@set -e; if $(IS_PINNED) torch; then exit; fi; \
	install='$(PIP) install --no-deps --constraint constraints.txt torch'; \
	index=$$($(BIN)/python -I rag/preflight.py torch-index); \
	if [ -n "$$index" ]; then \
		echo "==> Installing torch, the CPU build from $$index: 1 to 2 minutes, 200 MB"; \
		$$install --index-url "$$index" || $$install; \
	else \
		echo '==> Installing torch, the build that the package index gives: 1 to 2 minutes'; \
		$$install; \
	fi; \
	$(BIN)/python -c 'from importlib.metadata import version; print("torch", version("torch"))'

compile-engine:
	@if [ -z '$(ENGINE_OPTIONS)' ] && $(IS_PINNED) llama_cpp_python; then exit; fi; \
	flags=$$($(BIN)/python -I rag/preflight.py engine-flags); \
	echo '==> Compiling llama-cpp-python: about 4 minutes, or seconds if pip has kept it'; \
	echo "    flags: $${flags:-none}; log: $(ENGINE_LOG)"; \
	rm -f $(ENGINE_LOG); \
	CMAKE_ARGS="$$flags $$CMAKE_ARGS" $(PIP) install $(ENGINE_OPTIONS) --no-deps \
		--constraint constraints.txt --log $(ENGINE_LOG) llama-cpp-python \
	|| { grep -E 'FAILED|[Ee]rror:|CMake Error' $(ENGINE_LOG) | cut -c 1-200 | tail -n 12; \
	echo 'llama-cpp-python could not be fetched or compiled; the whole log is $(ENGINE_LOG).'; \
	exit 1; } >&2

# A native crash is found here, in a child process, and told in a sentence.
ENGINE_TEST := import pathlib, sys; from rag.engine import check_engine; \
	report = check_engine(pathlib.Path(sys.argv[1])); print(report.message, report.hint); \
	sys.exit(not report.ok)

$(VENV)/.engine-tested-%:
	@model=$$($(RAG) models path $(MODEL)) && $(BIN)/python -c '$(ENGINE_TEST)' "$$model"
	@touch $@
