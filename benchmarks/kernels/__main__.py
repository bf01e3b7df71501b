"""`python -m benchmarks.kernels`: the same as `forensics bench kernels`, where only torch and numpy are at hand."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from benchmarks.kernels.asked import MINUTES, SECONDS, SECTIONS, asked
from forensics.places import RESULTS
from forensics.refusal import Refusal


class Parser(argparse.ArgumentParser):
    """Refuses in one line."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def parser() -> Parser:
    made = Parser("python -m benchmarks.kernels", description=__doc__, allow_abbrev=False)
    made.add_argument("--device", default="auto", help="auto, cpu or cuda")
    made.add_argument("--small", action="store_true", help="small tensors and networks: does it work at all?")
    made.add_argument("--only", metavar="A,B", help=f"some of {','.join(SECTIONS)}")
    made.add_argument("--seconds", type=float, help=f"a figure, about (default: {SECONDS})")
    made.add_argument("--minutes", type=float, default=MINUTES, help="after so many no row is begun (default: 9)")
    made.add_argument("--commit", help="of this code, where git is not at hand")
    made.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="(default: benchmarks/results)")
    return made


def main(words: list[str] | None = None) -> None:
    """Exit code 2, and one line, for what makes no sense."""
    try:
        given = parser().parse_args(words)
        wanted = asked(given.device, given.small, given.only, given.seconds, given.minutes, given.commit)
        run(wanted, given.out)
    except Refusal as refusal:
        sys.stderr.write(f"error: {refusal}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def run(wanted, out: Path) -> None:
    from benchmarks.kernels.measure import SHOWN, measure

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a time limit's kill still leaves the results
    result, path = measure(wanted, out, say)
    for warning in result.warnings:
        sys.stdout.write(f"{warning}\n\n")
    for table in result.tables:
        if table.name in SHOWN:
            sys.stdout.write(f"{table.as_markdown()}\n")
    sys.stdout.write(f"saved: {path}\n")


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
