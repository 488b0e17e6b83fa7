# The one door for commands. `make` alone lists them; ARGS="--port 0" goes on to run and demo.

PYTHON := .venv/bin/python

.PHONY: help setup run demo test test-long lint format clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1	\2/' | expand -t 16

setup: .venv/.ready node_modules/.ready  ## make .venv and node_modules (the others call it first)

.venv/.ready: requirements.txt requirements-dev.txt .python-version
	@sh local/setup.sh python >&2

node_modules/.ready: package.json package-lock.json
	@sh local/setup.sh node >&2

run: setup  ## Azurite, the issuer and the function app on this machine, until Ctrl+C
	@exec $(PYTHON) -m local up $(ARGS)

demo: setup  ## the same, with one event published and printed, then stop
	@exec $(PYTHON) -m local up --once $(ARGS)

test: setup  ## the tests, within 3 minutes
	$(PYTHON) -m pytest -m "not long"

test-long: setup  ## the tests that take longer
	$(PYTHON) -m pytest -m "long or property" --hypothesis-profile=long

lint: setup  ## style, types; changes nothing
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: setup  ## put the style right
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

clean:  ## remove what the others have made, data and keys included
	rm -rf .venv node_modules .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
