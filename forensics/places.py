"""Where things live: what ships inside the packages, and what a user's own runs leave behind."""

from __future__ import annotations

from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
MODELS = HOUSE / "forensics" / "models"  # made by others: face landmarks, C2PA trust lists, ImageNet features
GENERATOR_WEIGHTS = HOUSE / "generators" / "weights"
DETECTOR_WEIGHTS = HOUSE / "detectors" / "weights"
RESULTS = HOUSE / "benchmarks" / "results"
RUNS = Path("runs")  # below the folder the user works in
