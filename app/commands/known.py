"""`forensics detector known`: could one of our generators, or a run of ours, have drawn this face?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_file, check_folder
from app.commands.suspect import suspect_of
from forensics.places import RUNS
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once

if TYPE_CHECKING:
    from forensics.evidence import Evidence
    from forensics.photo import Photo


def known(
    files: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photos of faces.", show_default=False)],
    weights: Annotated[str, typer.Option(help="A family that ships, a run's folder, or an exported file.")],
    real: Annotated[
        Path | None, typer.Option(help="A corpus or folder of real photos: measures the reference, once.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Where that is kept.  [default: runs/known/WEIGHTS.json]")
    ] = None,
    n: Annotated[int, typer.Option(help="Own pictures, and photos, that the reference is made from.")] = 24,
    framing: Annotated[float, typer.Option(help="Scale of the face square of the training photos.")] = 0.6,
    out: Annotated[Path | None, typer.Option(help="Folder for a picture and a JSON file of each photo.")] = None,
) -> None:
    """Ask a generator how closely it can draw each face, compared with its own pictures and with photos.

    Slow: seconds a photo, and minutes once for the reference; interrupted, that goes on. No part of verdicts.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from detectors.known.detector import KnownGenerator
    from detectors.known.reference import Reference, measure
    from forensics.corpus import Corpus
    from forensics.interrupt import patient_interrupt
    from generators.trained import load

    trained = load(weights)
    suspect = suspect_of(trained, framing)
    path = reference or RUNS / "known" / f"{trained.family.name}-{trained.sha256[:12]}.json"
    if not path.exists() and real is None:
        raise Refusal(f"{path}: no reference of {weights} yet; measure it with --real and a folder of real photos")
    check_file(path, "--reference")
    if out is not None:
        check_folder(out, "--out")
    photos = [opened(file) for file in files]
    err = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err, transient=True) as bar, patient_interrupt() as stopped:
        task = bar.add_task("", total=None)

        def show(done: int, total: int, what: object, picture: object = None) -> bool:
            bar.update(task, completed=done, total=total, description=what if isinstance(what, str) else "searching")
            return not stopped()

        if real is not None:
            ready = measure(suspect, Corpus.open(real), path, n=n, watch=show)
        else:
            ready = Reference.load(path)
        detector = None if stopped() else KnownGenerator(suspect, ready, watch=show)
        for photo in photos if detector else ():
            found = detector.examine(photo)
            if stopped():
                break
            Console().print(Text(f"{photo.name}: {found.finding}"), soft_wrap=True)
            if out is not None:
                keep(found, photo, out, detector.reference.about)
        if stopped():
            raise KeyboardInterrupt


def opened(file: Path) -> Photo:
    """Raises Refusal, with the file's name, for what is no photo."""
    from forensics.photo import Photo, UnreadableImage

    try:
        return Photo.open(file)
    except UnreadableImage as error:
        raise Refusal(f"{file}: {error.reason}") from None


def keep(found: Evidence, photo: Photo, out: Path, about: dict) -> None:
    """The exhibit and what was found, beside each other, named by the photo and its hash."""
    import json

    from PIL import Image

    out.mkdir(parents=True, exist_ok=True)
    name = f"{Path(photo.name).stem}-{photo.sha256[:8]}"
    if found.exhibit is not None:
        with at_once(out / f"{name}.png") as part:
            Image.fromarray(found.exhibit).save(part, "PNG")
    told = {"photo": photo.name, "sha256": photo.sha256, "score": found.score, "finding": found.finding}
    told |= {"caveats": found.caveats, "reference": about}
    write_at_once(out / f"{name}.json", json.dumps(told, indent=1) + "\n")
