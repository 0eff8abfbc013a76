# Everything a fresh machine needs is set up by the targets themselves; only pip, npm and apt-get use the network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory --no-builtin-rules

PYTHON ?= python3
export PYTHON
# Or it would ask the network for a newer pyright.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

VENV := .venv
BIN := $(VENV)/bin

# A virtual environment holds absolute paths, so the stamps carry the folder's: a moved or copied tree gets its own.
HERE := $(shell printf '%s' '$(CURDIR)' | cksum | cut -d' ' -f1)
LOCKED := $(VENV)/.locked-$(HERE)
EDITABLE := $(VENV)/.editable-$(HERE)

# npm without what it tells besides errors. Nothing that is installed may run a script of its own.
NPM := npm --loglevel=error --no-audit --no-fund --no-update-notifier --ignore-scripts
EXTENSION := vscode-extension
EXTENSION_TOOLS := $(EXTENSION)/node_modules/.locked-$(HERE)
CODE_SERVER := $(EXTENSION)/test/editor/node_modules/.locked-$(HERE)

.PHONY: help demo test setup lint format check editors package screenshots system docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: setup ## Set everything up, then find, fix and plan on a copy of the example project
	@scripts/system-packages.sh elixir
	@scripts/demo.sh

test: setup system lint check editors ## Set everything up, system packages too, then lint and run all tests

setup: $(EDITABLE) ## Make .venv with exactly the locked packages, and the project itself in it

lint: setup $(EXTENSION_TOOLS) ## Check style, types and shell scripts
	@status=0; \
	step() { printf '== %s\n' "$$*"; "$$@" || status=1; }; \
	step $(BIN)/ruff check .; \
	step $(BIN)/ruff format --check .; \
	step $(BIN)/pyright; \
	step npm --prefix $(EXTENSION) run --silent check; \
	if command -v shellcheck >/dev/null; then step shellcheck scripts/*.sh .ci/run; \
	else echo 'shellcheck is not installed: the shell scripts are not checked'; fi; \
	exit $$status

format: setup $(EXTENSION_TOOLS) ## Rewrite the Python and TypeScript files as lint wants them
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@cd $(EXTENSION) && npm run --silent format

package: setup $(EXTENSION_TOOLS) ## Build the wheel and the extension for VS Code into dist/
	@scripts/package.sh

screenshots: ## Take the pictures of the documents from the last run of the tests in VS Code
	@mkdir -p docs/images
	@cp build/vscode/{light_bulb,refactor_preview,supervision_tree}.png docs/images/

docs: setup ## Write again what is made from the code: the rules' pages, the extension's settings
	@$(BIN)/python -m scripts.rule_pages
	@$(BIN)/python -m scripts.extension_data

lock: setup ## Write requirements/*.txt again; UPGRADE=1 takes the newest releases
	@$(COMPILE) -o requirements/runtime.txt pyproject.toml
	@$(COMPILE) --constraint requirements/runtime.txt --group dev -o requirements/dev.txt pyproject.toml

clean: ## Remove whatever the other targets made, .venv included
	rm -rf $(VENV) $(EXTENSION)/{node_modules,dist,bundled,schemas,LICENSE} $(EXTENSION)/test/editor/node_modules
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The steps of `test` that the list above doesn't name.

system: $(EDITABLE)
	@scripts/system-packages.sh --required elixir bubblewrap nodejs shellcheck

check: setup
	@printf '== %s\n' 'pytest'
	@$(BIN)/pytest --numprocesses auto --ignore tests/editors

# One after another: each editor wants the whole machine.
editors: package $(CODE_SERVER)
	@scripts/system-packages.sh --required chromium emacs-nox elpa-eglot
	@printf '== %s\n' 'pytest tests/editors'
	@$(BIN)/pytest tests/editors
	@printf '== %s\n' 'VS Code'
	@cd $(EXTENSION) && node esbuild.mjs --tests && npm run --silent test

# Universal: markers for every platform, and the hashes of every platform's wheels. No line may say where
# a package came from: whoever installs it has their own mirror.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --annotation-style line --custom-compile-command 'make lock' \
	$(if $(UPGRADE),--upgrade)

# Made anew when the lock changes, so that nothing stays which the lock doesn't name.
$(LOCKED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo 'Python 3.11 or newer is needed: say where it is with PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/system-packages.sh --required python3-venv
	@echo '== installing the locked packages into $(VENV)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(EDITABLE): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(EXTENSION_TOOLS): $(EXTENSION)/package-lock.json
	@scripts/system-packages.sh --required nodejs npm
	@echo '== installing the locked packages of the extension'
	@cd $(EXTENSION) && $(NPM) ci >/dev/null
	@touch $@

# VS Code itself brings its own list of packages, which code-server leaves to a script after the installation.
# Nothing is compiled: without its native modules it only writes no log files.
$(CODE_SERVER): $(EXTENSION)/test/editor/package-lock.json
	@echo '== installing the VS Code that the extension is tested in'
	@cd $(EXTENSION)/test/editor && $(NPM) ci >/dev/null
	@cd $(EXTENSION)/test/editor/node_modules/code-server/lib/vscode && $(NPM) install --omit=dev >/dev/null
	@touch $@
