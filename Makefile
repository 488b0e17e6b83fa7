# The one door for commands. `make` alone lists them; ARGS="--port 0" goes on to run, demo and bench.

VENV := .venv/bin/python
SPHINX := .venv-site/bin/python -m sphinx --quiet --fresh-env --conf-dir docs --doctree-dir .local/doctrees
MINUTES := 10
ENVIRONMENT := dev

.PHONY: help setup run demo test test-long bench soak lint format package deploy snapshots screenshot docs site links clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1	\2/' | expand -t 16

setup: .venv/.ready node_modules/.ready  ## make .venv and node_modules (the others call it first)

.venv/.ready: requirements.txt requirements-dev.txt .python-version
	@sh local/setup.sh python >&2

.venv-checkov/.ready: requirements-checkov.txt .python-version
	@sh local/setup.sh checkov >&2

.venv-site/.ready: requirements-site.txt .python-version
	@sh local/setup.sh site >&2

node_modules/.ready: package.json package-lock.json
	@sh local/setup.sh node >&2

run: setup  ## storage, a token issuer, the function app and a page, until Ctrl+C; ARGS="--page-port 0": another port
	@exec $(VENV) -m local up $(ARGS)

demo: setup  ## the same, but stop after the sample event
	@exec $(VENV) -m local up --once $(ARGS)

test: setup  ## the tests, within 3 minutes
	$(VENV) -m pytest -m "not long" -n auto --maxprocesses 4 --dist loadfile

test-long: setup .venv-checkov/.ready .venv-site/.ready  ## the tests that take longer
	$(VENV) -m pytest -m "(long or property) and not alone" --hypothesis-profile=long -n 2 --dist loadfile
	$(VENV) -m pytest -m "long and alone"

bench: setup  ## measure it, in 12 minutes, and draw docs/*.svg anew; ARGS=--quick: roughly, in one, and draw nothing
	$(VENV) -m benchmarks $(or $(ARGS),--chart docs/performance.svg)
	$(if $(ARGS),,$(VENV) -m benchmarks.scale --plot docs/scale.svg)

soak: setup  ## load for MINUTES=10, and whether memory or answers get worse with time
	$(VENV) -m benchmarks.soak $(MINUTES)

lint: setup  ## style, types; changes nothing
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	node_modules/.bin/biome check --error-on-warnings

format: setup  ## put the style right
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .
	node_modules/.bin/biome check --write

package:  ## package.zip: what a deployment sends to Azure, of the last commit
	sh infra/package.sh package.zip

deploy:  ## infrastructure and function to the subscription of `az login`: ENVIRONMENT=dev
	sh infra/deploy.sh $(ENVIRONMENT)

snapshots: setup  ## write anew what infra/ would deploy, which the tests compare (needs bicep)
	$(VENV) -m tests.infra.snapshots

screenshot: setup  ## take the README's pictures of the page anew (needs Chromium)
	$(VENV) -m tests.page.screenshot

docs: setup  ## write docs/problems.md anew, from the code
	$(VENV) -m docs.write

site: .venv-site/.ready node_modules/.ready  ## site/: docs/ to be read in a browser; fails on a link that leads nowhere
	rm -rf site
	$(SPHINX) --fail-on-warning --builder html . site
	@echo Open site/index.html

links: .venv-site/.ready  ## ask the pages elsewhere that ours link to whether they are still there
	-$(SPHINX) --builder linkcheck . .local/links 2>/dev/null
	.venv-site/bin/python -m docs.links .local/links/output.json

clean:  ## remove what the others have made, data and keys included
	rm -rf .venv .venv-checkov .venv-site site package.zip node_modules .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
