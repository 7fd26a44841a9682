# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11 or later and a package index.

PYTHON ?= python3
ARGS ?=
DONE := .venv/.setup-done

.PHONY: setup demo test check

setup: $(DONE)

$(DONE): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(DONE)
	.venv/bin/redone demo $(ARGS)

test: $(DONE)
	.venv/bin/python -m pytest $(ARGS)

check: $(DONE)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
