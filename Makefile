# Everything that a person does with a checkout. `make` alone lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
CLIENT := static/vendor/socket.io.esm.min.js
INDEPENDENT := build/independent/node
# Without compiling: what is really imported gets compiled then; the rest of thousands of modules never.
PIP_INSTALL := $(BIN)/pip --disable-pip-version-check --quiet --quiet install --no-compile
# Every process started from here runs the checkout's own environment, whatever is active around it.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
# What is compiled is kept: hundreds of processes would each compile 500 modules anew.
unexport PYTHONDONTWRITEBYTECODE

# HOST counts only when it is given to make itself: some shells export it as the machine's name.
given_host := $(if $(filter command line,$(origin HOST)),--host $(HOST))
given_port := $(if $(PORT),--port $(PORT))
# pytest's 5, no tests, is a fault, unless ARGS chose among them.
may_be_none := $(if $(ARGS),|| [ $$? -eq 5 ])
with_sandbox := $(if $(filter-out 0 no false,$(SANDBOX)),--sandbox)

.PHONY: help serve test soak bench lint format vendor lock wheel clean chromium

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name what; do printf '  make %-8s %s\n' "$$name" "$$what"; done

serve: $(BIN)/.installed $(CLIENT) ## Run it, and print a login link; SANDBOX=1 without a phone, PORT=8000, HOST=127.0.0.1
	@exec $(BIN)/talkabiz serve $(given_host) $(given_port) $(with_sandbox)

test: lint chromium $(CLIENT) $(INDEPENDENT) ## Check everything: style, types, house rules, tests (the long ones are in soak)
	@.ci/pytest.sh -m "not soak and not alone" -n 3 --dist loadfile $(ARGS)
	@$(BIN)/python -m pytest -m "alone and not soak" $(ARGS) $(may_be_none)

soak: $(BIN)/.tested $(CLIENT) chromium ## Run the tests that are too long for that: under half an hour
	@.ci/pytest.sh -m "soak and not alone" -n 3 --dist load $(ARGS) $(may_be_none)
	@$(BIN)/python -m pytest -m "soak and alone" $(ARGS) $(may_be_none)

bench: $(BIN)/.tested $(CLIENT) ## Measure: time to a QR and to connected, push latency, messages a second, memory a session
	@$(BIN)/python -m tests.bench $(ARGS)

lint: $(BIN)/.tested ## Check style, types and who imports whom
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Run: make format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >build/imports.txt 2>&1 || { cat build/imports.txt; exit 1; }

format: $(BIN)/.tested ## Put the code into shape
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

vendor: $(CLIENT) ## Fetch the browser's libraries into static/vendor/
	@:

lock: ## Write the lock files anew from pyproject.toml (ARGS=--upgrade for the newest versions)
	@PYTHON="$$(.ci/python.sh $(PYTHON))" && export PYTHON && .ci/lock.sh $(ARGS)

wheel: $(BIN)/.installed $(CLIENT) ## Build the wheel into dist/
	@$(BIN)/python -m hatchling build -t wheel

clean: ## Remove what the build made (never sessions/ nor a database)
	@rm -rf .venv build dist static/vendor .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

chromium:
	@.ci/chromium.sh

# ── stamps: each is made once, and again when what it depends on changes ──

$(BIN)/.made:
	@PYTHON="$$(.ci/python.sh $(PYTHON))" && echo "Making .venv with $$("$$PYTHON" --version) ..." && "$$PYTHON" -m venv --clear .venv
	@touch $@

$(BIN)/.installed: requirements.lock pyproject.toml $(BIN)/.made
	@echo "Installing what it runs on (once) ..."
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/.tested: .ci/test.lock $(BIN)/.installed
	@echo "Installing what the tests need (once) ..."
	@$(PIP_INSTALL) --require-hashes -r .ci/test.lock
	@mkdir -p build
	@touch $@

$(CLIENT): static/package.json static/package-lock.json .ci/vendor.sh .ci/node.sh $(BIN)/.made
	@echo "Fetching the browser's libraries (once) ..."
	@.ci/vendor.sh
	@touch $@

$(INDEPENDENT): tests/independent/package.json tests/independent/package-lock.json .ci/independent.sh .ci/node.sh $(BIN)/.made
	@echo "Fetching another client of the protocol (once) ..."
	@.ci/independent.sh
