"""Published detectors keep the detectors' contract, see what their authors' networks saw, and weigh in nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from detectors import PANEL
from detectors.published import PUBLISHED, published_folder, views
from detectors.published.cnndetection import CNNDetection
from detectors.published.detector import PublishedDetector
from detectors.published.heat import LIKE_CAMERA, LIKE_GENERATOR, heat_map
from detectors.published.ladeda import LaDeDa
from detectors.published.mesonet import Meso4
from detectors.published.npr import NPR
from detectors.published.tiny_ladeda import TinyLaDeDa
from forensics.evidence import Detector
from forensics.photo import Photo
from tests.detectors.published.authors import SMALL, SmallLaDeDa, SmallRINE, SmallUnivFD, random_state

SMALLER = {"ladeda": SmallLaDeDa, "univfd": SmallUnivFD, "rine": SmallRINE}
NAMES = [member.name for member in PUBLISHED]


def random_detector(member: type[PublishedDetector]) -> PublishedDetector:
    member = SMALLER.get(member.name, member)
    networks = [member.built({"alpha": torch.zeros(1, SMALL.depth, 16), "proj1.1.weight": torch.zeros(1)})]
    if member.manifest.needs:
        from detectors.published.clip import Clip

        networks.append(Clip(SMALL))
    for network in networks:
        network.load_state_dict(random_state(network))
        network.eval().requires_grad_(False)
    return member(member.assembled(networks), "0" * 64, "NPR" if member.manifest.variants else "")


@pytest.fixture(scope="module")
def detectors() -> dict[str, PublishedDetector]:
    return {member.name: random_detector(member) for member in PUBLISHED}


@pytest.fixture(scope="module")
def portrait(portrait_file) -> Photo:
    return Photo.open(portrait_file)


@pytest.fixture(scope="module")
def noise() -> Photo:
    return Photo.from_pixels(np.random.default_rng(0).integers(0, 255, (241, 303, 3), np.uint8))


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_contract(detectors, portrait, name):
    detector = detectors[name]
    assert isinstance(detector, Detector)
    assert detector.question.endswith("?")
    found, again = detector.examine(portrait), detector.examine(portrait)
    assert found.detector == name
    assert np.isfinite(found.score)
    assert found.score == again.score
    assert found.finding == again.finding
    assert np.array_equal(found.exhibit, again.exhibit)
    assert found.exhibit.dtype == np.uint8
    assert found.exhibit.ndim == 3
    assert found.exhibit.shape[2] == 3
    assert f"{found.score:+.2f}" in found.finding
    assert f"{detector.manifest.threshold:+.2f}" in found.finding
    assert "published detector, not part of the verdict" in found.finding
    assert "\n" not in found.finding
    assert found.caveats
    for mark in found.marks:
        assert 0 <= mark.left < mark.left + mark.width <= portrait.width
        assert 0 <= mark.top < mark.top + mark.height <= portrait.height
        assert all(type(n) is int for n in (mark.left, mark.top, mark.width, mark.height))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_silent_on_tiny_and_blank_photos(detectors, name):
    for shape in ((1, 1, 3), (2, 900, 3), (900, 2, 3), (30, 30, 3), (256, 256, 3), (301, 257, 3)):
        for value in (0, 255):
            found = detectors[name].examine(Photo.from_pixels(np.full(shape, value, np.uint8)))
            assert found.score is None
            assert found.finding.endswith(".")


def test_none_is_in_the_panel_and_names_are_their_own():
    assert not set(PANEL) & set(PUBLISHED)
    assert len({member.name for member in (*PANEL, *PUBLISHED)}) == len(PANEL) + len(PUBLISHED)
    files = [name for member in PUBLISHED for name in member.manifest.names]
    assert len(set(files)) == len(files)


class Spy(torch.nn.Module):
    """Says a fixed logit and keeps what it was shown."""

    def forward(self, images):
        self.seen = images
        return torch.tensor([1.25])


def test_polarity_higher_is_always_more_like_a_fake(portrait):
    assert CNNDetection(Spy()).examine(portrait).score == 1.25
    found = Meso4(Spy()).examine(portrait)  # its network speaks for "real"
    assert found.score == -1.25
    assert "not above" in found.finding
    assert "not above" not in CNNDetection(Spy()).examine(portrait).finding


def test_cnndetection_sees_the_middle_in_native_pixels(noise):
    spy = Spy()
    found = CNNDetection(spy).examine(noise)
    top, left = round((241 - 224) / 2), round((303 - 224) / 2)
    crop = noise.pixels[top : top + 224, left : left + 224] / 255
    expected = (crop - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert spy.seen[0].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found.exhibit, noise.pixels[top : top + 224, left : left + 224])
    (mark,) = found.marks
    assert (mark.left, mark.top, mark.width, mark.height) == (left, top, 224, 224)


def test_small_photos_are_not_padded(noise):
    spy = Spy()
    small = Photo.from_pixels(np.ascontiguousarray(noise.pixels[:100, :180]))
    assert CNNDetection(spy).examine(small).marks == ()
    assert spy.seen.shape == (1, 3, 100, 180)


def test_npr_sees_even_sides_and_shows_the_residual(noise):
    spy = Spy()
    found = NPR(spy).examine(noise)
    assert spy.seen.shape == (1, 3, 240, 302)
    assert (found.exhibit[::2, ::2] == 128).all(), "the kept pixels have no residual"
    assert found.exhibit[1::2, 1::2].std() > 20
    big = Photo.from_pixels(np.random.default_rng(1).integers(0, 255, (1100, 1301, 3), np.uint8))
    assert NPR(spy).view(big).pixels.shape == (1024, 1024, 3)


def test_ladeda_squeezes_as_pillow_does_and_averages_its_patches(detectors, noise):
    view = LaDeDa(Spy()).view(noise)
    assert np.array_equal(view.pixels, np.asarray(Image.fromarray(noise.pixels).resize((256, 256), Image.BILINEAR)))
    assert detectors["tiny_ladeda"].output(view.pixels).shape == (126, 126)
    for name, shape in (("ladeda", (7, 7)), ("tiny_ladeda", (126, 126))):
        logits = detectors[name].output(detectors[name].view(noise).pixels)
        assert logits.shape == shape
        assert detectors[name].examine(noise).score == pytest.approx(logits.mean(), rel=1e-4)


def test_another_residual_is_another_answer(detectors, noise):
    network = detectors["tiny_ladeda"].network
    scores = {kind: TinyLaDeDa(network, None, kind).examine(noise).score for kind in LaDeDa.manifest.variants}
    assert len({round(score, 6) for score in scores.values()}) == len(scores)


def test_clip_statistics_are_clips(noise):
    spy = Spy()
    detector = SmallUnivFD(spy)
    detector.examine(noise)
    crop = detector.view(noise).pixels / 255
    assert spy.seen.shape == (1, 3, 224, 224)
    expected = (crop - [0.48145466, 0.4578275, 0.40821073]) / [0.26862954, 0.26130258, 0.27577711]
    assert spy.seen[0].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-5)


def test_mesonet_looks_at_faces_only(portrait, noise):
    spy = Spy()
    assert "No face" in Meso4(spy).examine(noise).finding
    found = Meso4(spy).examine(portrait)
    assert spy.seen.shape == (1, 3, 256, 256)
    assert 0 <= spy.seen.min() < spy.seen.max() <= 1
    assert [mark.label for mark in found.marks] == ["face"]


@pytest.mark.parametrize(("stride", "field", "side"), [(8, 9, 31), (2, 5, 126)])
def test_the_heat_map_paints_a_patch_where_it_lies(stride, field, side):
    view = np.full((256, 256, 3), 128, np.uint8)
    logits = np.zeros((side, side), np.float32)
    row, column = side // 4, side // 2
    logits[row, column] = 5.0
    shown = heat_map(view, logits, stride, field)[:512].astype(int)
    changed = np.argwhere(np.abs(shown - 128).max(-1) > 0) / 2
    first = (field - stride) // 2
    assert changed.min(0).tolist() == [row * stride + first, column * stride + first]
    assert changed.max(0).tolist() == [row * stride + first + stride - 0.5, column * stride + first + stride - 0.5]
    colour = shown[round(2 * changed.mean(0)[0]), round(2 * changed.mean(0)[1])]
    assert np.abs(colour - (0.4 * 128 + 0.6 * np.array(LIKE_GENERATOR))).max() <= 1
    cold = heat_map(view, -np.ones((side, side), np.float32), stride, field)[256, 256].astype(int)
    assert np.abs(cold - (0.4 * 128 + 0.6 * np.array(LIKE_CAMERA))).max() <= 1


def test_crops_round_as_the_authors_do():
    for width, expected in ((225, 0), (227, 2), (229, 2)):  # Python rounds halves to even
        photo = Photo.from_pixels(np.zeros((224, width, 3), np.uint8))
        assert views.centre(photo, 224).box[0] == expected


def test_the_folder_is_the_users_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("FORENSICS_PUBLISHED", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert published_folder() == tmp_path / "deepfake-forensics" / "published"
    monkeypatch.setenv("FORENSICS_PUBLISHED", str(tmp_path / "mine"))
    assert published_folder() == tmp_path / "mine"


def test_the_list_says_which_have_weights_and_where_to_put_the_others(tmp_path):
    from hashlib import sha256

    from app.cli import app

    content = b"not looked into before it is loaded"
    (tmp_path / "npr.pth").write_bytes(content)
    done = CliRunner().invoke(app, ["detector", "list", "--published", str(tmp_path)])
    assert done.exit_code == 0, done.output
    flat = "".join(done.output.split())
    assert sha256(content).hexdigest() in flat
    assert "CNNDetection:noweightsin" in flat
    assert "saveitascnndetection.pth(or.safetensors)" in flat
    assert "NPR:noweights" not in flat
    assert "RESIDUALbeingoneofNPR,raw" in flat
    assert "http" not in flat
