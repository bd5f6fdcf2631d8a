# Lakecast's front door. `make help` lists the verbs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

ENV ?= local
PYTHON ?= python3.11
UV_VERSION := 0.13.8
VENV := .venv
PY := $(VENV)/bin/python
SETTINGS := infra/environments/$(ENV).toml
export LAKECAST_ENV := $(ENV)
# pip's find-links serve uv too; where there are none, uv fetches PyTorch's CPU build by itself.
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
UV_TORCH := $(if $(PIP_FIND_LINKS),,--torch-backend=cpu)

# On the laptop, AWS is the local cloud: its addresses and credentials are put in front of a verb.
ifeq ($(ENV),local)
IN_ENV := $(PY) -m localcloud run --
else
IN_ENV :=
endif

.PHONY: help
help: ## list the verbs
	@printf 'Lakecast: from sensor readings to probabilistic forecasts.\n\nusage: make VERB [ENV=local|dev|staging|prod] [OPTION=…]\n\n'
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.ready ## install everything that is locked into .venv

$(VENV)/uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Lakecast needs Python 3.11 (AWS Glue's); got $$($(PYTHON) --version 2>&1). Say make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "· installing uv $(UV_VERSION)"
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.ready: requirements/lakecast.lock pyproject.toml $(VENV)/uv/bin/uv
	@test -x $(PY) || $(VENV)/uv/bin/uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	@echo "· installing locked dependencies (about 2.5 GB, a few minutes the first time)"
	@$(VENV)/uv/bin/uv pip sync --quiet $(UV_TORCH) --python $(PY) requirements/lakecast.lock
	@$(VENV)/uv/bin/uv pip install --quiet --no-deps --python $(PY) --editable .
	@touch $@

.PHONY: lock
lock: $(VENV)/uv/bin/uv ## resolve pyproject.toml anew into requirements/
	@requirements/lock $(VENV)/uv/bin/uv
