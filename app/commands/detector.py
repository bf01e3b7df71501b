"""`forensics detector`: detectors, trained, calibrated and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from app.commands.known import known
from app.commands.outputs import check_folder
from forensics.places import DETECTOR_WEIGHTS, RUNS
from forensics.refusal import Refusal

group = typer.Typer(help="Train, calibrate and list detectors.", no_args_is_help=True)

RUN = RUNS / "detector"
Real = Annotated[list[Path], typer.Option(help="A corpus or folder of real photos; may be repeated.")]
Fake = Annotated[list[Path], typer.Option(help="A corpus or folder of generated pictures; may be repeated.")]


@group.callback()
def detector() -> None:
    """Train, calibrate and list detectors."""


@group.command()
def train(
    real: Real,
    fake: Fake,
    out: Annotated[Path, typer.Option(help="Folder of the run; one that stopped goes on.")] = RUN,
    steps: Annotated[int | None, typer.Option(min=1, help="Of both networks.  [default: 1100, patches 1800]")] = None,
    init: Annotated[Path | None, typer.Option(help="Weights to start from: a classifier's, or ImageNet's.")] = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="One frequency cue, pairs, regions, classifier or patches.  [default: all but pairs, regions]"
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help="standard, or tiny: for trying out the steps.")] = "standard",
    hold_out: Annotated[
        list[str] | None,
        typer.Option(help="A maker that the networks do not learn from: how well does the rest carry over?"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train the frequency cues and both networks on corpora; only their split "train" is used.

    Ctrl-C saves; the same command goes on where it stopped. Then: forensics detector calibrate.
    """
    from dataclasses import replace

    from detectors.classifier.descent import PATCHES, TINY, TINY_PATCHES, TrainingConfig
    from detectors.training import TRAINED
    from detectors.training import train as run
    from forensics.corpus import Corpus

    if only is not None and only not in TRAINED:
        raise Refusal(f"--only {only}: must be {', '.join(TRAINED)}")
    presets = {"standard": (TrainingConfig(), PATCHES), "tiny": (TINY, TINY_PATCHES)}
    if preset not in presets:
        raise Refusal(f"--preset {preset}: must be {' or '.join(presets)}")
    check_folder(out, "--out")
    whole, patches = (replace(its, seed=seed, hold_out=tuple(hold_out or ())) for its in presets[preset])
    if steps is not None:
        whole, patches = replace(whole, steps=steps), replace(patches, steps=steps)
    paths = run(
        [Corpus.open(folder, "real") for folder in real],
        [Corpus.open(folder, "fake") for folder in fake],
        out,
        whole,
        init,
        only,
        patches,
    )
    names = ", ".join(str(path) for path in paths)
    say(f"trained: {names}; next: forensics detector calibrate {out}")


@group.command()
def calibrate(
    run: Annotated[Path, typer.Argument(help="A run of `detector train`, or a folder of weights.")] = RUN,
    real: Annotated[list[Path], typer.Option(help="Corpora of real photos.  [default: the run's]")] = [],  # noqa: B006
    fake: Annotated[list[Path], typer.Option(help="Corpora of fakes.  [default: the run's]")] = [],  # noqa: B006
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Find out what scores are worth, on the split "calibration" of corpora, and write calibration.json.

    Then verdicts are tried on the split "test": the table printed, test.json, and the weights' cards.
    """
    from rich.table import Table

    from detectors import load_panel
    from detectors.calibrate import assess
    from detectors.calibrate import calibrate as fit
    from detectors.training import corpora_of
    from forensics.corpus import Corpus

    if bool(real) != bool(fake):
        raise Refusal("--real and --fake go together: a calibration needs both classes")
    named = [Corpus.open(folder, "real") for folder in real] + [Corpus.open(folder, "fake") for folder in fake]
    corpora, panel = named or corpora_of(run), load_panel(run)
    calibration, _ = fit(corpora, panel, run, seed)
    found = assess(corpora, panel, calibration, run, seed)
    table = Table("source", "label", "photos", "wrong", "inconclusive", title="Verdicts on the test split, laundered")
    for source, its in found["sources"].items():
        table.add_row(
            escape(source), its["label"], str(its["n"]), f"{its['wrong'][0]:.1%}", f"{its['inconclusive'][0]:.1%}"
        )
    Console(stderr=True).print(table)
    value, low, high = found["auc"]
    say(f"Cllr {found['cllr']:.2f}, AUC {value:.3f} ({low:.3f}-{high:.3f}); saved {run / 'calibration.json'}")


@group.command("list")
def list_(
    weights: Annotated[Path, typer.Argument(help="A folder of weights.")] = DETECTOR_WEIGHTS,
    published: Annotated[
        Path | None, typer.Option(help="A folder of published detectors' weights.  [default: the user's]")
    ] = None,
) -> None:
    """All detectors: their questions, weights, and what a score is worth; then the published ones.

    Those are no part of verdicts. Their weights are never downloaded: the list says what to put where.
    $FORENSICS_PUBLISHED names their folder too.
    """
    from rich.table import Table

    from detectors import PANEL, load_calibration
    from detectors.published import PUBLISHED, published_folder
    from detectors.published.checkpoint import digest_of, find

    try:
        lines = load_calibration(weights).lines
    except Refusal as refusal:
        say(str(refusal))
        lines = {}
    table = Table("detector", "question", "weights", "log10 LR", "fitted on", box=None, pad_edge=False)
    for column in (table.columns[0], *table.columns[2:]):
        column.no_wrap = True
    for member in PANEL:
        try:
            its = member.load(weights).weights
            digest = its[:12] if its else "needs none"
        except Refusal as refusal:
            digest = "refused"
            say(str(refusal))
        line = lines.get(member.name)
        worth = (
            f"{line.slope:.2f}·score {line.offset:+.2f}" if line else "weighs nothing" if line is not None else "-"
        )
        table.add_row(
            member.name,
            member.question,
            digest,
            worth if member.scores else "not scored",
            f"{line.n:,} photos" if line is not None else "",
        )
    Console().print(table)

    folder = published or published_folder()
    table = Table("detector", "year", "licence", "file", "weights", box=None, pad_edge=False)
    for column in (table.columns[0], table.columns[1], table.columns[4]):
        column.no_wrap = True
    table.columns[3].overflow = "fold"
    told = []
    for manifest in dict.fromkeys(m for member in PUBLISHED for m in (member.manifest, *member.manifest.needs)):
        file, digest = manifest.file, "missing"
        try:
            path, _ = find(folder, manifest)
            file, digest = path.name, digest_of(path)
            known = manifest.sha256 in (None, digest)
            told.append(f"{manifest.title}: {path}, sha256 {digest}{'' if known else ', not the published file'}")
        except Refusal as refusal:
            told.append(str(refusal))
        table.add_row(manifest.title, str(manifest.year), manifest.licence, file, digest[:12])
    console = Console()
    console.print(Text(f"\nPublished detectors, no part of verdicts; weights in {folder}"), soft_wrap=True)
    console.print(table)
    for line in told:
        console.print(Text(f"- {line}"), soft_wrap=True)


group.command()(known)


def say(text: str) -> None:
    Console(stderr=True).print(Text(text), soft_wrap=True)  # as Text: paths may hold what looks like markup
