# Two commands matter: `make demo` and `make test`. Each does all its own set-up.

PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
VENV := .venv
BIN := $(VENV)/bin
ROTATE ?= 0/1

.PHONY: demo test test-rest test-long check rivals lock clean

$(BIN)/uv: requirements-bootstrap.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	touch $@

# Compiled at install: without bytecode each start takes twice as long.
$(VENV)/.runtime: requirements.txt | $(BIN)/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r requirements-dev.txt
	touch $@

demo: $(VENV)/.runtime
	@$(BIN)/python -m minirag.firstrun
	@exec $(BIN)/python manage.py demo --host $(HOST) --port $(PORT)

test: $(VENV)/.dev
	@$(BIN)/python -m tests.gate

test-rest: $(VENV)/.dev
	@$(BIN)/python -m tests.gate --rest

test-long: $(VENV)/.dev
	@$(BIN)/python -m tests.gate --long --share $(ROTATE)

check: $(VENV)/.dev
	@$(BIN)/python -m tests.checks

# Two other chunkers, in an environment of their own: benchmarks only.
rivals: $(BIN)/uv
	$(BIN)/uv venv --quiet --clear .venv-rivals
	VIRTUAL_ENV=.venv-rivals $(BIN)/uv pip install --quiet --require-hashes -r benchmarks/requirements.txt

lock: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements-bootstrap.in -o requirements-bootstrap.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header benchmarks/requirements.in -o benchmarks/requirements.txt

clean:
	rm -rf $(VENV) .venv-rivals var staticfiles
