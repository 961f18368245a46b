# One way in: `make help` lists what there is to do. Every target works on a fresh clone.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
export PYTHONDONTWRITEBYTECODE = 1
export UV_PYTHON_DOWNLOADS = never

PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## make .venv from the lock, and get RabbitMQ if there is none
	@$(PYTHON) -m stack provide

$(INSTALLED): uv.lock pyproject.toml
	@stack/install.sh
	@touch $@

check: $(INSTALLED)  ## formatting, lint (security rules too), types, import contracts, the lock
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	@stack/install.sh check-lock

format: $(INSTALLED)  ## put the code into its form
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format .

test: setup  ## unit, integration and acceptance tests, and the formal model in small (WORKERS=2 at once)
	.venv/bin/pytest -n $(or $(WORKERS),2) --dist loadfile tests/unit tests/integration tests/acceptance tests/model

model: $(INSTALLED)  ## check the formal model in full and print the states explored (some minutes)
	@exec $(PYTHON) -m model

crash-points: setup  ## a campaign killed and frozen at every crash point, figures into the docs (SEED=1 PAIRS=40; an hour)
	SEED=$(or $(SEED),1) PAIRS=$(or $(PAIRS),40) REPORT=bench/results/crash_points.json .venv/bin/pytest -v tests/chaos/test_crash_points.py
	@exec $(PYTHON) -m bench.guarantees

chaos: setup  ## campaigns under random kills, freezes, outages and cuts (SECONDS=120 SEED=drawn RUNS=1)
	@exec $(PYTHON) -m chaos --seconds $(or $(SECONDS),120) --runs $(or $(RUNS),1) $(if $(SEED),--seed $(SEED)) $(if $(RESULTS),--results $(RESULTS) --write-docs)

bench: setup  ## measure everything within five minutes and write it into the README (FULL=1 ONLY=… ENGINE=… ROUNDS=5)
	@stack/install.sh bench
	@exec $(PYTHON) -m bench $(if $(FULL),--full) $(if $(ONLY),--only $(ONLY)) $(if $(ENGINE),--engine $(ENGINE)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-check: setup  ## what the bench measures beside this system: each baseline rings a small campaign
	@stack/install.sh bench
	.venv/bin/pytest -v tests/bench

recovery: setup  ## measure how long dialling pauses after each fault, and write it into the docs (ten minutes)
	@exec $(PYTHON) -m bench.recovery --json bench/results/recovery.json --write-docs

dashboards: $(INSTALLED)  ## write deploy/grafana/*.json anew from their code
	@exec $(PYTHON) -m deploy.grafana

dashboard-pictures: setup  ## draw docs/dashboards/*.png with Grafana's own components (needs npm and Chromium)
	@deploy/tools/prometheus.sh
	@exec $(PYTHON) -m tests.deploy.monitoring.pictures

monitoring-check: setup  ## alerts and dashboards against a real Prometheus and Alertmanager (gets them where it may)
	@deploy/tools/prometheus.sh || echo "without Prometheus: what needs it is skipped, see below" >&2
	.venv/bin/pytest -v -rs tests/deploy/monitoring

k8s-check: monitoring-check  ## chart, kustomization, compose file, alerts: what real tools say of all of deploy/
	@deploy/tools/install.sh
	.venv/bin/pytest -v -rs tests/deploy --ignore tests/deploy/monitoring

image-check: setup  ## build the image and run a campaign in hardened containers (gets buildah and podman where it may)
	@deploy/tools/image.sh
	.venv/bin/pytest -v -rs tests/image

deploy-copies: $(INSTALLED)  ## copy alerts and dashboards into chart and kustomization, which read only themselves
	@exec $(PYTHON) deploy/tools/copies.py

demo: setup  ## run a campaign against the simulator, with everything on this machine
	@exec $(PYTHON) -m stack demo

up: setup  ## run the whole system on this machine until Ctrl-C
	@exec $(PYTHON) -m stack up

migrate: $(INSTALLED)  ## bring the database of DATABASE_URL to the newest schema
	@exec $(PYTHON) -m shared.migrations

run-api: $(INSTALLED)  ## the API, against one's own servers (.env is read)
	@exec $(PYTHON) -m services.api

run-webhook: $(INSTALLED)  ## the webhook service, likewise
	@exec $(PYTHON) -m services.webhook

run-dispatcher: $(INSTALLED)  ## the dispatcher, likewise
	@exec $(PYTHON) -m services.dispatcher

run-reaper: $(INSTALLED)  ## the reaper, likewise
	@exec $(PYTHON) -m services.reaper

run-simulator: $(INSTALLED)  ## the Twilio of this machine
	@exec $(PYTHON) -m simulator

clean:  ## remove what the other targets made
	rm -rf .venv .tools .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup check format test dashboards dashboard-pictures monitoring-check k8s-check image-check deploy-copies model crash-points chaos bench bench-check recovery demo up migrate run-api run-webhook run-dispatcher run-reaper run-simulator clean
