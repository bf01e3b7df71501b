"""`forensics bench kernels`: whether CUDA kernels compute what plain PyTorch does, and how much sooner."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.bench_photos import RESULTS, Out
from app.commands.outputs import check_folder
from benchmarks.kernels.asked import MINUTES


def kernels(
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    small: Annotated[
        bool, typer.Option("--small", help="Small tensors and networks: does it work?", show_default=False)
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Some of correctness,ops,networks,training,compile.  [default: all]",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="For each figure, about.  [default: 0.25]")] = None,
    minutes: Annotated[float, typer.Option(help="After so many no row is begun.")] = MINUTES,
    out: Out = RESULTS,
) -> None:
    """Correctness, times beside the floor of memory bandwidth, whole networks sampling and training, on one GPU.

    Each beside its plain PyTorch twin; torch.compile where it can. Without a GPU a small mode proves that it works.
    """
    from benchmarks.kernels.asked import asked

    wanted = asked(device, small, only, seconds, minutes)
    check_folder(out, "--out")
    from benchmarks.kernels.measure import SHOWN, measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        result, path = measure(wanted, out, lambda line: status.update(Text(line)))
    shown = Console()
    for warning in result.warnings:
        shown.print(Text(warning, style="bold"), end="\n\n")
    for table in result.tables:
        if table.name in SHOWN:
            shown.print(table.as_rich(), end="\n\n")
    console.print(Text(f"saved: {path} (all tables and the figure beside it)"), soft_wrap=True)
