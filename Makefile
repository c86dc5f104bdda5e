# Everything a checkout can do. `make` without a target lists them.
PYTHON ?= python3
VENV := .venv
UV_VERSION := 0.13.8
ATHERIS_VERSION := 3.0.0
FUZZ_SECONDS ?= 60
FOCUS_PYTHON ?= 3.12
BENCH_HOME ?= $(CURDIR)/.meterhouse/bench
BENCH_PARTS ?= peers,states,overlap,demo,commands,reading
BENCH_OPTIONS ?=
PIP_INSTALL := $(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python
# The result has no index, path or host name, and has hashes for every platform.
COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
TEST := $(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# The unit tests without those of the client, the stand-in and the local stack, which start servers and processes.
PURE := tests/unit $(addprefix --ignore-glob=*/,test_client* test_fake* test_local* test_read_ahead.py test_output.py test_star_keys.py)
DIGEST := $(VENV)/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'

.DEFAULT_GOAL := help
.PHONY: help docs prices psql quick install install-dev install-cluster up down test operations-test upgrade-test install-test coverage cluster-test downtime-test bi-test focus-test soak-test fuzz mutation-test bench bench-small bi-files migration lint lock sbom clean compose-env compose-up

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Installs the lock files $(1) with hashes, unless $(2) already has their digest.
define install_locked
	@set -e; wanted=$$(cat $(1) pyproject.toml | $(DIGEST)); \
	if [ "$$(cat $(VENV)/$(2) 2>/dev/null)" != "$$wanted" ]; then \
		echo "installing $(1) into $(VENV)"; rm -f $(VENV)/$(2); \
		$(PIP_INSTALL) --require-hashes --compile-bytecode $(addprefix -r ,$(1)); \
		$(PIP_INSTALL) --no-deps --no-build-isolation -e .; \
		echo "$$wanted" > $(VENV)/$(2); \
	fi
endef

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || { \
		echo "meterhouse needs Python 3.11 to 3.14, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1): name another with make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make environments: install its venv module (on Debian: apt-get install python3-venv)" >&2; exit 2; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

install: $(VENV)/bin/uv ## Install what `make up` needs into .venv (skipped while the lock file is unchanged)
	$(call install_locked,requirements.txt,runtime.sha256)

install-dev: install ## Install what the tests and the linters need as well
	$(call install_locked,requirements-dev.txt,dev.sha256)

install-cluster: install-dev ## Install what Airflow's CeleryExecutor needs as well
	$(call install_locked,requirements-cluster.txt,cluster.sha256)

up: install ## Start everything: PostgreSQL, Airflow, the first load; Ctrl-C stops it
	@exec $(VENV)/bin/python -m meterhouse up

down: $(VENV)/bin/uv ## Stop a stack that runs in another terminal, or clean up after a killed one
	@exec $(VENV)/bin/python -m meterhouse down

psql: install ## Open psql on the warehouse as its reader: the one on PATH, or that of the embedded PostgreSQL
	@exec $(VENV)/bin/python -m meterhouse.command_line.psql

test: install-dev ## Run the tests; reports their number and how long they took
	@exec $(TEST)

coverage: install-dev ## Run all tests with coverage (takes a third longer), and list the lines that no test runs
	@exec $(TEST) --cov --cov-report=term

operations-test: install-dev ## An operator's day with a complete Airflow: backfills three ways, alerts, cancelled and late runs; five minutes
	@exec $(VENV)/bin/python -m pytest -m operations

upgrade-test: install-dev ## Upgrade, dump, restore and move a warehouse in use, and read a year fast and slowly; four minutes
	@exec $(TEST) -m "upgrade and not soak"

install-test: install-dev ## Start make up twice in a fresh home, and use the wheel in an empty environment; four minutes
	@exec $(TEST) -m install

cluster-test: install-cluster ## Kill workers, the scheduler and the database during a load on the CeleryExecutor (needs redis-server)
	@exec $(VENV)/bin/python -m pytest -m cluster

downtime-test: install-dev ## Simulate an outage of five days and check that the gap closes
	@exec $(VENV)/bin/python -m pytest -m downtime

bi-test: install-dev ## Open the files for BI tools with the vendors' own tools, which are downloaded for this (needs npm)
	@exec $(VENV)/bin/python -m pytest -m bi_tools

focus-test: install-dev ## Run the FOCUS validator on an exported month, in an environment of its own (downloads it; needs Python 3.12)
	@set -e; home=.meterhouse/focus; skip() { echo "make focus-test is skipped: $$1" >&2; exit 0; }; \
	python=$$($(VENV)/bin/uv python find --no-python-downloads "$(FOCUS_PYTHON)" 2>/dev/null) \
		|| skip "the FOCUS validator needs Python 3.12; name one with make focus-test FOCUS_PYTHON=/path/to/python3.12"; \
	$(VENV)/bin/uv venv --quiet --clear --python "$$python" $$home; \
	$(VENV)/bin/uv pip install --quiet --python $$home/bin/python --require-hashes -r requirements-focus.txt \
		|| skip "requirements-focus.txt could not be installed, as uv says above"; \
	METERHOUSE_FOCUS_VALIDATOR="$(CURDIR)/$$home/bin/focus-validator" exec $(VENV)/bin/python -m pytest -m focus

soak-test: install-dev ## Thousands of faults and a thousand kills, a year stopped and resumed, a large export; an hour or two
	@exec $(VENV)/bin/python -m pytest -m soak

fuzz: install-dev ## Feed random bytes to the page decoder for FUZZ_SECONDS (downloads atheris)
	@$(PIP_INSTALL) atheris==$(ATHERIS_VERSION)
	@exec $(VENV)/bin/python tests/faults/fuzz_pages.py -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1

mutation-test: install-dev ## Change one place in the core at a time and check that a test fails; at least 85 in 100 must
	@exec $(VENV)/bin/python benchmarks/mutation.py

bench: install-dev ## Compare loading with other loaders, and measure reading; half an hour, writes docs/performance.md (data is kept in BENCH_HOME)
	@exec $(VENV)/bin/python -m benchmarks.loading --home "$(BENCH_HOME)" --parts "$(BENCH_PARTS)" $(BENCH_OPTIONS)

bench-small: install-dev ## The same in two minutes, without other loaders; fails if a ratio is worse than its limit
	@exec $(VENV)/bin/python -m benchmarks.loading --home "$(BENCH_HOME)" --small

docs: install-dev ## Build the docs site into site/; a link to a page, heading or picture that is not there is an error
	$(call install_locked,requirements-docs.txt,docs.sha256)
	@$(VENV)/bin/python -m sphinx --quiet --fail-on-warning --keep-going -c docs/site -d $(VENV)/doctrees . site
	@cp site/README.html site/index.html
	@echo "site/index.html"

quick: lint ## Lint, and run the pure unit tests, which start no server: before every commit, less than a minute
	@exec $(TEST) $(PURE)

lint: install-dev ## Check style, types and spelling
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell
	$(VENV)/bin/python -m pytest -q tests/unit/test_sql_files.py

# One list per lock file, named after it: a plain installation, several machines, Kubernetes. The same file gives the same list.
sbom: install-dev ## Write lists of all locked packages with their hashes into sbom/ (CycloneDX, JSON)
	@mkdir -p sbom
	@version=$$($(VENV)/bin/python -c 'import meterhouse; print(meterhouse.__version__)'); \
		sed "s/^dynamic = \[\"version\"\]$$/version = \"$$version\"/" pyproject.toml > sbom/pyproject.toml
	@set -e; trap 'rm -f sbom/pyproject.toml' EXIT; for lock in requirements requirements-cluster deploy/kubernetes/requirements; do \
		list=sbom/$$(echo $$lock | tr / -).cdx.json; \
		$(VENV)/bin/python -W ignore -m cyclonedx_py requirements --pyproject sbom/pyproject.toml --output-reproducible --validate \
			--of JSON -o $$list $$lock.txt; \
		echo "$$list"; \
	done

bi-files: install-dev ## Write the files for BI tools again, after a view or a text of the dictionary changed
	@exec $(VENV)/bin/python -m meterhouse.bi_files

prices: $(VENV)/bin/uv ## Write the list prices again, from a library that is pinned by hash and installed nowhere else
	@$(VENV)/bin/uv venv --quiet --clear .meterhouse/prices
	@$(VENV)/bin/uv pip install --quiet --python .meterhouse/prices/bin/python --require-hashes -r prices/requirements.txt
	@PYTHONPATH=etl .meterhouse/prices/bin/python prices/write_list_prices.py

migration: install-dev ## Write the next migration from the catalogue: make migration NAME="video seconds"
	@exec $(VENV)/bin/python -m meterhouse.local.new_migration "$(NAME)"

lock: $(VENV)/bin/uv ## Resolve the requirements*.in files again
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --upgrade requirements-docs.in -o requirements-docs.txt
	$(subst 3.11,3.12,$(COMPILE)) --upgrade requirements-focus.in -o requirements-focus.txt
	$(COMPILE) --upgrade requirements-cluster.in -o requirements-cluster.txt
	$(COMPILE) --upgrade deploy/kubernetes/requirements.in -o deploy/kubernetes/requirements.txt
	$(COMPILE) --upgrade bi/superset/requirements.in -o bi/superset/requirements.txt

compose-env: ## Write .env for docker-compose.yml, with generated passwords
	@exec $(PYTHON) etl/meterhouse/local/compose_env.py

compose-up: ## Start the scaled-out stack of docker-compose.yml (needs docker)
	@docker compose version > /dev/null 2>&1 || { \
		echo "make compose-up needs docker with its compose plugin: install them, or use make up, which needs neither" >&2; exit 2; }
	@$(MAKE) --no-print-directory compose-env
	@exec docker compose up -d --build --wait

clean: ## Stop the stack; delete .meterhouse (including the embedded server's data) and .venv
	@if [ -x $(VENV)/bin/python ] && [ -d .meterhouse ]; then METERHOUSE_HOME="$(CURDIR)/.meterhouse" $(VENV)/bin/python -m meterhouse.local.clean; fi
	rm -rf .meterhouse $(VENV)
