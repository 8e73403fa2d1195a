# make demo   sets up, then runs the whole flow on the simulated cohort; ends at results/report/index.html
# make check  sets up, then runs the tests that need no finished run
# make test   sets up, then runs all tests
# make why    what is stale, and why (CONFIG=my.yaml for your own config)
# make accept REASON="..."   declares the edits that why lists neutral to the results (RULE=name for one rule)
# make sheet FROM=folder   writes a sample sheet from DICOM, NIfTI or BIDS (TO=samples.tsv, CONFIG=my.yaml)
# make splits which scans train, validate and test (FREEZE=splits.tsv writes them down)
# make bags MANIFEST=results/manifests/scans.parquet   what a data set is; looks for damage
# make bench  measures (ONLY=id for one benchmark) and renders docs/benchmarks.md
# make docs   makes again what is made: config reference, rule graph, pictures
# make lint   format, lint, types, Snakemake's own checks

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo check test why accept sheet splits bags bench docs lint

demo: .venv/.ready
	$(BIN)/snakemake --cores $(CORES)
	@echo "The report: results/report/index.html"

check: .venv/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile -m "not slow and not browser and not slurm"

test: .venv/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder --durations 25

why: .venv/.ready
	@PYTHONPATH=scripts $(BIN)/python -m marrow why $(if $(CONFIG),--configfile $(CONFIG))

accept: .venv/.ready
	@PYTHONPATH=scripts $(BIN)/python -m marrow accept "$(REASON)" $(if $(RULE),--rule $(RULE)) $(if $(CONFIG),--configfile $(CONFIG))

sheet: .venv/.ready
	@PYTHONPATH=scripts $(BIN)/python -m marrow sheet $(FROM) $(if $(TO),--to $(TO)) $(if $(CONFIG),--configfile $(CONFIG))

splits: .venv/.ready
	@PYTHONPATH=scripts $(BIN)/python -m marrow splits $(if $(FREEZE),--freeze $(FREEZE)) $(if $(CONFIG),--configfile $(CONFIG))

bags: .venv/.ready
	@PYTHONPATH=scripts $(BIN)/python -m marrow bags $(MANIFEST) --check

bench: .venv/.ready-dev
	PYTHONPATH=$(CURDIR)/scripts:$(CURDIR) $(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

docs: .venv/.ready-dev
	PYTHONPATH=scripts $(BIN)/python -m benchmarks.documentation

lint: .venv/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	PYTHONPATH=scripts $(BIN)/lint-imports --no-logo
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

.venv/.ready: requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) --requirement requirements.txt
	@touch $@

.venv/.ready-dev: requirements-dev.txt .venv/.ready
	$(INSTALL) --requirement requirements-dev.txt
	@touch $@
