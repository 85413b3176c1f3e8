# make prints the menu. CI and people run the same targets.
.DEFAULT_GOAL := menu
.PHONY: menu lab test test-all test-vm lint notebooks grade bench lock clean

RUN := .venv/bin
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=120 --nbval-kernel-startup-timeout=120 \
	--nbval-sanitize-with=notebooks/sanitize.cfg
# tests/conftest.py says what begins first.
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder
WHAT := notebooks tests
SUBMITTED := submitted
OUT := graded

menu:  ## This menu
	@echo "Docker API Lab"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

lab: .venv/ready  ## Open the lessons in JupyterLab (LAB_ARGS="--port 9999" passes options on)
	@sh scripts/system.sh lab
	@$(RUN)/labkit lab $(LAB_ARGS)

test: .venv/ready lint  ## Run everything: unit, engine, notebook and browser tests (minutes)
	@sh scripts/system.sh test
	@$(RUN)/labkit prepare
	@$(RUN)/pytest $(PARALLEL) $(NBVAL) -m "not slow and not vm" $(WHAT) $(TEST_ARGS)

test-all: .venv/ready lint  ## The same and what takes longer: the notebooks on every engine version
	@sh scripts/system.sh test
	@sh scripts/system.sh vm
	@$(RUN)/labkit prepare 20.10 26.1 28.5
	@LABKIT_ENGINE=vm $(RUN)/labkit prepare
	@$(RUN)/pytest $(PARALLEL) $(NBVAL) $(WHAT) $(TEST_ARGS)

test-vm: .venv/ready  ## Test engines in virtual machines; needs no Docker and no rights
	@sh scripts/system.sh vm
	@LABKIT_ENGINE=vm $(RUN)/labkit prepare
	@$(RUN)/pytest -m vm tests $(TEST_ARGS)

lint: .venv/ready  ## Check style and types
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy

notebooks: .venv/ready  ## Execute the notebooks anew; a second run changes nothing
	@sh scripts/system.sh lab
	@$(RUN)/labkit prepare
	@$(RUN)/python scripts/notebooks.py notebooks/*.ipynb

grade: .venv/ready  ## Grade submissions: make grade SUBMITTED=folder-or-zip OUT=reports
	@sh scripts/system.sh lab
	@$(RUN)/labkit grade "$(SUBMITTED)" --out "$(OUT)" $(GRADE_ARGS)

bench: .venv/ready  ## Measure: starts, tables, panels, grading, beside their alternatives
	@sh scripts/system.sh lab
	@sh scripts/system.sh vm
	@$(RUN)/labkit prepare
	@$(RUN)/pytest tests/bench --benchmark-enable --benchmark-columns=median,iqr,rounds $(TEST_ARGS)

lock: .venv/ready  ## Write requirements.lock anew from pyproject.toml (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --extra dev --quiet pyproject.toml -o requirements.lock

clean:  ## End all engines and remove .venv and the engine images; the workspace stays
	@if [ -x $(RUN)/labkit ]; then $(RUN)/labkit down --images; fi
	@rm -rf .venv

.venv/ready: requirements.lock pyproject.toml
	@sh scripts/system.sh lab
	@sh scripts/venv.sh
