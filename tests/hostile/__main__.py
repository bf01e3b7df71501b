"""`python -m tests.hostile`: the bulk run, and its table."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from app.commands.scan import load
from forensics.places import DETECTOR_WEIGHTS
from tests.hostile.mutants import mutants
from tests.hostile.running import run
from tests.hostile.table import table


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    asked.add_argument("--count", type=int, default=3000, help="how many files")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    asked.add_argument("--keep", type=Path, help="a folder for the files that failed")
    options = asked.parse_args()
    start, outcomes = time.monotonic(), []
    for mutant, outcome in run(
        mutants(options.count, options.seed), partial(load, DETECTOR_WEIGHTS), options.workers
    ):
        outcomes.append(outcome)
        if outcome.failure:
            print(f"FAILED {outcome.name}: {outcome.failure}", file=sys.stderr, flush=True)  # noqa: T201
        if outcome.failure and options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{len(outcomes):06d}{mutant.suffix}").write_bytes(mutant.data)
        if time.monotonic() - start > options.seconds:
            break
    print(table(outcomes), f"\n{time.monotonic() - start:,.0f} seconds")  # noqa: T201
    return int(any(outcome.failure for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
