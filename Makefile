# Everything a checkout can do. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
UV_VERSION := 0.13.8
ATHERIS_VERSION := 3.0.0
FUZZ_SECONDS ?= 60
BENCH_HOME ?= $(CURDIR)/.meterhouse/bench
BENCH_PARTS ?= peers,states,overlap,demo,commands,reading
BENCH_OPTIONS ?=
PIP_INSTALL := $(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python
# No index, no path and no host name in the result; hashes for every platform.
COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
TEST := $(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
DIGEST := $(VENV)/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'

.DEFAULT_GOAL := help
.PHONY: help install install-dev install-cluster up down test operations-test coverage cluster-test downtime-test bi-test soak-test fuzz mutation-test bench bench-small migration lint lock sbom clean compose-env compose-up

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Installs the lock files $(1) with hashes, unless their digest is the one noted in $(2).
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

down: $(VENV)/bin/uv ## Stop a stack that runs in another terminal, or what a killed one left
	@exec $(VENV)/bin/python -m meterhouse down

test: install-dev ## Run the tests; ends with their number and seconds
	@exec $(TEST)

coverage: install-dev ## Run all tests once more, in a third more time, and end with the lines that none of them runs
	@exec $(TEST) --cov --cov-report=term

operations-test: install-dev ## A day of an operator with a whole Airflow: backfills three ways, alerts, cancelled and late runs; five minutes
	@exec $(VENV)/bin/python -m pytest -m operations

cluster-test: install-cluster ## Kill workers, the scheduler and the database under a load on the CeleryExecutor (needs redis-server)
	@exec $(VENV)/bin/python -m pytest -m cluster

downtime-test: install-dev ## Stop everything for five days of the clock and see the gap close
	@exec $(VENV)/bin/python -m pytest -m downtime

bi-test: install-dev ## Open the files for BI tools with the vendors' own tools, which are fetched for it (needs npm)
	@exec $(VENV)/bin/python -m pytest -m bi_tools

soak-test: install-dev ## Thousands of faults and a thousand kills, a year stopped and resumed, a large export; an hour or two
	@exec $(VENV)/bin/python -m pytest -m soak

fuzz: install-dev ## Feed the page decoder with made-up bytes for FUZZ_SECONDS (fetches atheris)
	@$(PIP_INSTALL) atheris==$(ATHERIS_VERSION)
	@exec $(VENV)/bin/python tests/faults/fuzz_pages.py -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1

mutation-test: install-dev ## Change one place of the core at a time and see that a test fails; at least 85 in 100 have to
	@exec $(VENV)/bin/python benchmarks/mutation.py

bench: install-dev ## Measure loading beside other loaders, and reading; half an hour, writes docs/performance.md (BENCH_HOME keeps what is made)
	@exec $(VENV)/bin/python -m benchmarks.loading --home "$(BENCH_HOME)" --parts "$(BENCH_PARTS)" $(BENCH_OPTIONS)

bench-small: install-dev ## Two minutes of it without other loaders; fails when a ratio is worse than its bound
	@exec $(VENV)/bin/python -m benchmarks.loading --home "$(BENCH_HOME)" --small

lint: install-dev ## Check style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# One list per lock file, named after it: of a plain installation, of several machines, of Kubernetes. The same file gives the same list.
sbom: install-dev ## Write lists of all locked packages with their hashes into sbom/ (CycloneDX, JSON)
	@mkdir -p sbom
	@set -e; for lock in requirements requirements-cluster deploy/kubernetes/requirements; do \
		list=sbom/$$(echo $$lock | tr / -).cdx.json; \
		$(VENV)/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --validate \
			--of JSON -o $$list $$lock.txt; \
		echo "$$list"; \
	done

migration: install-dev ## Write the next migration from the catalogue: make migration NAME="video seconds"
	@exec $(VENV)/bin/python -m meterhouse.local.new_migration "$(NAME)"

lock: $(VENV)/bin/uv ## Resolve the requirements*.in files anew
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --upgrade requirements-cluster.in -o requirements-cluster.txt
	$(COMPILE) --upgrade deploy/kubernetes/requirements.in -o deploy/kubernetes/requirements.txt
	$(COMPILE) --upgrade bi/superset/requirements.in -o bi/superset/requirements.txt

compose-env: ## Write .env for docker-compose.yml, with passwords of its own
	@exec $(PYTHON) etl/meterhouse/local/compose_env.py

compose-up: ## Start the scaled-out stack of docker-compose.yml (needs docker)
	@docker compose version > /dev/null 2>&1 || { \
		echo "make compose-up needs docker with its compose plugin: install them, or use make up, which needs neither" >&2; exit 2; }
	@$(MAKE) --no-print-directory compose-env
	@exec docker compose up -d --build --wait

clean: ## Stop the stack; delete .meterhouse (the embedded server's data too) and .venv
	@if [ -x $(VENV)/bin/python ] && [ -d .meterhouse ]; then METERHOUSE_HOME="$(CURDIR)/.meterhouse" $(VENV)/bin/python -m meterhouse.local.clean; fi
	rm -rf .meterhouse $(VENV)
