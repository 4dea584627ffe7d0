# Each target makes .venv and installs what it needs by itself.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: campaign demo test check fix bench clean

demo: .venv/.installed
	$(BIN)/edgeward demo

test: check
	$(BIN)/pytest -n 2

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

campaign: .venv/.dev
	$(BIN)/python -m tests.campaign --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1)

bench: .venv/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	$(BIN)/python -m bench

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python setup.cfg pyproject.toml setup.py httpcache/serve/hot_path.py httpcache/serve/receiving.py $(wildcard httpcache/serve/*.pxd)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/.dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build *.egg-info httpcache/serve/*.so
