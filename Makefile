# Each target is a line or two; `make help` describes them.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := $(sort $(dir $(wildcard adapters/pyproject.toml tools/pyproject.toml proto/pyproject.toml openapi/pyproject.toml domains/*/pyproject.toml)))
SOURCES := $(wildcard domains/*/src)
PARALLEL := --numprocesses 3 --dist loadscope # most of a test's time is waiting for servers
empty :=

# uv installs in seconds, pip in a minute. It uses the index that pip is configured for.
PIP_INDEX := $(or $(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config list 2>/dev/null | sed -n "s/^[^=]*\.index-url='\(.*\)'$$/\1/p" | head -n 1))
ifneq ($(PIP_INDEX),)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX)
endif

help: ## Show this help.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## Create .venv with every locked package and the members, editable.

.venv/ready: requirements.lock $(addsuffix pyproject.toml,$(MEMBERS))
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setup: installing the locked packages into .venv"
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock | $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r /dev/stdin
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@$(BIN)/python -m compileall -q $(MEMBERS)
	@touch $@

dist: setup ## Build the wheels that a workspace needs, aether-adapters and aether-tools, into dist/.
	@$(BIN)/python -m aether_tools.wheels . dist

demo: setup ## From nothing to a served, tested domain in a workspace of its own, with timings.
	@$(BIN)/python tests/demo.py

demo-sale: setup ## Run a flash sale on the shop, 1,000 buyers for 100 seats, and check that the books agree.
	@$(BIN)/python -m tests.demo_sale

test: setup ## Run every test that takes seconds, or those in TESTS; on real servers if installed (PYTEST_ADDOPTS=-rs names skipped tests).
	@$(BIN)/pytest $(PARALLEL) $(TESTS)

prove: setup ## Run the long tests too: fuzzing, a real broker, kills; or those in TESTS.
	@$(BIN)/pytest $(PARALLEL) --durations 20 -m "prove or not prove" $(TESTS)

walk: setup ## Run the commands of README and the guides, as written, in clean folders.
	@$(BIN)/python -m tests.walk

prove-full: setup ## Like prove, but at full size: a rolling restart, every fault of every neighbour; or those in TESTS.
	@AETHER_TIMING_PAIRS=300 AETHER_CORPUS_STEP=1 AETHER_ROLLING_REQUESTS=10000 AETHER_NEIGHBOUR_FAULTS=all AETHER_NEIGHBOUR_RATE=60 AETHER_NEIGHBOUR_SECONDS=12 $(BIN)/pytest $(PARALLEL) -m "prove or not prove" $(TESTS)

check: setup ## Check format, lint, types, import rules, workflows, and contracts against code; all of them, whatever fails.
	@failed=; run() { tool=$$1; shift; "$$@" || failed="$$failed $$tool"; }; \
		run format $(BIN)/ruff format --check .; \
		run lint $(BIN)/ruff check .; \
		run types env MYPYPATH=$(subst $(empty) ,:,$(SOURCES)) $(BIN)/mypy adapters tools tests proto/gen $(wildcard openapi/gen/*/*.py) $(SOURCES) $(wildcard domains/*/tests); \
		run layers $(BIN)/lint-imports; \
		run contracts $(BIN)/buf lint proto; \
		run workflows $(BIN)/zizmor --offline --quiet --no-progress .github action.yml templates/workspace/.github; \
		run aether $(BIN)/aether check; \
		if test -n "$$failed"; then echo "make check: failed:$$failed" >&2; exit 1; else echo "make check: everything passed."; fi

bench: setup ## Compare our paths with their peers in one run, or the rows that ONLY matches; ratios to build/bench.json.
	@$(BIN)/python -m tests.bench.run --json build/bench.json $(if $(ONLY),--only '$(ONLY)')

bench-overload: setup ## Offer servers up to ten times what they can bear; figures and a chart to build/overload.*.
	@$(BIN)/python -m tests.overload.run --json build/overload.json --chart build/overload.svg $(if $(ONLY),--only '$(ONLY)')

run: setup ## Start every domain, embedded.
	@$(BIN)/aether run

lock: ## Recompile requirements.lock from the members and the dev group (for maintainers).
	@mkdir -p build && printf 'aether-%s @ file://$(CURDIR)/%s\n' adapters adapters openapi openapi proto proto > build/overrides.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --override build/overrides.txt $(addprefix --no-emit-package aether-,adapters openapi proto) \
		--group dev --extra embedded --extra testing adapters/pyproject.toml tools/pyproject.toml \
		$(wildcard domains/*/pyproject.toml) --output-file requirements.lock

.PHONY: help setup dist demo demo-sale test prove prove-full walk check bench bench-overload run lock
