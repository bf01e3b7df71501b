"""InceptionV3 is torchvision's network, but for what FID's differs in; files are read and never executed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import detectors.torchvision_ops  # noqa: F401  (before torchvision)
from benchmarks.fidelity.inception import Inception, InceptionV3, as_tensorflow, resized
from forensics.features import as_square
from forensics.refusal import Refusal

SIDE = 107  # px: enough for every layer


@pytest.fixture(scope="module")
def theirs():
    """torchvision's, random weights and running statistics, without its last layer."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False).eval()
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
    network.fc = torch.nn.Identity()
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def ours(theirs, published: bool) -> InceptionV3:
    with torch.device("meta"):
        network = InceptionV3(published)
    network.load_state_dict(theirs.state_dict(), assign=True)
    return network.eval()


def test_the_network_is_torchvisions(theirs, images):
    torch.testing.assert_close(ours(theirs, published=False)(images), theirs(images), rtol=1e-5, atol=1e-6)


def test_published_pools_are_where_fid_has_them(theirs, images, monkeypatch):
    """torchvision's with its pools exchanged: borders do not count; the last block takes the maximum."""
    from torchvision.models import inception

    class Pools:
        """torch.nn.functional, but for one function."""

        def __getattr__(self, name):
            return getattr(torch.nn.functional, name)

        @staticmethod
        def avg_pool2d(x, kernel_size, stride, padding):
            if x.shape[1] == 2048:  # what Mixed_7c is given
                return torch.nn.functional.max_pool2d(x, kernel_size, stride, padding)
            counted = torch.nn.functional.avg_pool2d(torch.ones_like(x), kernel_size, stride, padding)
            return torch.nn.functional.avg_pool2d(x, kernel_size, stride, padding) / counted

    plain = theirs(images)
    monkeypatch.setattr(inception, "F", Pools())
    expected = theirs(images)
    found = ours(theirs, published=True)(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (found - plain).abs().max() > 1e-3


def test_pictures_are_resized_as_tensorflow_1_did(rng):
    """Place i is read at i · length / size, whatever lies between is left out; past the end the last pixel counts."""
    x = torch.from_numpy(rng.normal(size=(2, 5)))
    for size in (3, 5, 13):
        at = np.arange(size) * 5 / size
        expected = [np.interp(at, np.arange(5), row) for row in x.numpy()]
        np.testing.assert_allclose(resized(x.float(), size, 1), expected, atol=1e-6)
    grey = torch.full((1, 1, 8, 6), -1.0)
    assert as_tensorflow(grey, 4).shape == (1, 3, 4, 4)
    assert torch.equal(as_tensorflow(grey, 4), torch.full((1, 3, 4, 4), -1.0))  # (0 - 128) / 128
    assert as_tensorflow(torch.ones(1, 4, 8, 6), 4)[0, 0, 0, 0] == 127 / 128
    with pytest.raises(Refusal, match="2 channels"):
        as_tensorflow(torch.ones(1, 2, 8, 6), 4)


@pytest.mark.parametrize(("classes", "suffix"), [(1008, "pth"), (1000, "safetensors")])
def test_a_file_becomes_a_space(theirs, images, tmp_path, classes, suffix):
    file = tmp_path / f"weights.{suffix}"
    state = {key: t for key, t in theirs.state_dict().items() if not key.endswith("num_batches_tracked")}
    state = {key: t.half() if t.ndim > 1 else t for key, t in state.items()} | {"fc.weight": torch.zeros(classes, 2)}
    torch.save(state, file) if suffix == "pth" else save_file(state, file)
    space = Inception(file)
    assert space.name == f"inception-{'2015-12-05' if classes == 1008 else 'torchvision'}-pool3-299px"
    assert not space.verified  # these are not the published weights, so nothing in them is "FID"
    seen = space(images)
    assert seen.shape == (1, space.dims)
    square = as_tensorflow(images, 299) if classes == 1008 else as_square(images, 299)
    torch.testing.assert_close(seen, ours(theirs, classes == 1008)(square), rtol=0.05, atol=0.02)  # float16 weights


class Executed:
    def __reduce__(self):
        return pytest.fail, ("a user's file was executed",)


def test_other_files_are_refused(tmp_path):
    evil, text, other = tmp_path / "evil.pth", tmp_path / "text.pth", tmp_path / "other.safetensors"
    evil.write_bytes(pickle.dumps(Executed()))
    text.write_text("weights")
    save_file({"fc.weight": torch.zeros(10, 4)}, other)
    half = tmp_path / "half.safetensors"
    save_file({"fc.weight": torch.zeros(1008, 2048)}, half)
    listed = tmp_path / "list.pth"
    torch.save([torch.zeros(2)], listed)
    for file, said in (
        (evil, "cannot be read as weights"),
        (text, "cannot be read as weights"),
        (tmp_path / "none.pth", "cannot be read as weights"),
        (other, "1,008"),
        (half, "Conv2d_1a_3x3.conv.weight is missing"),
        (listed, "no plain state dict"),
    ):
        with pytest.raises(Refusal, match=said):
            Inception(file)
