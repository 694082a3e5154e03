# Two commands do all the set-up: `make drill` and `make test`. Everything they need lands in .venv.
.DEFAULT_GOAL := help
.PHONY: help setup drill check test soak fuzz bench lock clean format
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
ARGS ?=
# Fast tests share two workers; drills do not: one beside another is late, and a late drill is void. WORKERS=0: one by one.
WORKERS ?= 2
PARALLEL = -n $(WORKERS)

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP)  ## set up .venv from the pinned dependencies, and nothing else

$(STAMP): pyproject.toml requirements.lock .ci/setup
	@sh .ci/setup $(VENV)
	@touch $@

drill: $(STAMP)  ## the three core drills on the embedded target; ARGS="--quick" and more
	@$(BIN)/wellproven drill az-failure latency circuit-breaker $(ARGS)

check: $(STAMP)  ## format, lint, types and the fast tests
	@echo "== format"; $(BIN)/ruff format --check .
	@echo "== lint";   $(BIN)/ruff check .
	@echo "== types";  $(BIN)/mypy
	@echo "== fast tests"; $(BIN)/pytest -q $(PARALLEL) -m "not bed and not slow" $(ARGS)

test: check  ## check, and the tests on real sockets and on the real embedded target
	@echo "== load honesty, undoing"; $(BIN)/pytest -q -m "slow and not bed" --durations=5 $(ARGS)
	@echo "== embedded target"; $(BIN)/pytest -q -m bed --durations=10 $(ARGS)

soak: $(STAMP)  ## drills killed at random moments, 200 unless ROUNDS=N; SEED=N decides who and when
	@WELLPROVEN_SOAK_ROUNDS=$(or $(ROUNDS),200) WELLPROVEN_SOAK_SEED=$(or $(SEED),1) $(BIN)/pytest -q -s tests/drill/test_soak.py

bench: $(STAMP)  ## measures from a death, and from the first bad answer, to the fault's undoing
	@$(BIN)/python -m benchmarks.undo_times
	@$(BIN)/python -m benchmarks.guard_times

fuzz: $(STAMP)  ## 10,000 damaged files of each kind against their readers; about an hour
	@WELLPROVEN_FUZZ=10000 $(BIN)/pytest -q $(PARALLEL) tests/fuzz $(ARGS)

format: $(STAMP)  ## format and mend what can be mended
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format .

lock:  ## resolve the newest versions anew and write requirements.lock
	@sh .ci/lock

clean:  ## remove .venv and caches (runs/ stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
