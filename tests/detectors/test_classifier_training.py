"""Training: both classes in the same situations, an exact way back after an interruption, and the right sign."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from detectors.classifier import cuts as cuts_module
from detectors.classifier import training
from detectors.classifier.borrowed import borrow
from detectors.classifier.cuts import Cut, Cuts, cut_face, make_cuts
from detectors.classifier.descent import TINY, TINY_PATCHES, TrainingConfig
from detectors.classifier.network import NetworkConfig
from detectors.classifier.sampling import Sampler, SamplingConfig, crop_to_face, patch_at
from detectors.classifier.training import Training
from forensics.corpus import Corpus, Entry
from forensics.photo import Photo
from forensics.refusal import Refusal

CONFIG = replace(TINY, steps=6, validate=2)


def cuts_of(folder: Path, sources: list[tuple[str, str, str, int, float, bool]], pattern: bool = True) -> Cuts:
    """Cuts without photos: (label, maker, domain, count, side, spills) each. Fakes carry fine stripes."""
    rng = np.random.default_rng(0)
    rows, offset = [], 0
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "cuts.bin", "wb") as file:
        for label, maker, domain, count, side, spills in sources:
            for number in range(count):
                size = int(side * 1.25)
                smooth = np.cumsum(rng.normal(0, 4, (size, size, 3)), 0) + rng.uniform(60, 190)
                if label == "fake" and pattern:
                    smooth += 30 * (np.arange(size) // 3 % 2)[None, :, None]
                pixels = np.clip(smooth, 0, 255).astype(np.uint8)
                file.write(pixels.tobytes())
                a, b = (size - side) / 2, (size + side) / 2
                corners = ((a, a), (a, b), (b, b), (b, a))
                name = f"{maker}-{domain}-{number}"
                box = (a, a, b, b)
                rows.append(
                    Cut(name, label, maker, domain, name, offset, size, size, corners, box, float(side), spills)
                )
                offset += pixels.size
    return Cuts(folder, rows, {"no face found": 3})


@pytest.fixture
def cuts(tmp_path) -> Cuts:
    return cuts_of(
        tmp_path / "cuts",
        [
            ("real", "camera", "web", 40, 40, True),
            ("real", "camera", "portraits", 8, 60, False),
            ("fake", "gan", "faces", 16, 50, False),
            ("fake", "diffusion", "faces", 4, 64, False),
        ],
    )


def test_situations_do_not_tell_the_class(cuts):
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=64, least=4, tight=0.4), NetworkConfig(size=32))
    rng = np.random.default_rng(0)
    situations = [sampler.situation(rng) for _ in range(400)]
    assert 0.3 < np.mean([tight for _, tight in situations]) < 0.5
    assert max(r for r, _ in situations) <= 64
    for resolution, tight in situations:
        for label in ("real", "fake"):
            sources = sampler.eligible(label, resolution, tight)
            assert sources
            for rows in sources.values():
                assert (sampler.sides[rows] >= resolution - 1e-6).all()  # nothing is enlarged
                assert tight or not sampler.spills[rows].any()


def test_sources_weigh_alike_whatever_their_size(cuts):
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=30, least=4, tight=1.0), NetworkConfig(size=32))
    drawn = [sampler.sample(np.random.default_rng(i), "real")[1] for i in range(200)]
    assert 70 < drawn.count("real: portraits") < 130
    sampler.reweigh({"real: portraits": 0.9, "real: web": 0.15})
    drawn = [sampler.sample(np.random.default_rng(i), "real")[1] for i in range(200)]
    assert 140 < drawn.count("real: portraits") < 180  # 4 of 5


def with_twins(cuts: Cuts) -> Cuts:
    """The same with a reconstruction of each portrait: its own pixels, a little darker."""
    twins = [
        replace(row, label="fake", maker="autoencoder", photo=row.photo + ".png")
        for row in cuts.rows
        if row.domain == "portraits"
    ]
    more = Cuts.__new__(Cuts)
    more.rows, more.data, more.missed = (*cuts.rows, *twins), cuts.data, cuts.missed
    return more


def test_a_reconstruction_is_shown_beside_its_photo_and_laundered_alike(cuts):
    config = SamplingConfig(smallest=16, largest=64, least=4, twins=0.5)
    sampler = Sampler(with_twins(cuts), config, NetworkConfig(size=32))
    assert len(sampler.twins) == 8
    assert "fake: autoencoder" not in sampler.alone
    pairs = [sampler.pair(np.random.default_rng(i)) for i in range(60)]
    both = [(real, fake) for real, fake in pairs if fake[1] == "fake: autoencoder"]
    assert 15 < len(both) < 45
    for (photo, source), (twin, _) in both:
        assert source == "real: portraits"
        assert apart(photo, twin) < 8  # the twin is encoded as its photo once was, and nothing else
    others = [apart(real[0], fake[0]) for real, fake in pairs if fake[1] != "fake: autoencoder"]
    assert np.median(others) > 25


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_fakes_take_on_real_histories(cuts):
    rows = [replace(row, native=400.0 if row.label == "fake" else row.side, quality=75) for row in cuts.rows]
    cuts.rows = tuple(rows)
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=64, least=4), NetworkConfig(size=32))
    rng = np.random.default_rng(0)
    fakes = [sampler.histories.draw("fake", 45.0, rng) for _ in range(50)]
    assert set(fakes) == {(60.0, 75)}  # of the portraits: web faces are smaller
    reals = [sampler.histories.draw("real", 30.0, rng) for _ in range(200)]
    assert 0.35 < sum(its is None for its in reals) / 200 < 0.65
    assert sampler.histories.draw("fake", 100.0, rng) is None


def test_a_borrowed_history_shrinks_and_encodes_and_never_enlarges(rng):
    pixels = rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)
    assert borrow(pixels, 80.0, (40.0, 75)).shape == (50, 50, 3)
    assert borrow(pixels, 80.0, (200.0, 75)).shape == (100, 100, 3)
    assert np.abs(borrow(pixels, 80.0, (80.0, 30)).astype(int) - pixels).mean() > 5


def test_a_large_face_is_also_seen_at_its_own_pixels(cuts):
    """Nothing is resampled in a patch: a photo of pixel-wide stripes stays one, up to its last encoding."""
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, ::2] = 255
    square = np.array([(10, 10), (10, 70), (70, 70), (70, 10)], np.float32)
    for place in np.random.default_rng(0).random((20, 2)):
        view = patch_at(pixels, square, 48, place)
        assert view.shape == (48, 48, 3)
        assert (np.abs(np.diff(view[..., 0].astype(int), axis=1)) == 255).all()


def test_the_patch_network_is_shown_patches_of_faces_that_are_large_enough(cuts):
    config = SamplingConfig(smallest=16, largest=64, least=4)
    sampler = Sampler(cuts, config, NetworkConfig(size=32, view="patch"))
    views = [sampler.sample(np.random.default_rng(i), "fake")[0] for i in range(20)]
    assert {view.shape for view in views} == {(32, 32, 3)}
    with pytest.raises(Refusal, match="none was large enough for patches of 300 px"):
        Sampler(cuts, config, NetworkConfig(size=300, view="patch")).sample(np.random.default_rng(0), "real")


def test_both_networks_train_in_one_folder(cuts, tmp_path):
    run(cuts, tmp_path / "run", CONFIG)
    patches = replace(TINY_PATCHES, steps=6, validate=2)
    session = run(cuts, tmp_path / "run", patches)
    assert session.weights == tmp_path / "run" / "patches.safetensors"
    assert (tmp_path / "run" / "classifier.safetensors").exists()
    assert len((tmp_path / "run" / "patches" / "log.jsonl").read_text().splitlines()) == 3
    assert Training(cuts, tmp_path / "run", patches, None).step == 6
    assert Training(cuts, tmp_path / "run", CONFIG, None).step == 6


def test_samples_repeat_exactly(cuts):
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=64, least=4), NetworkConfig(size=32))
    (one, source), (two, again) = (sampler.sample(np.random.default_rng(5), "fake") for _ in range(2))
    assert one.shape == (32, 32, 3)
    assert source == again
    assert np.array_equal(one, two)
    other, _ = sampler.sample(np.random.default_rng(6), "fake")
    assert not np.array_equal(one, other)


def test_a_tight_crop_keeps_the_square_on_the_face(rng):
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[50, 50] = 255
    square = np.array([(20, 20), (20, 80), (80, 80), (80, 20)], np.float32)
    cropped, moved = crop_to_face(pixels, square, (30, 30, 70, 70), rng)
    y, x = np.argwhere(cropped[..., 0])[0]
    assert np.allclose(np.array((x, y)) - moved[0], (30, 30))
    assert max(cropped.shape) < 60


def test_too_few_faces_are_refused_in_one_line(tmp_path):
    few = cuts_of(tmp_path, [("real", "camera", "web", 3, 40, False), ("fake", "gan", "faces", 30, 40, False)])
    with pytest.raises(Refusal, match=r"20 real photos.*3 real photos have a usable face, 3 not \(no face found\)"):
        Sampler(few, SamplingConfig(smallest=16), NetworkConfig(size=32))


def run(cuts: Cuts, out: Path, config: TrainingConfig, until: int | None = None) -> Training:
    out.mkdir(exist_ok=True)
    session = Training(cuts, out, config, None)
    if until is None:
        session.run()
        return session
    with ThreadPoolExecutor(1) as pool:
        while session.step < until:
            session.advance(pool)
    session.checkpoint()
    return session


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_an_interrupted_run_goes_on_bit_for_bit(cuts, tmp_path, stop):
    whole = run(cuts, tmp_path / "whole", CONFIG)
    run(cuts, tmp_path / "parts", CONFIG, until=stop)
    rest = run(cuts, tmp_path / "parts", CONFIG)
    assert rest.step == whole.step == CONFIG.steps
    one, two = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts"))
    assert one.keys() == two.keys()
    assert any(key.startswith("optimizer.") for key in one)
    assert all(torch.equal(one[key], two[key]) for key in one)
    exported = [(tmp_path / name / "classifier.safetensors").read_bytes() for name in ("whole", "parts")]
    assert exported[0] == exported[1]


@pytest.mark.parametrize("moment", ["forward", "optimizer", "follow"])
def test_ctrl_c_within_a_step_finishes_it_and_the_run_goes_on_bit_for_bit(cuts, tmp_path, monkeypatch, moment):
    run(cuts, tmp_path / "whole", CONFIG)
    (tmp_path / "parts").mkdir()
    session = Training(cuts, tmp_path / "parts", CONFIG, None)

    def with_ctrl_c(call):
        def interrupted(*args, **named):
            result = call(*args, **named)
            if session.step + (moment != "follow") == 3:  # `follow` comes after the step is counted
                os.kill(os.getpid(), signal.SIGINT)
            return result

        return interrupted

    owner, name = {
        "forward": (session.network, "forward"),
        "optimizer": (session.optimizer, "step"),
        "follow": (training, "follow"),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, with_ctrl_c(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            session.run()
    rest = Training(cuts, tmp_path / "parts", CONFIG, None)
    assert rest.step == 3
    rest.run()
    one, two = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_maker_that_is_held_out_is_never_shown_and_chooses_the_weights(cuts, tmp_path, monkeypatch):
    config = replace(CONFIG, hold_out=("diffusion",))
    told = iter([0.6, 0.9, 0.7])
    monkeypatch.setattr(
        Training, "validate", lambda self: {"real: web": np.arange(9.0), "fake: diffusion": np.ones(4)}
    )
    monkeypatch.setattr(training, "auc", lambda scores, fake: next(told))
    session = run(cuts, tmp_path / "run", config)
    assert "fake: diffusion" not in session.sampler.sources
    assert {row.maker for row in session.held} >= {"diffusion"}
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["held_out"] for line in lines] == [0.6, 0.9, 0.7]
    from safetensors import safe_open

    with safe_open(tmp_path / "run" / "classifier.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"])["about"]["step"] == 4  # the best of 2, 4, 6
    assert Training(cuts, tmp_path / "run", config, None).best == 0.9
    with pytest.raises(Refusal, match="no face of such a maker"):
        Training(cuts, tmp_path / "other", replace(CONFIG, hold_out=("difusion",)), None)


def test_a_run_is_not_continued_with_other_settings(cuts, tmp_path):
    run(cuts, tmp_path / "run", CONFIG, until=1)
    with pytest.raises(Refusal, match="another rate"):
        Training(cuts, tmp_path / "run", replace(CONFIG, rate=0.5), None)
    assert Training(cuts, tmp_path / "run", replace(CONFIG, steps=99), None).step == 1


def test_a_run_is_not_continued_on_other_photos_but_its_weights_can_start_another(cuts, tmp_path):
    (tmp_path / "a").mkdir()
    Training(cuts, tmp_path / "a", CONFIG, None, {"web": "1"}).run()
    with pytest.raises(Refusal, match="other photos"):
        Training(cuts, tmp_path / "a", CONFIG, None, {"web": "1", "new": "2"})
    weights = tmp_path / "a" / "classifier.safetensors"
    second = Training(cuts, tmp_path / "b", CONFIG, weights, {"web": "1", "new": "2"})
    assert second.start.startswith("a classifier of 6 steps")
    learnt = load_file(weights)
    assert all(torch.equal(t.to(learnt[k].dtype), learnt[k]) for k, t in second.network.state_dict().items())


def test_it_learns_which_class_is_which(tmp_path):
    """Stripes are easy; a swapped sign or label would show at once."""
    made = cuts_of(
        tmp_path / "cuts",
        [("real", "camera", "web", 90, 60, False), ("fake", "gan", "faces", 90, 60, False)],
    )
    network = NetworkConfig(size=48, min_face=16, depth=2, hidden=16, dropout=0.0, drop_path=0.0)
    sampling = SamplingConfig(smallest=40, largest=60, least=2, tight=0.0)
    config = TrainingConfig(
        steps=70, batch=16, rate=3e-3, warmup=5, average=0.9, validate=70, network=network, sampling=sampling
    )
    session = run(made, tmp_path / "run", config)
    line = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert line["auc"]["gan"] > 0.8, line
    assert line["losses"].keys() == {"real: web", "fake: gan"}
    assert session.averaged.config == network


def test_cuts_are_found_once_and_kept(tmp_path, portrait_file, monkeypatch):
    photo = Photo.open(portrait_file)
    (tmp_path / "c").mkdir()
    entries = []
    for number in range(3):
        pixels = np.ascontiguousarray(photo.pixels[number * 7 :]) if number < 2 else np.zeros((90, 90, 3), np.uint8)
        (tmp_path / "c" / f"{number}.png").write_bytes(Photo.from_pixels(pixels).data)
        entries.append(Entry(f"{number}.png", "real", "camera", "portraits", f"g{number}", "train"))
    corpus = Corpus(tmp_path / "c", tuple(entries))
    config = NetworkConfig()
    first = make_cuts([corpus], tmp_path / "cuts", config)
    assert len(first) == 2
    assert first.missed == {"no face found": 1}
    with open(tmp_path / "cuts" / "cuts.bin", "ab") as file:
        file.write(b"the end of an interrupted picture")
    with open(tmp_path / "cuts" / "cuts.jsonl", "a") as file:
        file.write('{"photo": "cut o')
    calls = []
    monkeypatch.setattr("detectors.classifier.cuts.cut_face", lambda *args: calls.append(args) or "no face found")
    second = make_cuts([corpus], tmp_path / "cuts", config)
    assert not calls
    assert [asdict(row) for row in second.rows] == [asdict(row) for row in first.rows]
    for row in second.rows:
        assert np.array_equal(second.pixels(row), first.pixels(row))
    with pytest.raises(Refusal, match="another --out"):
        make_cuts([corpus], tmp_path / "cuts", replace(config, scale=1.0))


def test_replaced_photos_are_cut_again_and_labels_are_today_s(tmp_path, portrait_file, monkeypatch):
    photo = Photo.open(portrait_file)
    (tmp_path / "c").mkdir()
    for number in range(2):
        pixels = np.ascontiguousarray(photo.pixels[number * 7 :])
        (tmp_path / "c" / f"{number}.png").write_bytes(Photo.from_pixels(pixels).data)
    corpus = Corpus(tmp_path / "c", tuple(Entry(f"{i}.png", "real", "camera", split="train") for i in range(2)))
    first = make_cuts([corpus], tmp_path / "cuts", NetworkConfig())
    kept = [first.pixels(row).copy() for row in first.rows]
    brighter = np.ascontiguousarray(255 - (255 - photo.pixels) // 2)
    (tmp_path / "c" / "0.png").write_bytes(Photo.from_pixels(brighter).data)
    calls = []
    monkeypatch.setattr(cuts_module, "cut_face", lambda *args: calls.append(args[1].path) or cut_face(*args))
    relabelled = Corpus(corpus.root, tuple(replace(e, label="fake", maker="gan") for e in corpus))
    second = make_cuts([relabelled], tmp_path / "cuts", NetworkConfig())
    assert calls == ["0.png"]
    assert [(row.label, row.maker) for row in second.rows] == [("fake", "gan")] * 2
    assert second.pixels(second.rows[0]).mean() > kept[0].mean() + 20
    assert np.array_equal(second.pixels(second.rows[1]), kept[1])
    make_cuts([corpus], tmp_path / "cuts", NetworkConfig())
    assert calls == ["0.png"]  # and only once


def test_a_cut_shows_what_the_detector_sees(tmp_path, portrait_file):
    """The square of a cut, taken from the cut, is the square taken from the photo."""
    from forensics.face import cut, largest_face

    photo = Photo.open(portrait_file)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "p.png").write_bytes(Photo.from_pixels(photo.pixels).data)
    corpus = Corpus(tmp_path / "c", (Entry("p.png", "real", "camera", split="train"),))
    config = NetworkConfig()
    cuts = make_cuts([corpus], tmp_path / "cuts", config)
    (row,) = cuts.rows
    seen = cut(photo.pixels, largest_face(photo).frame(config.scale), config.size)
    kept = cut(cuts.pixels(row), np.array(row.corners, np.float32), config.size)
    shifted = np.roll(seen, 2, (0, 1))
    difference = np.abs(seen.astype(int) - kept).mean()
    assert difference < 2.5  # shrunk in one step or in two
    assert difference < 0.4 * np.abs(shifted.astype(int) - kept).mean()


def test_imagenet_weights_that_do_not_fit_are_refused(cuts, tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "init.safetensors")
    with pytest.raises((Refusal, ValueError), match="tensors"):
        training.Training(cuts, tmp_path, CONFIG, tmp_path / "init.safetensors")
