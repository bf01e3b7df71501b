"""`forensics doctor`: whether the CUDA kernels compile here, and compute what they should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.refusal import Refusal

if TYPE_CHECKING:
    import torch
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from generators.ops.checkup import Build
    from generators.ops.cuda.driver import Driver
    from generators.ops.cuda.kernels import Checked
    from generators.ops.cuda.nvrtc import Compiler

WITHOUT_GPU = "sm_90"


@dataclass(frozen=True)
class Here:
    """What this machine has; `gpu` is the one that torch uses, its name and compute capability."""

    driver: Driver | None
    compiler: Compiler | None
    gpu: tuple[str, tuple[int, int]] | None


@dataclass
class Row:
    """A kernel in one type of number: how it was built, how far from its twin it is, or what went wrong."""

    checked: Checked
    dtype: torch.dtype
    build: Build | None = None
    difference: float | None = None
    error: str = ""


def doctor(
    arch: Annotated[
        str | None,
        typer.Option(
            help=f"Compile for this, such as sm_75, and run none.  [default: the GPU's, else {WITHOUT_GPU}]"
        ),
    ] = None,
) -> None:
    """Check the CUDA kernels: what was found, whether each compiles, whether it computes what its plain twin does.

    Compiled kernels are kept, so a second time is quick. Exit code 2 if one fails, or if there is a GPU and no
    compiler. Without a GPU nothing is run; without a compiler too there is nothing to check.
    """
    from rich.console import Console
    from rich.text import Text

    console, here = Console(), look()
    target = chosen(arch, here)
    console.print(findings(here, target), soft_wrap=True)
    if here.compiler is None:
        if here.gpu is not None:
            raise Refusal("this GPU's kernels cannot be compiled without NVRTC; `pip install nvidia-cuda-nvrtc`")
        said = "Nothing was checked: there is no GPU and no NVRTC. Plain PyTorch computes what the kernels would."
        console.print(Text(said))
        return
    rows = check(target, here.gpu is not None and arch is None)
    console.print(table(rows))
    report(rows, console)


def look() -> Here:
    import torch

    from generators.ops.cuda import driver, nvrtc

    device = torch.cuda.current_device() if torch.cuda.is_available() else None
    gpu = None if device is None else (torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device))
    return Here(driver.found(), nvrtc.found(), gpu)


def chosen(arch: str | None, here: Here) -> str:
    """What to compile for. Raises Refusal for what NVRTC does not know, or a GPU older than that."""
    from generators.ops.cuda.nvrtc import CompileError

    if here.compiler is None:
        return arch or WITHOUT_GPU
    known = [f"sm_{number}" for number in here.compiler.knows]
    if arch is not None and arch not in known:
        raise Refusal(f"--arch {arch}: NVRTC {here.compiler} knows {', '.join(known)}; choose one of them")
    try:
        return arch or (here.compiler.arch(here.gpu[1]) if here.gpu else WITHOUT_GPU)
    except CompileError as error:
        raise Refusal(f"{error}; plain PyTorch computes what the kernels would") from None


def findings(here: Here, target: str) -> Text:
    from rich.text import Text

    from generators.ops.cuda import cubins

    number = "none that torch can use" if here.gpu is None else f"{here.gpu[0]}, sm_{here.gpu[1][0]}{here.gpu[1][1]}"
    lines = {
        "driver": "not found" if here.driver is None else "CUDA {}.{}".format(*here.driver.version),
        "GPU": number,
        "NVRTC": "not found" if here.compiler is None else f"{here.compiler}, {here.compiler.path}",
        "architecture": target if here.compiler else "none",
        "cache": str(cubins.folder() or "none: there is no home folder"),
    }
    said = [Text.assemble((f"{name:<14}", "bold"), value) for name, value in lines.items()]
    return Text("\n").join(said)


def check(arch: str, run: bool) -> list[Row]:
    """Every kernel in every type: built, and if `run` put beside its twin."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from generators.ops import checkup
    from generators.ops.cuda.kernel import NUMBERS
    from generators.ops.cuda.kernels import KERNELS

    rows = [Row(checked, dtype) for checked in KERNELS for dtype in NUMBERS]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("compiling", total=sum(len(row.checked.grid) for row in rows))
        for row in rows:
            bar.update(task, description=f"{row.checked.kernel.entry} {NUMBERS[row.dtype]}")
            try:
                row.build = checkup.build(row.checked, row.dtype, arch, lambda: bar.advance(task))
                if run:
                    row.difference = checkup.difference(row.checked.kernel, row.dtype, "cuda")
            except (RuntimeError, ValueError) as error:  # the compiler's, the driver's, or that no kernel can run
                row.error = str(error)
    return rows


def table(rows: list[Row]) -> Table:
    from rich.table import Table

    from generators.ops.cuda.kernel import NUMBERS

    shown = Table(caption="registers: the most of any way. twin: difference, in roundings")
    for name in ("kernel", "type", "ways", "compiled", "registers", "spilled", "twin"):
        shown.add_column(name, justify="left" if name in ("kernel", "type", "compiled", "twin") else "right")
    for at, row in enumerate(rows):
        kernel, last = row.checked.kernel, at + 1 == len(rows) or rows[at + 1].checked != row.checked
        named = kernel.entry if at == 0 or rows[at - 1].checked != row.checked else ""
        cells = ("", "[red]no", "", "", "") if row.build is None else built(row.build, kernel.budget)
        shown.add_row(named, NUMBERS[row.dtype], *cells, beside(row), end_section=last)
    return shown


def built(build: Build, budget: int) -> tuple[str, ...]:
    over = "yellow" if build.registers > budget else "default"
    return (
        str(build.ways),
        f"in {build.seconds:.1f} s" if build.new else "before",
        f"[{over}]{build.registers} of {budget}[/]" if build.registers else "",
        "0" if not build.spilled else f"[yellow]{build.spilled} B[/]",
    )


def beside(row: Row) -> str:
    if row.error:
        return "" if row.build is None else "[red]failed[/]"
    if row.difference is None:
        return "not run"
    return f"{row.difference:.1f}" if sound(row) else f"[red]{row.difference:.1f}[/]"


def sound(row: Row) -> bool:
    from generators.ops.checkup import MOST

    return not row.error and (row.difference is None or row.difference <= MOST)


def report(rows: list[Row], console: Console) -> None:
    """The words of what failed, once each. Raises Refusal if anything did."""
    from rich.text import Text

    from generators.ops.checkup import MOST
    from generators.ops.cuda.kernel import NUMBERS

    for words in dict.fromkeys(row.error for row in rows if row.error):
        console.print(Text(words))
    bad = [f"{row.checked.kernel.entry} {NUMBERS[row.dtype]}" for row in rows if not sound(row)]
    if bad:
        raise Refusal(
            f"{len(bad)} of {len(rows)} do not compile, or differ from their twins by more than {MOST} roundings: "
            f"{', '.join(bad)}; impl='reference' does without kernels"
        )
    if any(row.difference is None for row in rows):
        console.print("All compile; none was run.")
    else:
        console.print("All compile, and compute what their twins do.")
