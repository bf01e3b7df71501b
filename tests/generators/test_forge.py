from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest
import torch
import typer
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from forensics.corpus import Corpus
from forensics.crew import Crew
from forensics.photo import Photo
from forensics.places import GENERATOR_WEIGHTS
from forensics.refusal import Refusal
from forensics.tensors import to_pictures
from generators import FAMILIES, snapshots
from generators.declare import FORMATS, SOURCE_TYPE, declared
from generators.family import Family
from generators.forge import Recipe, forge, same, seeds_of
from generators.plan import Plan
from generators.trained import Trained, export, load
from generators.training import train
from generators.transfer import describe
from tests.benchmarks.standins import Alone


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    train(Plan("dcgan", pictures, kimg=0.04, preset="tiny", batch=4), out, "cpu")
    return out


def pixels_of(corpus: Corpus) -> dict[str, bytes]:
    return {entry.seed: Photo.open(corpus.path(entry)).pixels.tobytes() for entry in corpus}


def test_one_seed_is_one_picture_whatever_it_is_made_with(run, tmp_path):
    trained = load(run)
    many = pixels_of(forge(trained, range(32), tmp_path / "many"))
    assert len(set(many.values())) == 32
    for seed in (0, 7, 31):
        alone = pixels_of(forge(load(run), [seed], tmp_path / f"alone{seed}"))
        assert alone == {str(seed): many[str(seed)]}
    torch.manual_seed(99)  # the global generator has no say
    assert trained.picture(5).tobytes() == many["5"]
    torch.set_num_threads(2)
    assert trained.picture(6).tobytes() == many["6"]


def test_manifest_says_what_was_made(run, tmp_path):
    corpus = forge(load(run), [3, 1, 2], tmp_path / "fakes")
    assert corpus.entries == Corpus.open(tmp_path / "fakes").entries
    assert [entry.seed for entry in corpus] == ["1", "2", "3"]
    for entry in corpus:
        assert (entry.label, entry.maker, entry.domain) == ("fake", "dcgan", "photos")
        assert entry.sha256 == hashlib.sha256(corpus.path(entry).read_bytes()).hexdigest()
        assert (entry.width, entry.height) == (16, 16)
        assert entry.group == f"seed {entry.seed}"
        assert entry.split
    config = json.loads((tmp_path / "fakes" / "config.json").read_text())
    assert config["weights"] == hashlib.sha256(snapshots.latest(run).read_bytes()).hexdigest()
    assert config["trained"]["preset"] == "tiny"


def test_interrupted_forging_goes_on_and_more_seeds_join(run, tmp_path):
    class Stop(Exception):
        pass

    def stop(done: int) -> None:
        if done == 2:
            raise Stop

    trained, out = load(run), tmp_path / "fakes"
    with pytest.raises(Stop):
        forge(trained, range(4), out, progress=stop)
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert len(stamps) == 2
    assert {e.label for e in Corpus.open(out)} == {"fake"}  # so that nobody takes what is there for photos
    assert len(forge(trained, range(4), out)) == 4
    assert {name: (out / name).stat().st_mtime_ns for name in stamps} == stamps
    assert len(forge(trained, [10], out)) == 5
    (out / "000002.png").unlink()
    assert len(forge(trained, [2], out)) == 5
    assert np.array_equal(Photo.open(out / "000002.png").pixels, trained.picture(2))
    with pytest.raises(Refusal, match="other pictures"):
        forge(trained, [1], out, Recipe("webp"))


def test_only_what_the_manifest_tells_of_is_taken_for_done(run, tmp_path):
    trained, out = load(run), tmp_path / "fakes"
    whole = forge(trained, range(4), out)
    good = {path.name: path.read_bytes() for path in out.glob("*.png")}
    (out / "000001.png").write_bytes(good["000001.png"][:100])  # the disk was full
    (out / "000002.png").write_bytes(good["000003.png"])
    (out / "000004.png").write_bytes(b"no picture, and no row of the manifest")
    (out / "000005.png").write_bytes(good["000000.png"])
    again = forge(trained, range(6), out)
    assert again.entries[:4] == whole.entries
    for entry in again:
        data = again.path(entry).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        assert data == good.get(entry.path, data)
        assert np.array_equal(Photo.open(data).pixels, trained.picture(int(entry.seed)))


def test_a_damaged_picture_that_is_not_asked_for_leaves_the_manifest(run, tmp_path):
    trained, out = load(run), tmp_path / "fakes"
    forge(trained, range(3), out)
    (out / "000001.png").write_bytes(b"")
    assert [entry.seed for entry in forge(trained, [7], out)] == ["0", "2", "7"]
    assert [entry.seed for entry in forge(trained, [1], out)] == ["0", "1", "2", "7"]


@pytest.mark.parametrize("text", ["no json", "[1, 2]", "null", "\xff\xfe", "[" * 100_000])
def test_a_folder_with_another_config_is_refused(run, tmp_path, text):
    (tmp_path / "fakes").mkdir()
    (tmp_path / "fakes" / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(Refusal, match=r"config\.json is none of ours") as refused:
        forge(load(run), [1], tmp_path / "fakes")
    assert "\n" not in str(refused.value)
    assert [path.name for path in (tmp_path / "fakes").iterdir()] == ["config.json"]


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures_declare_themselves(run, tmp_path, kind):
    corpus = forge(load(run), [4], tmp_path / "fakes", Recipe(kind))
    photo = Photo.open(corpus.path(corpus.entries[0]))
    assert f'DigitalSourceType="{SOURCE_TYPE}"'.encode() in photo.xmp
    software = photo.text.get("Software") or photo.exif.get("Software")
    assert software.startswith("deepfake-forensics")
    assert "dcgan" in software
    if kind != "jpg":
        assert np.array_equal(photo.pixels, load(run).picture(4))


def test_png_declares_in_the_chunks_that_readers_look_in():
    data = declared(np.zeros((4, 4, 3), np.uint8), 'a "maker" & co', "png")
    image = Image.open(io.BytesIO(data))
    image.load()
    assert b"iTXtXML:com.adobe.xmp\0" in data
    assert b"tEXtSoftware\0" in data
    assert SOURCE_TYPE in image.text["XML:com.adobe.xmp"]
    assert image.getxmp()["xmpmeta"]["RDF"]["Description"]["DigitalSourceType"] == SOURCE_TYPE
    assert image.getxmp()["xmpmeta"]["RDF"]["Description"]["CreatorTool"] == 'a "maker" & co'


def test_jpeg_has_the_quality_that_it_states(run, tmp_path, rng):
    corpus = forge(load(run), [4], tmp_path / "fakes", Recipe("jpg", quality=60))
    jpeg = Photo.open(corpus.path(corpus.entries[0])).jpeg
    expected = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(expected, "JPEG", quality=60)
    assert np.array_equal(jpeg.tables[0], Photo.open(expected.getvalue()).jpeg.tables[0])
    assert jpeg.subsampling == "4:4:4"
    with pytest.raises(Refusal, match=r"other pictures \(encoding differ\)"):
        forge(load(run), [5], tmp_path / "fakes", Recipe("jpg"))


@dataclass(frozen=True)
class SheetConfig:
    resolution: int = 12
    latent: int = 4
    channels: int = 3
    labels: int = 0


class Sheet(Family):
    """Wider than high, of any channels, with classes; z, the class and truncation are all in the picture."""

    name = "sheet"
    truncates = True

    def __init__(self, config: SheetConfig):
        super().__init__(config, torch.nn.Linear(1, 1))

    @property
    def size(self) -> tuple[int, int]:
        return 12, 16

    def phases(self):
        return ()

    def adam(self, learner):
        raise NotImplementedError

    def sample(self, z, labels=None, truncation=1.0):
        assert (labels is None) == (self.config.labels == 0)
        images = z.sigmoid().repeat(1, 48)[:, None].reshape(-1, 1, 12, 16).repeat(1, self.config.channels, 1, 1)
        images = images * truncation
        if labels is not None:
            images[:, :, 0, 0] = labels.argmax(1) / 2
        return images


def sheet(tmp_path, **config) -> Trained:
    return Trained(Sheet(SheetConfig(**config)), tmp_path / "none", "0" * 64, {"classes": ["cat", "dog", "7"]})


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_pictures_are_written_with_the_channels_they_have(tmp_path, channels, mode):
    trained = sheet(tmp_path, channels=channels)
    pixels = trained.picture(3)
    assert pixels.shape == (12, 16, channels)
    corpus = forge(trained, [3], tmp_path / "png")
    (entry,) = corpus
    with Image.open(corpus.path(entry)) as image:
        assert (image.mode, image.size) == (mode, (16, 12))
        assert np.array_equal(np.array(image).reshape(pixels.shape), pixels)
    assert (entry.width, entry.height) == (16, 12)
    for kind in ("jpg", "webp"):
        if channels in (2, 4):
            with pytest.raises(Refusal, match=f"--format {kind}: .* alpha, .* use png"):
                forge(trained, [3], tmp_path / kind, Recipe(kind))
        else:
            with Image.open(
                tmp_path / kind / forge(trained, [3], tmp_path / kind, Recipe(kind)).entries[0].path
            ) as i:
                assert i.size == (16, 12)


def test_truncation_and_class_are_chosen_and_told(tmp_path):
    trained = sheet(tmp_path, labels=3)
    assert trained.classes == ("cat", "dog", "7")
    corpus = forge(trained, [1, 2], tmp_path / "dogs", Recipe(truncation=0.5, kind="dog"))
    assert {(e.kind, e.truncation, e.weights) for e in corpus} == {("dog", "0.5", "0" * 64)}
    told = json.loads((tmp_path / "dogs" / "config.json").read_text())
    assert (told["class"], told["truncation"]) == ("dog", 0.5)
    assert np.array_equal(Photo.open(corpus.path(corpus.entries[0])).pixels, trained.picture(1, 0.5, 1))
    assert not np.array_equal(trained.picture(1, 0.5, 1), trained.picture(1, 1.0, 1))
    assert not np.array_equal(trained.picture(1, 0.5, 1), trained.picture(1, 0.5, 0))
    numbers = {"0": 0, "1": 1, "7": 2, "cat": 0}  # a name goes before a number
    assert {kind: Recipe(kind=kind).label(trained) for kind in numbers} == numbers
    with pytest.raises(Refusal, match="--class bird: must be 0 to 2, or one of cat, dog, 7"):
        forge(trained, [1], tmp_path / "birds", Recipe(kind="bird"))
    for other in (Recipe(truncation=0.6, kind="dog"), Recipe(truncation=0.5)):
        with pytest.raises(Refusal, match="holds other pictures"):
            forge(trained, [3], tmp_path / "dogs", other)


def test_without_a_class_each_seed_has_its_own(tmp_path):
    trained = sheet(tmp_path, labels=3)
    corpus = forge(trained, range(30), tmp_path / "all")
    assert {entry.kind for entry in corpus} == {"cat", "dog", "7"}
    for entry in corpus:
        column = trained.classes.index(entry.kind)
        assert trained.picture(int(entry.seed))[0, 0, 0] == round((column / 2 + 1) * 127.5)


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)
def test_every_family_forges_from_its_export(kind, tmp_path):
    torch.manual_seed(0)
    family = kind(kind.presets["tiny"])
    family.settle(1, 4)
    told = {"family": kind.name, "preset": "tiny", "config": asdict(family.config)}
    snapshots.save_at_once(
        {f"family.average.{name}": t for name, t in family.average.state_dict().items()},
        tmp_path / "export.safetensors",
        told,
    )
    trained = load(tmp_path / "export.safetensors")
    pixels = trained.picture(1)
    assert pixels.shape == (*family.size, trained.channels)
    z = family.draw(1, torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert np.array_equal(pixels, to_pictures(family.sample(z))[0, :, :, : trained.channels])
    recipe = Recipe(truncation=0.5)
    if kind.truncates:
        assert not np.array_equal(trained.picture(1, 0.5), pixels)
        assert recipe.settings(trained)["truncation"] == 0.5
    else:
        with pytest.raises(Refusal, match="cannot truncate"):
            recipe.settings(trained)


@pytest.mark.parametrize("crew", [Alone, pytest.param(Crew, marks=pytest.mark.slow)])
def test_workers_change_no_bit(tmp_path, monkeypatch, crew):
    """With classes and truncation, in the family whose convolutions are the largest."""
    monkeypatch.setattr("generators.forge.Crew", crew)
    from generators.families.stylegan2 import StyleGAN2

    torch.manual_seed(0)
    family = StyleGAN2(replace(StyleGAN2.presets["tiny"], labels=2))
    average = {f"family.average.{name}": t for name, t in family.average.state_dict().items()}
    told = {"family": "stylegan2", "config": asdict(family.config), "classes": ["cat", "dog"]}
    snapshots.save_at_once(average, tmp_path / "w.safetensors", told)
    trained, recipe = load(tmp_path / "w.safetensors"), Recipe(truncation=0.7)
    one = forge(trained, range(12), tmp_path / "one", recipe)
    seen = []
    two = forge(trained, range(12), tmp_path / "two", recipe, seen.append, workers=2)
    assert one.entries == two.entries
    assert seen == list(range(1, 13))
    for entry in one:
        assert one.path(entry).read_bytes() == two.path(entry).read_bytes()
    with pytest.raises(Refusal, match="changed while it was used"):
        same(trained.weights, "0" * 64)


def test_export_is_small_repeatable_and_makes_nearly_the_same_pictures(run, tmp_path):
    first, second = export(run, tmp_path / "a.safetensors"), export(run, tmp_path / "b.safetensors")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < snapshots.latest(run).stat().st_size / 3
    small, whole = load(first), load(run)
    assert small.told["config"] == whole.told["config"]
    assert small.told["domain"] == "photos"
    difference = small.picture(1).astype(int) - whole.picture(1)
    assert np.abs(difference).max() <= 2


def test_export_command(run, tmp_path, monkeypatch):
    from app.cli import app

    def said(*words: object) -> str:
        done = CliRunner().invoke(app, ["export", *map(str, words)])
        assert done.exit_code == 0 or isinstance(done.exception, Refusal), done.output
        return str(done.exception or done.output)

    out = tmp_path / "deep" / "small.safetensors"
    assert f"exported: {out}" in said(run, out).replace("\n", " ")
    assert out.read_bytes() == export(run, tmp_path / "small.safetensors").read_bytes()
    assert load(out).told["preset"] == "tiny"
    last = snapshots.latest(run)
    before = last.read_bytes()
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "place.safetensors").mkdir()
    monkeypatch.chdir(tmp_path)
    for words, says in (
        (("nope", "x.safetensors"), "nope: no such run"),
        (("dcgan", "x.safetensors"), "dcgan: no such run"),  # not what ships: that is such a file
        ((tmp_path / "empty", "x.safetensors"), "no training run"),
        ((tmp_path / "text.safetensors", "x.safetensors"), "cannot be read as safetensors"),
        ((run, tmp_path / "x.png"), "must end in .safetensors"),
        ((run, tmp_path / "place.safetensors"), "is a folder"),
        ((run, last), "would be taken for"),
        ((run, last.with_name("x.safetensors")), "would be taken for"),
        ((out, out), "choose another place"),
    ):
        assert says in said(*words)
        assert not (tmp_path / "x.safetensors").exists()
    assert [path.name for path in last.parent.iterdir()] == [last.name]
    assert last.read_bytes() == before


def test_refuses_what_is_no_generator(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.safetensors").write_text("no weights")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    weights, told = snapshots.read(export(run, tmp_path / "good.safetensors"))
    huge = {**told, "config": {**told["config"], "width": 2**20}}
    odd = {**told, "config": {**told["config"], "colour": "blue"}}
    snapshots.save_at_once(weights, tmp_path / "huge.safetensors", huge)
    snapshots.save_at_once(weights, tmp_path / "odd.safetensors", odd)
    snapshots.save_at_once(weights, tmp_path / "alien.safetensors", {**told, "family": "biggan"})
    for name, says in (
        ("dcgann", "no such run, weights file or family.*did you mean 'dcgan'"),
        (tmp_path / "empty", "no training run"),
        (tmp_path / "text.safetensors", "cannot be read"),
        (tmp_path / "other.safetensors", "not written by"),
        (tmp_path / "huge.safetensors", "does not fit"),  # and takes no memory for it
        (tmp_path / "odd.safetensors", "config is not one of"),
        (tmp_path / "alien.safetensors", "no family 'biggan'"),
    ):
        with pytest.raises(Refusal, match=says):
            load(name)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_damaged_weights_make_no_pictures(run, pictures, tmp_path, number):
    tensors, told = snapshots.read(snapshots.latest(run))
    tensors["family.average.project.weight"][-1, -1] = number
    damaged = snapshots.folder_of(tmp_path / "run") / "000000000099.safetensors"
    damaged.parent.mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text((run / "config.json").read_text())
    snapshots.save_at_once(tensors, damaged, told)
    says = r"damaged: family\.average\.project\.weight is not finite"
    with pytest.raises(Refusal, match=says):
        load(damaged)
    with pytest.raises(Refusal, match=says):
        export(tmp_path / "run", tmp_path / "small.safetensors")
    with pytest.raises(Refusal, match=says):
        train(Plan("dcgan", pictures, kimg=1, preset="tiny", batch=4), tmp_path / "run", "cpu")
    with pytest.raises(Refusal, match=says):
        train(Plan("dcgan", pictures, kimg=1, preset="tiny", batch=4, start=damaged), tmp_path / "new", "cpu")


def test_a_snapshot_is_itself_wherever_it_is_copied_to(run, pictures, tmp_path):
    copied = tmp_path / "ext.safetensors"
    copied.write_bytes(snapshots.latest(run).read_bytes())
    (mine, theirs) = load(copied), load(run)
    assert mine.told == theirs.told
    assert {"family", "preset", "config", "corpus", "domain", "classes", "seed"} <= mine.told.keys()
    assert np.array_equal(mine.picture(3), theirs.picture(3))
    assert describe(copied)["preset"] == "tiny"  # that `train --resume` chooses
    exported = export(copied, tmp_path / "small.safetensors")
    assert exported.read_bytes() == export(run, tmp_path / "again.safetensors").read_bytes()


def test_a_snapshot_from_before_it_told_its_run_is_read_in_its_run(run, tmp_path):
    tensors, told = snapshots.read(snapshots.latest(run))
    old = snapshots.folder_of(tmp_path / "run") / "000000000040.safetensors"
    old.parent.mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text((run / "config.json").read_text())
    snapshots.save_at_once(tensors, old, {key: told[key] for key in ("family", "step", "images_seen")})
    assert load(tmp_path / "run").told == load(old).told == load(run).told
    first, second = (export(each, tmp_path / "small" / f"{each.name}.safetensors") for each in (run, old))
    assert first.read_bytes() == second.read_bytes()
    copied = tmp_path / "ext.safetensors"
    copied.write_bytes(old.read_bytes())
    for act in (load, lambda path: export(path, tmp_path / "none.safetensors")):
        with pytest.raises(Refusal, match=r"does not tell its settings.*give the folder of its run"):
            act(copied)


def test_an_export_keeps_numbers_that_halves_cannot_hold(run, tmp_path):
    tensors, told = snapshots.read(snapshots.latest(run))
    tensors["family.average.project.weight"][0, 0] = 1e5
    snapshots.save_at_once(tensors, tmp_path / "wide.safetensors", told)
    file = export(tmp_path / "wide.safetensors", tmp_path / "small.safetensors")
    small = snapshots.read(file)[0]
    assert small["family.average.project.weight"][0, 0] == 1e5
    assert any(t.dtype == torch.float16 for t in small.values())
    load(file)


def test_what_ships_forges_at_once(tmp_path):
    trained = load("dcgan")
    assert trained.weights == GENERATOR_WEIGHTS / "dcgan.safetensors"
    assert trained.weights.stat().st_size < 8 * 2**20
    pictures = np.stack([trained.picture(seed) for seed in range(8)])
    assert pictures.shape == (8, 64, 64, 3)
    assert pictures.std(axis=0).mean() > 10  # not one picture eight times
    card = (GENERATOR_WEIGHTS / "dcgan.md").read_text(encoding="utf-8")
    assert trained.sha256 in card
    assert trained.told["corpus"] in card
    assert f"{trained.told['step']:,} steps" in card


def test_seeds():
    assert seeds_of("0-3,600, 2 , 7-7") == [0, 1, 2, 3, 600, 7]
    for bad in ("", "a", "1-", "-1", "3-1", "1,,2", "0-99999999999", "1.5"):
        with pytest.raises(Refusal, match="--seeds"):
            seeds_of(bad)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)), min_size=1, max_size=5))
def test_seeds_are_each_named_once(spans):
    text = ",".join(f"{first}-{first + more}" for first, more in spans)
    expected = {seed for first, more in spans for seed in range(first, first + more + 1)}
    seeds = seeds_of(text)
    assert len(seeds) == len(set(seeds))
    assert set(seeds) == expected


def test_command(run, tmp_path):
    from app.commands.forge import forge as command

    app = typer.Typer()
    app.command()(command)
    words = [str(run), "--seeds", "0-2", "--out", str(tmp_path / "fakes"), "--format", "jpg", "--quality", "80"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert len(Corpus.open(tmp_path / "fakes").where(label="fake", maker="dcgan")) == 3
    told = json.loads((tmp_path / "fakes" / "config.json").read_text())
    assert told["encoding"] == "quality 80, 4:4:4"
    for bad, says in (
        (["--truncation", "0.7"], "dcgan cannot truncate"),
        (["--class", "1"], "dcgan has no classes"),
        (["--quality", "50"], "--quality 50 is for --format jpg"),
        (["--quality", "0", "--format", "jpg"], "1 to 100"),
        (["--truncation", "nan"], "must be -2 to 2"),
        (["--format", "gif"], "one of png, jpg, webp"),
    ):
        refused = CliRunner().invoke(app, [str(run), "--out", str(tmp_path / "none"), *bad])
        assert isinstance(refused.exception, Refusal)
        assert says in str(refused.exception)
        assert not (tmp_path / "none").exists()
