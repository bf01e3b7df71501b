# Each target sets itself up: nothing needs to be installed first but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PHOTO ?=
DATA ?= ../shared/data
# MediaPipe's library is loaded by its first image, not by its import.
LOADS := import cv2, mediapipe as m, numpy as n; m.Image(m.ImageFormat.SRGB, n.zeros((8, 8, 3), n.uint8))

.PHONY: inspect app test kernels journeys lint bench weights sbom setup
.DEFAULT_GOAL := inspect

inspect: $(READY) ## inspect photos that ship with the project, or PHOTO=path
ifeq ($(strip $(PHOTO)),)
	@$(BIN)/python -m app.demo
else
	@$(BIN)/forensics inspect "$(PHOTO)" --html reports
endif

app: $(READY) ## the Streamlit app on 127.0.0.1
	@$(BIN)/forensics app

test: $(READY) ## all tests but the slow and the GPU ones
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile # two workers, two cores: threads would spin

kernels: $(READY) ## every CUDA kernel in every way, compiled for every architecture; needs no GPU
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow tests/generators/ops

journeys: $(READY) ## three journeys through the app in a real browser, and every page; screenshots in runs/journeys
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow tests/app/browser

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

bench: $(READY)
	@$(BIN)/forensics bench throughput

weights: $(READY) ## retrain whatever ships, from DATA=folder; resumable
	@$(BIN)/python -m app.weights $(DATA)

sbom: $(READY) ## what is installed, as CycloneDX, for a release; from a place of its own, and by the network
	@$(PYTHON) -m venv .venv/audit && .venv/audit/bin/python -m pip install --quiet cyclonedx-bom
	@.venv/audit/bin/cyclonedx-py environment $(BIN)/python > sbom.json.part && mv sbom.json.part sbom.json

setup: $(READY)

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setting up .venv (once, a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -c '$(LOADS)' 2>.venv/loads.log || { \
		echo "$$(grep -m 1 '^[A-Za-z]*Error' .venv/loads.log); on Debian: apt-get install libgl1 libegl1 libgles2 libglib2.0-0" >&2; \
		exit 1; }
	@touch $@
