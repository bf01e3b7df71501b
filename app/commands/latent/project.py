"""`forensics latent project`: the latents whose picture comes nearest to a photo."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from app.commands.known import opened as photo_at
from app.commands.latent.opening import Device, Weights, opened, record, say
from app.commands.outputs import check_folder
from app.commands.suspect import suspect_of
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from detectors.known.projection import Projection
    from detectors.known.suspect import Suspect
    from forensics.photo import Photo
    from generators.latent.space import Space

SPACES = ("w", "w+", "z")
SMALL = 128  # px: up to it threads gain nothing, and with one the answer is the same on every machine
FRAMES = 150  # of the film at most
LEAST_FRAMING, MOST_FRAMING = 0.1, 4.0


def project(
    weights: Weights,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="With a face, which is aligned first.")],
    out: Annotated[Path, typer.Option(help="Folder for w, pictures and the film.")],
    space: Annotated[
        str | None, typer.Option("--in", metavar="w|w+|z", help="One w, one a layer, or z.  [default: w, or z]")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="Of each start.")] = 200,
    starts: Annotated[
        int | None, typer.Option(min=1, max=64, help="The mean, then the nearest drawn ones.  [default: 1; in z 2]")
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise/--no-noise", help="Search noise maps too, kept noise-like; style-based families.")
    ] = True,
    align: Annotated[
        bool, typer.Option("--align/--no-align", help="By the face; or the photo's middle square.")
    ] = True,
    framing: Annotated[float, typer.Option(help="Scale of the face square of the training photos.")] = 0.6,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = "cpu",
) -> None:
    """Search for a photo in a generator: how near does it come, and with which w?

    The folder gets w.safetensors, a point for all latent commands; target.png, projected.png, beside.png, search.mp4.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from detectors.known.projection import Region, Settings
    from detectors.known.projection import project as search
    from detectors.known.reference import DRAWN
    from forensics.interrupt import patient_interrupt
    from forensics.tensors import to_pictures, to_tensor
    from forensics.threads import one_thread

    check_folder(out, "--out")
    if not LEAST_FRAMING <= framing <= MOST_FRAMING:
        raise Refusal(f"--framing {framing:g}: must be {LEAST_FRAMING:g} to {MOST_FRAMING:g}")
    whole = opened(weights, None, device)
    where = space or ("w" if whole.has_w else "z")
    if where not in SPACES:
        raise Refusal(f"--in {where}: must be one of {', '.join(SPACES)}")
    if (where == "z") == whole.has_w:
        raise Refusal(f"--in {where}: {whole.family.name} is searched in {'w or w+' if whole.has_w else 'z'}")
    suspect = suspect_of(whole.trained, framing, rows=where == "w+")
    target = cut(suspect, photo_at(photo), align)
    how = Settings(
        steps=steps, starts=starts or (2 if where == "z" else 1), noise_maps=noise and where != "z", seed=seed
    )
    film: list[np.ndarray] = []
    every = max(1, how.starts * steps // FRAMES)
    columns = TextColumn("searching"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
    with (
        Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar,
        patient_interrupt() as stopped,
        one_thread() if suspect.size <= SMALL else nullcontext(),
    ):
        task = bar.add_task("", total=how.starts * steps)

        def watch(done: int, total: int, distance: float, picture) -> bool:
            bar.update(task, completed=done, description=f"distance {distance:.3f}")
            if done % every == 0:
                film.append(to_pictures(picture[None])[0])
            return not stopped()

        region = Region.of(suspect.module, suspect.latents(DRAWN, seed), how)
        found = search(suspect.module, to_tensor([target]).to(suspect.device), region, how, watch)
        if stopped() and not film:
            raise KeyboardInterrupt
    told = {"photo": photo.name, "in": where, "steps": steps, "starts": how.starts, "noise maps": how.noise_maps}
    told |= {"aligned": align, "framing": framing, "seed": seed, "finished": found.finished}
    keep(out, whole, target, found, film, told)


def cut(suspect: Suspect, photo: Photo, align: bool) -> np.ndarray:
    """What is searched for, (S, S, 3) uint8. Raises Refusal where no face can be aligned."""
    if align:
        frame = suspect.frame(photo)
        if isinstance(frame, str):
            raise Refusal(f"{photo.name}: {frame} With --no-align the middle square is taken")
        return suspect.cut(photo, frame)
    side = min(photo.height, photo.width)
    left, top = (photo.width - side) / 2, (photo.height - side) / 2
    corners = np.array([(left, top), (left, top + side), (left + side, top + side), (left + side, top)], np.float32)
    return suspect.cut(photo, corners)


def keep(
    out: Path, space: Space, target: np.ndarray, found: Projection, film: list[np.ndarray], told: dict[str, Any]
) -> None:
    """All that the folder gets; and in a line, how far from the photo the search ended."""
    from PIL import Image

    from detectors.known.distance import NAME
    from forensics.saving import at_once
    from forensics.tensors import to_pictures
    from generators.latent.film import Film, enlarged, shoot
    from generators.latent.points import save
    from generators.latent.sheet import sheet, write

    out.mkdir(parents=True, exist_ok=True)
    software, nearest = space.trained.software, to_pictures(found.picture[None])[0]
    off = rms(target, nearest)
    told |= {
        "distance": found.distance,
        "distance at first": found.curve[0],
        "compared by": NAME,
        "pixels": {"rms": off, "psnr": 20 * math.log10(255 / max(off, 1e-6))},
        "weights": space.trained.sha256,
    }
    panels = [target, nearest]
    words = ["the photo", "nearest"]
    if space.has_w:
        w = found.latents if found.latents.ndim == 2 else found.latents.expand(space.styled.layers, -1)
        save(w, out / "w.safetensors", told, found.maps)
        if found.maps:
            alone = space.of_w(w)
            told["pixels without its noise maps"] = {"rms": rms(target, alone)}
            panels, words = [*panels, alone], [*words, "w alone"]
    with at_once(out / "target.png") as part:
        Image.fromarray(target).save(part, "PNG")
    write(nearest, out / "projected.png", software)
    differs = np.clip(128 + 3 * (target.astype(int) - nearest.astype(int)), 0, 255).astype(np.uint8)
    write(sheet([[*panels, differs]], (), [*words, "difference, x3"]), out / "beside.png", software)
    if film:
        shoot(
            (np.hstack([enlarged(target), enlarged(frame)]) for frame in film),
            out / "search.mp4",
            software,
            Film(scale=1),
        )
    record(out / "projected.png", space, [], {**told, "curve": list(found.curve)})
    early = "" if found.finished else "stopped early; "
    say(
        f"projected: {out}; {early}distance {found.curve[0]:.3f} at first, {found.distance:.3f} at the end ({NAME});"
        f" pixels differ by {off:.1f} of 255 (rms). What such a distance is worth: forensics detector known"
    )


def rms(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference of two pictures, in grey levels."""
    return float(np.sqrt(np.mean(np.square(a.astype(float) - b))))
