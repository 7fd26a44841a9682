# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11 or later and a package index.

PYTHON ?= python3
ARGS ?=
DONE := .venv/.setup-done
# The harness that the tests compare with, and NLTK's data, without the forty packages that both would bring.
PARITY := lm-eval==0.4.13 sqlitedict==2.1.0 immutabledict==4.3.1 llama-index-core==0.14.25

.PHONY: docs setup demo test test-all test-lower coverage check smollm2

setup: $(DONE)

$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -c constraints.txt -e '.[dev]'
	.venv/bin/python -m pip install --no-deps $(PARITY)
	@touch $@

demo: $(DONE)
	.venv/bin/redone demo $(ARGS)

# A real language model of 135 M parameters, which tests use where it is there: a folder in the cache REDONE_MODELS.
smollm2: $(DONE)
	.venv/bin/python examples/smollm2.py

# The documents as a site in build/site, with every link checked; to look at it: python3 -m http.server -d build/site
docs: $(DONE)
	.venv/bin/python docs/generate_config.py
	.venv/bin/python docs/generate_api.py
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict

# One thread in each of the two processes; a file's tests stay together as far as that keeps both at work.
PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n 2 --dist worksteal

test: $(DONE)
	$(PYTEST) -m "not slow" $(ARGS)

test-all: $(DONE) test-lower
	$(PYTEST) --values 200
	OMP_NUM_THREADS=1 .venv/bin/python tests/kills.py --kills 200
	OMP_NUM_THREADS=1 .venv/bin/python tests/fuzz.py --inputs 10000
	.venv/bin/python tests/mutations/run.py --jobs 2
	$(MAKE) coverage
	OMP_NUM_THREADS=1 .venv/bin/python tests/mutations/drawn.py --number 300 --jobs 2

# Branches of four packages that their own tests execute, and which test each, for tests/mutations/drawn.py.
COVERED := algo rewards method data
coverage: $(DONE)
	rm -rf build/coverage && mkdir -p build/coverage
	OMP_NUM_THREADS=1 PYTHONPATH=tests/mutations .venv/bin/coverage run -m pytest -p seen -n 0 -m "not slow" \
		$(addprefix tests/unit/,$(COVERED)) tests/e2e/test_pipeline.py
	.venv/bin/coverage report --show-missing --skip-covered
	.venv/bin/coverage json -q -o build/coverage/report.json
	.venv/bin/python tests/covered.py build/coverage/report.json $(COVERED)

# The fast tests with every dependency at the lowest version that pyproject.toml allows, in an environment of their own.
test-lower: .venv-lower/.setup-done
	OMP_NUM_THREADS=1 .venv-lower/bin/python -m pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

.venv-lower/.setup-done: pyproject.toml tests/lower.py
	$(PYTHON) -m venv .venv-lower
	$(PYTHON) tests/lower.py > .venv-lower/constraints.txt
	.venv-lower/bin/python -m pip install -c .venv-lower/constraints.txt -e '.[dev]'
	.venv-lower/bin/python -m pip install --no-deps $(PARITY)
	@touch $@

check: $(DONE)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
