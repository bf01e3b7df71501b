"""The gate opens for sets whose classes differ in nothing but pictures, and for no others."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from benchmarks.launder import laundering_named
from benchmarks.leakage import DUMMIES, Seen, area, by_group, folds, gate, joined, told_apart
from benchmarks.matching import brought_to, matched_shapes, partners
from forensics.corpus import Corpus
from forensics.photo import Photo

N = 30  # photos a class
ROUNDS = 40


def photo(rng, size=(64, 64), brightness=120.0, kind="JPEG", quality=90, subsampling="4:2:0") -> Photo:
    pixels = rng.normal(brightness, 25, (size[1], size[0], 3)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    written = {"quality": quality, "subsampling": subsampling} if kind == "JPEG" else {}
    Image.fromarray(pixels).save(buffer, kind, **written)
    return Photo.open(buffer.getvalue())


def opened(reals: list[Photo], fakes: list[Photo], launder="native", groups=None, match=False):
    """The gate of two lists of photos, laundered as the benchmark does."""
    photos, fake = [*reals, *fakes], [False] * len(reals) + [True] * len(fakes)
    told = [(p.width, p.height) for p in photos], fake, [p.sha256 for p in photos]
    targets = matched_shapes(*told)
    shown = []
    for i, (one, target) in enumerate(zip(photos, targets, strict=True)):
        luck = np.random.default_rng((0, i))
        pixels = brought_to(target, one.pixels, luck) if match else one.pixels
        shown.append(Seen.of(Photo.from_pixels(laundering_named(launder).apply(pixels, luck))))
    groups = groups or [str(i) for i in range(len(photos))]
    return gate([*map(Seen.of, photos)], shown, fake, groups, launder, partners(*told) if match else None, ROUNDS)


def cells(found) -> dict:
    return {row[0].split(" (")[0]: row[1:] for row in found.table.rows}


def test_what_a_dummy_is_told(rng):
    seen = Seen.of(photo(rng, (60, 40), quality=75, subsampling="4:4:4"))
    assert (seen.width, seen.height, seen.format, seen.quality, seen.distance) == (60, 40, "JPEG", 75, 0.0)
    assert seen.subsampling == "4:4:4"
    assert seen.colour == pytest.approx((120, 120, 120), abs=3)
    png = Seen.of(photo(rng, kind="PNG"))
    assert (png.format, png.quality, png.subsampling) == ("PNG", 0, "")
    told = {dummy.name: dummy.numbers(seen) for dummy in DUMMIES}
    assert told["dimensions"] == (60, 40, 1.5)
    assert told["bits per pixel"] == (seen.size * 8 / 2400,)


def test_nothing_leaks_between_two_halves_of_one_set(rng):
    kinds = [{"size": size, "quality": q} for size in ((64, 48), (80, 60)) for q in (75, 95)]
    found = opened(*([photo(rng, **kinds[i % 4]) for i in range(N)] for _ in range(2)))
    assert found.warnings == ()
    assert all(
        cell.low < 0.5 < cell.high or cell.value < 0.6 for row in cells(found).values() for cell in row if cell
    )
    assert cells(found)["JPEG tables"][1] is None


@pytest.mark.parametrize(
    ("real", "fake", "leak", "shown"),
    [
        ({"size": (64, 48)}, {"size": (48, 64)}, "dimensions", True),  # neither is larger
        ({"quality": 95}, {"quality": 90}, "JPEG tables", False),
        ({"subsampling": "4:4:4"}, {}, "JPEG tables", False),
        ({"kind": "PNG"}, {"kind": "BMP"}, "JPEG tables", False),
        ({"brightness": 90}, {"brightness": 140}, "mean colour", True),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_each_leak_is_found_whichever_way_it_points(rng, real, fake, leak, shown, turned):
    classes = [[photo(rng, **kind) for _ in range(N)] for kind in (real, fake)]
    found = opened(*(classes[::-1] if turned else classes))
    assert cells(found)[leak][0].value > 0.95
    assert f"differ as they came: {leak} (AUC" in found.warnings[-1] or leak in found.warnings[-1]
    if shown:
        assert cells(found)[leak][1].value > 0.95
        assert leak in found.warnings[0]
        assert "of what the detectors are shown" in found.warnings[0]


def test_sizes_that_lie_on_both_sides_are_no_hiding_place(rng):
    reals = [photo(rng, size) for size in ((40, 40), (90, 90)) for _ in range(N // 2)]
    assert cells(opened(reals, [photo(rng, (64, 64)) for _ in range(N)]))["dimensions"][0].value > 0.95


def test_matching_removes_it(rng):
    reals = [photo(rng, (80 + i, 120), quality=95) for i in range(N)]
    fakes = [photo(rng, (160, 160 + i), kind="PNG") for i in range(N)]
    before = cells(opened(reals, fakes))
    assert min(before["dimensions"][1].value, before["file size"][1].value) > 0.95
    found = opened(reals, fakes, "match", match=True)
    assert cells(found)["dimensions"][0].value > 0.95
    assert cells(found)["dimensions"][1].value == 0.5  # partners have one shape, and are left out together
    assert not any("as they came" in line or "dimensions" in line for line in found.warnings)
    assert "They were matched before use" in found.table.notes[0]
    assert any("native pixels still carry it" in w for w in opened(reals, fakes, "native", match=True).warnings)


@pytest.mark.parametrize("fakes", [60, 100])
def test_matched_shapes_leave_chance_where_it_is(fakes):
    """Both classes have the same shapes: without its partner, a photo left out is what the rest lacks."""
    values = {"joined": [], "not": []}
    fake = np.arange(60 + fakes) >= 60
    groups = [str(i) for i in range(len(fake))]
    for seed in range(10):
        came = np.random.default_rng(seed).integers(200, 900, (len(fake), 2)).tolist()
        numbers = np.array([(w, h, w / h) for w, h in matched_shapes(came, fake, groups)])
        together = joined(partners(came, fake, groups), fake, groups)
        for name, names in (("joined", together), ("not", groups)):
            values[name].append(told_apart(numbers, fake, groups, folds(fake, names, seed), 10, seed).value)
    assert np.mean(values["not"]) < 0.4  # so that this test could fail
    assert np.mean(values["joined"]) == pytest.approx(0.5, abs=0.05)


def test_joined_groups_keep_persons_together():
    fake, partner = np.arange(40) >= 20, np.arange(40) % 20
    persons = [str(i // 2) for i in range(40)]
    found = joined(partner, fake, persons)
    assert all(found[i] == found[i - i % 2] == found[(i + 20) % 40] for i in range(40))
    assert len(set(found)) == 10
    chain = [str((i + i // 20) % 20) for i in range(40)]  # each real is in one group with the next one's partner
    assert joined(partner, fake, chain) is chain


def test_groups_are_not_learnt_by_heart():
    """Forty persons of ten photos: each has a colour of its own, which says nothing of others."""
    person = np.arange(400) // 10
    fake = person % 2 == 1
    values = {"apart": [], "alone": []}
    for seed in range(10):
        colours = np.random.default_rng(seed).uniform(0, 255, (40, 1))[person]
        for name, groups in (("apart", [str(p) for p in person]), ("alone", [str(i) for i in range(400)])):
            found = told_apart(colours, fake, groups, folds(fake, groups, seed), 100, seed)
            values[name].append((found.value, found.high - found.low))
    apart, alone = (np.mean(values[name], axis=0) for name in ("apart", "alone"))
    assert alone[0] > 0.7  # so that this test could fail
    assert apart[0] == pytest.approx(0.5, abs=0.1)
    assert apart[1] > 2 * alone[1]  # ten photos of one person are not ten witnesses


def test_chance_is_half_and_warnings_are_rare():
    """Dummies without information, classes of other sizes."""
    values, alarms = [], 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        fake = rng.random(160) < 0.3
        groups = [str(i) for i in range(160)]
        found = told_apart(rng.normal(size=(160, 3)), fake, groups, folds(fake, groups, seed), 100, seed)
        values.append(found.value)
        alarms += found.value > 0.6 and found.low > 0.5
    assert np.mean(values) == pytest.approx(0.5, abs=3 * np.std(values) / 30**0.5)
    assert alarms <= 3


def test_the_area_is_of_pairs_within_a_part(rng):
    fold, scores, fake = rng.integers(0, 3, 90), rng.integers(0, 5, 90) / 4, rng.random(90) < 0.4
    places, at = np.unique(np.stack([fold, scores], 1), axis=0, return_inverse=True)
    starts = np.flatnonzero(np.diff(places[:, 0], prepend=-1))
    groups = np.arange(90)
    counts = [by_group(groups[fake == c], at.reshape(-1)[fake == c], len(places)).sum(0)[None] for c in (True, False)]
    pairs = [fake[fold == f].sum() * (~fake[fold == f]).sum() for f in range(3)]
    wanted = np.average([roc_auc_score(fake[fold == f], scores[fold == f]) for f in range(3)], weights=pairs)
    assert area(*counts, starts)[0] == pytest.approx(wanted)


def test_no_group_is_in_two_parts_and_too_few_are_not_measured(rng):
    fake = np.arange(100) % 3 == 0
    groups = [str(i // 4) for i in range(100)]
    fold = folds(fake, groups, 0)
    assert all(len(set(fold[np.array(groups) == g])) == 1 for g in groups)
    few = opened([photo(rng) for _ in range(9)], [photo(rng, (9, 9)) for _ in range(N)])
    assert np.isnan(cells(few)["dimensions"][0].value)
    assert few.warnings == ()
    assert few.table.notes[0] == "Not measured: fewer than 10 groups in a class."


def test_the_same_seed_gives_the_same_table(rng):
    sets = [photo(rng) for _ in range(N)], [photo(rng, brightness=130) for _ in range(N)]
    assert opened(*sets) == opened(*sets)


def test_shared_faces(shared):
    """A pair that was made to match is told apart by neither size nor tables; portraits and diffusion by both."""

    def some(name: str) -> list[Photo]:
        corpus = Corpus.open(shared / "data" / "faces" / name)
        return [Photo.open(corpus.path(entry)) for entry in corpus.entries[:16]]

    pair = cells(opened(some("ffhq_256"), some("stylegan_256"), "shrink"))
    assert pair["dimensions"][0].value == 0.5
    assert pair["JPEG tables"][0].value == 0.5
    other = cells(opened(some("official_portraits"), some("sd3_1024"), "shrink"))
    assert other["dimensions"][0].value > 0.95
