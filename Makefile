# Every target works on a fresh clone: the first one that needs Python makes .venv by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
NAME   ?= quickstart
SCENARIOS ?= quickstart all-types hot-key delete-reinsert
ARGS   ?=

COMPOSE := $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose) -p cdc-harness
AWAIT  := $(PYTHON) .ci/await-healthy $(COMPOSE) --

NO_MKDOCS_2_WARNING := 1
export NO_MKDOCS_2_WARNING

.PHONY: docs help setup scenario scenarios test interop containers up up-own down check format clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup: $(STAMP) ## Create .venv and install the harness into it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, found " + sys.version.split()[0] + "; run: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

scenario: $(STAMP) ## Run one scenario: make scenario NAME=quickstart
	@$(BIN)/harness run $(NAME) $(ARGS)

scenarios: $(STAMP) ## Run every scenario
	@$(BIN)/harness run --all $(ARGS)

test: $(STAMP) ## Run the tests
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

interop: $(STAMP) ## Run clients that others wrote (Java, Node, Go) against the endpoint
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m interop $(ARGS) tests/interop

containers: $(STAMP) ## Run every backend combination with the containers (needs Docker)
	@HARNESS_SCENARIOS='$(SCENARIOS)' $(BIN)/python -m pytest -n 0 -m containers $(ARGS) tests/containers

up: .env ## Start LocalStack and ClickHouse in containers, until they are healthy
	@$(COMPOSE) --profile localstack up -d
	@$(AWAIT) localstack clickhouse

up-own: .env ## Start the harness's own AWS endpoint beside ClickHouse, in containers
	@$(COMPOSE) --profile own up -d --build
	@$(AWAIT) aws clickhouse

down: ## Remove those containers
	@$(COMPOSE) --profile localstack --profile own down --volumes

.env:
	@$(PYTHON) -c 'import secrets as s; print(f"HARNESS_CLICKHOUSE_PASSWORD={s.token_hex(16)}\nHARNESS_ACCESS_KEY=AK{s.token_hex(9).upper()}\nHARNESS_SECRET_KEY={s.token_urlsafe(30)}")' > $@

check: $(STAMP) ## Lint, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(STAMP) ## Build the documentation into site/
	@$(BIN)/mkdocs build --quiet --strict

format: $(STAMP) ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

clean: ## Remove what was built and all runs
	rm -rf $(VENV) runs dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
