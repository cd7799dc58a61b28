# make run    set up, then run the daemon in the foreground
# make test   run all tests (ARGS="-k name" picks some)
# make help   the rest

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Nothing here relies on the system's folder for temporary files.
export TMPDIR := $(CURDIR)/target/tmp
export TEMP := $(TMPDIR)
export TMP := $(TMPDIR)
$(shell mkdir -p "$(CURDIR)/target/tmp")

PYTHON_ENV := .venv/bin/python
CODE := $(wildcard src tests bench scripts examples)

.PHONY: help run test check fix docs bench bench-engine bench-memory bench-recall engine hooks package clean

help:
	@echo 'make run      set up, then run the daemon in the foreground'
	@echo 'make test     set up, then run all tests; ARGS="-k name" picks some'
	@echo 'make check    formatting, lint, types, import rules, generated documentation'
	@echo 'make fix      put right what can be put right by itself'
	@echo 'make docs     write the generated pages of the documentation'
	@echo 'make bench    measure; bench-engine: the engine against a llama-server;'
	@echo '              bench-memory: the memory at 10,000 items and more;'
	@echo '              bench-recall: what the memory finds of long conversations'
	@echo 'make engine   build the embedded engine again'
	@echo 'make hooks    run the whole suite before every git push'
	@echo 'make package  build the wheel and the source archive into dist/'
	@echo 'make clean    remove everything that was made here'

run:
	@scripts/setup.sh run
	@exec .venv/bin/ruster

test:
	@scripts/setup.sh test
	@exec $(PYTHON_ENV) -m pytest $(ARGS)

check:
	@scripts/setup.sh check
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m mypy $(CODE)
	PYTHONPATH=src .venv/bin/lint-imports --no-cache
	$(PYTHON_ENV) -m scripts.generate_docs --check
	$(PYTHON_ENV) -m scripts.build_page --check

fix:
	@scripts/setup.sh check
	$(PYTHON_ENV) -m ruff check --fix .
	$(PYTHON_ENV) -m ruff format .
	$(PYTHON_ENV) -m scripts.generate_docs
	$(PYTHON_ENV) -m scripts.build_page

docs:
	@scripts/setup.sh check
	$(PYTHON_ENV) -m scripts.generate_docs

bench:
	@scripts/setup.sh test
	@exec $(PYTHON_ENV) -m bench $(ARGS)

bench-engine:
	@scripts/setup.sh test
	@exec $(PYTHON_ENV) -m bench.engine_peer $(ARGS)

bench-memory:
	@scripts/setup.sh test
	@exec $(PYTHON_ENV) -m bench.memory_search $(ARGS)

bench-recall:
	@scripts/setup.sh test
	@exec $(PYTHON_ENV) -m bench.recall $(ARGS)

engine:
	@scripts/setup.sh engine

hooks:
	git config core.hooksPath .githooks

package:
	@scripts/setup.sh check
	$(PYTHON_ENV) -m build --no-isolation --outdir dist .

clean:
	rm -rf .venv target dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
