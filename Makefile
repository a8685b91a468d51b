# `make help` lists what there is to do.

VENV := .venv
BIN := $(VENV)/bin
PYTEST := scripts/pytest.sh $(BIN)/pytest
PYTHON_VERSION := 3.11
# Where `make run` keeps its experiments; delete the folder to forget them.
RUN_HOME := .katib
# As the engine loads numerical libraries: two threads on small matrices wait for each other.
ONE_THREAD := OPENBLAS_NUM_THREADS=1
CHECKED := src tests bench examples scripts

.DEFAULT_GOAL := check
.PHONY: help ahead check format-check format lint types contracts unit learning journeys cluster test run bench bench-search bench-nas clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: format-check lint types contracts unit ## The default: format, lint, types, import contracts, unit and contract tests

format-check: $(VENV)/.dev
	$(BIN)/ruff format --check $(CHECKED)

format: $(VENV)/.dev ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

lint: $(VENV)/.dev ## Lint
	$(BIN)/ruff check $(CHECKED)

types: $(VENV)/.dev ## Check types, tests included
	$(BIN)/mypy
	$(BIN)/mypy tests/networks/conftest.py
	MYPYPATH=tests:tests/cluster:tests/journeys $(BIN)/mypy tests/cluster/conftest.py
	MYPYPATH=tests:tests/cluster:tests/cluster/on_node $(BIN)/mypy tests/cluster/on_node/conftest.py

contracts: $(VENV)/.dev ## Check which room may import which
	$(BIN)/lint-imports

unit: $(VENV)/.dev ## Unit and contract tests
	@scripts/databases.sh
	$(ONE_THREAD) $(PYTEST) -q -n 2 -m "not slow" tests/unit tests/contracts tests/test_manifests.py tests/test_bench.py tests/test_bench_curves.py tests/test_docs.py tests/test_rooms.py tests/test_rules.py tests/test_scripts.py

learning: $(VENV)/.dev ## Searches that must learn: they beat chance on known functions
	$(ONE_THREAD) $(BIN)/pytest -q -n 2 -m slow tests/unit
	$$(scripts/make_environment.sh torch $$(cat tests/networks/requirements.txt)) -m pytest -q -m slow -c tests/networks/pytest.ini tests/networks

journeys: $(VENV)/.dev ## Whole experiments in real processes
	@scripts/kubectl.sh
	@scripts/chromium.sh
	-@scripts/axe.sh > /dev/null
	@scripts/databases.sh
	$(PYTEST) -q -n 3 tests/journeys

cluster: $(VENV)/.dev ## Tests on a real Kubernetes API server, which is built the first time
	@scripts/kubectl.sh
	@scripts/kubernetes.sh
	$(ONE_THREAD) $(PYTEST) -q -n 2 --dist loadfile tests/cluster --ignore=tests/cluster/on_node
	$(ONE_THREAD) $(PYTEST) -q tests/cluster/on_node

test: check ahead learning journeys cluster ## All tests: what continuous integration runs

# The journeys leave time to build what the tests in a cluster need; those wait for it.
ahead:
	@scripts/kubectl.sh
	@nice -n 19 scripts/kubernetes.sh < /dev/null > /dev/null 2>&1 &

run: $(VENV)/.run ## Install katib and tune the digits example
	$(BIN)/katib run examples/digits/experiment.yaml --home $(RUN_HOME)

bench: $(VENV)/.dev ## Measure throughput against the machine's limit and a peer
	$(BIN)/python bench/throughput.py

bench-search: $(VENV)/.dev ## Compare the search algorithms with their peers; OPTIONS=--quick for a few minutes
	$(BIN)/python -m bench.search $(OPTIONS)

bench-nas: $(VENV)/.dev ## Compare the searches of architectures and schedules with random search
	$(BIN)/python -m bench.nas --python $$(scripts/make_environment.sh torch $$(cat tests/networks/requirements.txt))

clean: ## Remove the virtual environment, caches and the experiments of `make run`
	rm -rf $(VENV) bench/.venv-peers bench/.venv-ray $(RUN_HOME) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src tests examples bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/*.egg-info

# Stamps: an installation is repeated when pyproject.toml changes.
$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[examples]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,examples]'
	@touch $@ $(VENV)/.run

$(VENV)/bin/python:
	@scripts/apt-packages.sh
	@python=$$(command -v python$(PYTHON_VERSION) || command -v python3) || { \
	  echo "No Python found: katib needs Python $(PYTHON_VERSION) or newer." >&2; exit 1; }; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(PYTHON_VERSION)".split("."))))' || { \
	  echo "$$python is $$("$$python" --version), but katib needs Python $(PYTHON_VERSION) or newer." >&2; exit 1; }; \
	"$$python" -m venv $(VENV)
