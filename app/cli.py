"""The command line: `forensics`. Each command is a few lines over the engine; none holds analysis."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from app.commands import (
    bench,
    convert,
    corpus,
    detector,
    doctor,
    export,
    forge,
    inspect,
    latent,
    lineage,
    make,
    query,
    scan,
    serve,
    service,
    verify_report,
)
from forensics.refusal import Refusal
from forensics.saving import DENIED

app = typer.Typer(
    help="Is this photo a camera's or a generator's? Evidence, weighed, in words that say how sure they are.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PHOTOS, CORPORA, GENERATORS, DETECTORS = "Photos", "Corpora", "Generators", "Detectors and benchmarks"

app.command(rich_help_panel=PHOTOS)(inspect.inspect)
app.command(rich_help_panel=PHOTOS)(scan.scan)
app.command(rich_help_panel=PHOTOS)(query.query)
app.command("verify-report", rich_help_panel=PHOTOS)(verify_report.verify_report)
app.command("app", rich_help_panel=PHOTOS)(serve.app)
app.command("serve", rich_help_panel=PHOTOS)(service.serve)
app.add_typer(corpus.group, name="corpus", rich_help_panel=CORPORA)
app.command(rich_help_panel=GENERATORS)(make.train)
app.command(rich_help_panel=GENERATORS)(export.export)
app.command(rich_help_panel=GENERATORS)(convert.convert)
app.command(rich_help_panel=GENERATORS)(forge.forge)
app.command(rich_help_panel=GENERATORS)(lineage.lineage)
app.add_typer(latent.group, name="latent", rich_help_panel=GENERATORS)
app.command(rich_help_panel=GENERATORS)(doctor.doctor)
app.add_typer(detector.group, name="detector", rich_help_panel=DETECTORS)
app.add_typer(bench.group, name="bench", rich_help_panel=DETECTORS)


def main() -> None:
    run(app)


def run(command: Callable[[], object]) -> None:
    """Run a command; bad input is one line on standard error and exit code 2, never a traceback."""
    try:
        command()
    except Refusal as refusal:
        refuse(str(refusal))
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted", highlight=False)
        sys.exit(130)
    except BrokenPipeError:
        turn_away()
        sys.exit(0)
    except OSError as error:  # the machine's, not ours: a full disk, a right that was taken away
        if error.errno not in DENIED:
            raise
        turn_away()
        refuse(f"{error.filename or 'the output'}: {error.strerror}; mend that, and run the command again")


def refuse(why: str) -> NoReturn:
    said = inspect.printable(why)  # as Text: names may hold what looks like markup
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error:", "bold red"), " ", said))
    sys.exit(2)


def turn_away() -> None:
    """What standard output still holds goes nowhere: nobody reads it, or it has no room."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
