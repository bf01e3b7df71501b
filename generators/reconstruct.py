"""Photos, drawn anew by an autoencoder or a VAE, become a corpus of fakes that are aligned with their photos.

A pair shares content, framing, group and split, so that a detector that learns from both has only the
generator's traces to tell them by. Give both classes the same codec and size: forge from a corpus that
`forensics corpus prepare` made at the generator's own size, and train against that corpus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from forensics.corpus import Corpus, Entry
from forensics.photo import UnreadableImage
from forensics.refusal import Refusal
from forensics.saving import at_once
from generators.declare import QUALITY, declared
from generators.forge import Recipe, already_in, settle_config
from generators.labels import kind_of, told_by
from generators.photos import decoded
from generators.source import Source
from generators.trained import Trained


@dataclass(frozen=True)
class Reconstructed:
    """The fakes, and the photos that could not be read, with the reason."""

    corpus: Corpus
    left_out: tuple[str, ...]


def reconstruct(
    trained: Trained,
    photos: Corpus,
    out: Path,
    recipe: Recipe,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reconstructed:
    """Write what the generator makes of each real photo to `out`; pictures already there stay.

    Photos are cut to the generator's shape and size first, unless it takes any size. Each passes through alone,
    so that its picture does not depend on the others. Stopped, it leaves a manifest of what is there. Raises
    Refusal for a family that cannot reconstruct, for photos of which none is real, and when `out` holds
    something else.
    """
    if not trained.family.reconstructs:
        raise Refusal(f"{trained.family.name} cannot reconstruct photos; autoencoder and vae can")
    real = photos.where(label="real")
    if not len(real):
        raise Refusal(f"{photos.root} holds no real photos to reconstruct")
    told = {"weights": trained.sha256, **recipe.settings(trained), "trained": trained.told}
    device = trained.family.device.type
    settle_config(out, told | {"device": device, "photos": real.sha256})
    rows, left_out = already_in(out), []
    pairs = zip(real, names(real.entries, recipe.format), strict=True)
    try:
        with Source(photos.root) as source:
            labels, _ = told_by(source)  # folders and dataset.json have classes, too
            kinds = {path: kind_of(label) for path, label in labels.items()}
            for number, (photo, name) in enumerate(pairs, 1):
                try:
                    if name not in rows:
                        known = replace(photo, kind=photo.kind or kinds.get(photo.path, ""))
                        rows[name] = one(trained, source.read(photo.path), known, out, name, recipe)
                except UnreadableImage as reason:
                    left_out.append(f"{photo.path}: {reason}")
                progress(number, len(real))
    finally:
        corpus = Corpus(out, tuple(rows[name] for name in sorted(rows)))
        corpus.save()
    return Reconstructed(corpus, tuple(left_out))


def names(photos: Sequence[Entry], format: str) -> list[str]:
    """A picture's path is its photo's with another suffix; behind the photo's own where two would be the same."""
    stems = [str(PurePosixPath(photo.path).with_suffix("")) for photo in photos]
    alike = Counter(stems)
    wholes = (stem if alike[stem] == 1 else photo.path for stem, photo in zip(stems, photos, strict=True))
    return [f"{whole}.{format}" for whole in wholes]


def one(trained: Trained, data: bytes, photo: Entry, out: Path, name: str, recipe: Recipe) -> Entry:
    """Make the picture of a photo; its entry. Raises UnreadableImage."""
    size = None if trained.family.stride else trained.family.size
    pixels, fingerprint = decoded(data, photo.path, size, trained.channels)
    made = declared(trained.redrawn(pixels), trained.software, recipe.format, recipe.quality or QUALITY)
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with at_once(path) as part:
        part.write_bytes(made)
    height, width = pixels.shape[:2]
    return Entry(
        path=name,
        label="fake",
        maker=trained.family.name,
        domain=photo.domain,
        group=photo.group or f"photo {fingerprint[:16]}",
        split=photo.split,
        width=width,
        height=height,
        sha256=sha256(made).hexdigest(),
        source=f"{photo.path} {fingerprint[:12]}",
        licence=photo.licence,
        kind=photo.kind,
        weights=trained.sha256,
    )
