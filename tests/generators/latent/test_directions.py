"""Directions found and kept: against brute force, against numpy, against a plane that was planted; files of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators import snapshots
from generators.latent.direction import Direction, load, renamed, save, upright
from generators.latent.directions import Directions
from generators.latent.points import Point
from generators.latent.supervised import parted, read_labels
from generators.latent.unsupervised import pca, sefa


def matrices(space, layers) -> torch.Tensor:
    return torch.cat([style.matrix for style in space.styled.styles if style.layer in layers]).double()


@pytest.mark.parametrize("layers", [None, [0, 1], [4]])
def test_sefa_finds_what_moves_styles_most(each, layers):
    found = sefa(each, layers=layers)
    a = matrices(each, range(6) if layers is None else layers)
    vectors = torch.stack([d.vector for d in found]).double()
    assert torch.allclose(vectors @ vectors.T, torch.eye(8, dtype=torch.double), atol=1e-5)
    moved = (vectors @ a.T).square().sum(1)  # |A n|² of each
    assert (moved.diff() <= 1e-6 * moved[0]).all()  # strongest first
    assert torch.allclose(a.T @ a @ vectors.T, vectors.T * moved, atol=1e-4 * float(moved[0]))
    others = torch.randn(5000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    others = others / others.norm(dim=1, keepdim=True)
    for number in range(3):  # in what the ones before leave
        assert (others @ a.T).square().sum(1).max() <= moved[number] * (1 + 1e-6)
        others = others - (others @ vectors[number])[:, None] * vectors[number]
        others = others / others.norm(dim=1, keepdim=True)
    assert [d.told["share"] for d in found] == pytest.approx((moved / moved.sum()).tolist(), abs=1e-5)
    assert {d.layers for d in found} == {None if layers is None else tuple(layers)}


def test_pca_is_numpys(each):
    found = pca(each, 5)
    centred = each.drawn.double().numpy() - each.drawn.double().numpy().mean(0)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    for number, direction in enumerate(found):
        assert abs(float(direction.vector.double() @ torch.from_numpy(rows[number]))) == pytest.approx(1, abs=1e-3)
        assert direction.deviation == pytest.approx(values[number] / np.sqrt(len(centred) - 1), rel=1e-3)
        assert direction.told["share"] == pytest.approx(values[number] ** 2 / (values**2).sum(), rel=1e-3)
    assert [d.name for d in found] == [f"pca-{i}" for i in range(5)]


def test_a_deviation_is_how_far_w_spread_along_the_direction(each):
    vector = torch.randn(8, generator=torch.Generator().manual_seed(3))
    direction = Direction.along("x", 7 * vector, each)
    assert float(direction.vector.norm()) == pytest.approx(1, abs=1e-6)
    along = each.drawn.double().numpy() @ (vector / vector.norm()).double().numpy()
    assert direction.deviation == pytest.approx(along.std(ddof=1), rel=1e-5)
    for found in (*sefa(each, 2), *pca(each, 2)):
        assert found.deviation == pytest.approx(Direction.along("", found.vector, each).deviation, rel=1e-5)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3).filter(any), min_size=1, max_size=4))
def test_upright_vectors_have_no_sign_of_their_own(rows):
    vectors = torch.tensor(rows, dtype=torch.double) + torch.tensor([0.3, 0.2, 0.1])  # no two of one size
    turned = upright(vectors)
    assert torch.equal(turned, upright(-vectors))
    assert torch.equal(turned.abs(), vectors.abs())
    assert (turned.gather(1, turned.abs().argmax(1, keepdim=True)) > 0).all()


def test_what_cannot_be_found_is_refused(space):
    for find in (sefa, pca):
        for n in (0, -1, 9):
            with pytest.raises(Refusal, match=f"{n} directions: w has 8 numbers, so give 1 to 8"):
                find(space, n)
    with pytest.raises(Refusal, match=r"no convolution reads w at layers \[5\]; styles are at 0 to 4"):
        sefa(space, 2, [5])


# ---- from labels ----


def labelled(space, n: int = 60, told=None) -> dict[int, bool]:
    """Seeds by the side of a plane on which their w lie, or by what `told` says."""
    ws = torch.stack([space.w(Point("", seed))[0] for seed in range(n)])
    along = ws @ plane()
    return dict(enumerate((along > along.median()).tolist() if told is None else told))


def plane() -> torch.Tensor:
    vector = torch.randn(8, generator=torch.Generator().manual_seed(5))
    return vector / vector.norm()


@pytest.mark.parametrize("model", ["logistic", "svm"])
def test_a_planted_plane_is_found_again_from_seeds(space, model):
    seeds = labelled(space, 300)
    direction = parted(space, "thing", seeds, model, [2, 3])
    # In units of w's spread, since that is how the plane is looked for: w spread unevenly.
    cov = torch.cov(space.drawn.T)
    agree = float(direction.vector @ cov @ plane()) / (direction.deviation * float(plane() @ cov @ plane()) ** 0.5)
    assert agree > 0.9
    low, high = direction.told["auc_95"]
    assert 0.95 < low <= direction.told["auc"] <= high <= 1
    assert (direction.layers, direction.told["method"], direction.told["n"]) == ((2, 3), model, 300)
    opposite = parted(space, "none", {seed: not has for seed, has in seeds.items()}, model)
    assert float(opposite.vector @ direction.vector) == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("model", ["logistic", "svm"])
def test_random_labels_are_told_as_no_better_than_chance(space, model):
    """20 seeds, 8 numbers: on the seeds that it was fitted to, a plane would part them well."""
    told = np.random.default_rng(0).permutation([True, False] * 15).tolist()
    direction = parted(space, "nothing", labelled(space, 30, told), model)
    fitted = [float(space.w(Point("", seed))[0] @ direction.vector) for seed in range(30)]
    ranks = np.argsort(np.argsort(fitted))
    on_its_own = (ranks[np.array(told)].mean() - 7) / 15
    low, high = direction.told["auc_95"]
    assert low < 0.5 < high
    assert on_its_own > direction.told["auc"] + 0.1


def test_too_few_seeds_and_unknown_models_are_refused(space):
    with pytest.raises(Refusal, match="smiles: 9 seeds have it and 11 don't; 10 of each are needed"):
        parted(space, "smiles", {seed: seed < 9 for seed in range(20)})
    with pytest.raises(Refusal, match="model 'forest': must be logistic or svm"):
        parted(space, "smiles", {seed: seed < 10 for seed in range(20)}, "forest")


def test_labels_are_read_as_people_write_them(tmp_path):
    lines = [f"{seed}, {'Yes' if seed % 2 else 'no'} ,{'' if seed == 3 else int(seed < 12)}" for seed in range(24)]
    (tmp_path / "l.csv").write_text("\n".join(["\ufeffseed,smiles, glasses ", *lines]), encoding="utf-8")
    labels = read_labels(tmp_path / "l.csv")
    assert labels["smiles"] == {seed: seed % 2 == 1 for seed in range(24)}
    assert labels["glasses"] == {seed: seed < 12 for seed in range(24) if seed != 3}


ROWS = "".join(f"{seed},{seed % 2}\n" for seed in range(20))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "columns must be seed and one or more things"),
        ("seed\n1\n", "columns must be seed"),
        (ROWS, "columns must be seed"),
        ("seed,a/b\n" + ROWS, "'a/b' is no name"),
        ("seed,\n" + ROWS, "'' is no name"),
        ("seed,x,x\n" + ROWS, "two columns have one name"),
        ("seed,x\n" + ROWS + "3,perhaps\n", "line 22: give a seed, and 1, 0 or nothing"),
        ("seed,x\n" + ROWS + "-3,1\n", "line 22: give a seed"),
        ("seed,x\n" + ROWS + "1.5,1\n", "line 22: give a seed"),
        ("seed,x\n" + ROWS + "9" * 5000 + ",1\n", "line 22: give a seed"),
        ("seed,x\n" + ROWS + "9" * 19 + ",1\n", "line 22: give a seed"),
        ("seed,x\n" + ROWS + "3,0\n", "line 22: seed 3 has x here, and elsewhere has not"),
        ("seed,x\n" + ROWS[:40], "x: 5 seeds have it and 5 don't"),
        ("seed,x\n" + "a" * 200_000, "cannot be read as CSV"),
    ],
    ids=lambda text: text[:20],
)
def test_labels_that_make_no_sense_are_one_line(tmp_path, text, says):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(Refusal) as refused:
        read_labels(tmp_path / "l.csv")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_csv_is_refused(tmp_path):
    (tmp_path / "l.csv").write_bytes(b"seed,x\n\xff\xfe\x00")
    for path in (tmp_path / "l.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(Refusal, match="cannot be read as CSV"):
            read_labels(path)


# ---- by name, and in files ----


def test_directions_are_known_by_name_with_and_without_a_file(space):
    first, second = sefa(space, 2)
    known = Directions(space, [replace(first, name="turn"), replace(second, name="pca-0")])
    assert known.names == ["turn", "pca-0"]
    assert known["turn"].vector is first.vector
    assert known["pca-0"].vector is second.vector  # a file's goes before
    assert torch.equal(known["sefa-1"].vector, second.vector)
    assert torch.equal(known["pca-1"].vector, pca(space)[1].vector)
    for name, says in (
        ("turm", "no direction 'turm'; known: turn, pca-0, sefa-0, pca-0, .*did you mean 'turn'"),
        ("sefa-8", "sefa finds 8 here, sefa-0 to -7"),
        ("pca--1", "no direction 'pca--1'"),
        ("sefa-99999", "no direction"),
    ):
        with pytest.raises(Refusal, match=says):
            known[name]
    with pytest.raises(Refusal, match="'turn' has 9 numbers, this generator's w 8"):
        Directions(space, [Direction("turn", torch.zeros(9), 1.0)])
    with pytest.raises(Refusal, match="two directions are called 'turn'"):
        Directions(space, [replace(first, name="turn"), replace(second, name="turn")])
    with pytest.raises(Refusal, match="'turn' is for layers up to 6; there are 0 to 5 here"):
        Directions(space, [Direction("turn", torch.zeros(8), 1.0, (0, 6))])


def test_names_can_be_changed_but_not_confused(space):
    found = sefa(space, 3)
    new = renamed(iter(found), {"sefa-2": "Turn left"})
    assert [d.name for d in new] == ["sefa-0", "sefa-1", "Turn left"]
    assert new[2].vector is found[2].vector
    swapped = renamed(found, {"sefa-0": "sefa-1", "sefa-1": "sefa-0"})
    assert [d.name for d in swapped] == ["sefa-1", "sefa-0", "sefa-2"]
    for names, says in (
        ({"sefa-7": "x"}, "no direction 'sefa-7' to rename"),
        ({"sefa-0": "sefa-1"}, "two directions would have one name"),
        ({"sefa-0": "a=b"}, "names are letters"),
        ({"sefa-0": ""}, "names are letters"),
        ({"sefa-0": "x" * 49}, "at most 48"),
    ):
        with pytest.raises(Refusal, match=says):
            renamed(found, names)


def test_saved_directions_come_back_bit_for_bit(space, tmp_path):
    found = [*sefa(space, 3, [0, 2]), *pca(space, 2)]
    save(found, tmp_path / "deep" / "d.safetensors", {"family": "stylegan2"})
    again, told = load(tmp_path / "deep" / "d.safetensors")
    assert told == {"family": "stylegan2"}
    for mine, theirs in zip(found, again, strict=True):
        assert torch.equal(mine.vector, theirs.vector)
        assert replace(mine, vector=None).__dict__ == replace(theirs, vector=None).__dict__
    save(again, tmp_path / "e.safetensors", told)
    assert (tmp_path / "e.safetensors").read_bytes() == (tmp_path / "deep" / "d.safetensors").read_bytes()


GOOD = {"order": ["x"], "directions": {"x": {"deviation": 1.0, "layers": None}}}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"order": [], "directions": {}},
        {**GOOD, "order": ["y"]},
        {**GOOD, "order": 3},
        {**GOOD, "order": [["x"]]},
        {**GOOD, "directions": ["x"]},
        {**GOOD, "directions": {"x": 1}},
        *(
            {**GOOD, "directions": {"x": {"deviation": 1.0, "layers": None} | odd}}
            for odd in (
                {"deviation": -1},
                {"deviation": float("nan")},
                {"deviation": float("inf")},
                {"deviation": 10**400},
                {"deviation": "much"},
                {"layers": []},
                {"layers": [-1]},
                {"layers": 3},
                {"layers": [float("inf")]},
            )
        ),
    ],
    ids=lambda told: str(told)[:70],
)
def test_files_that_hold_no_directions_are_refused(tmp_path, told):
    path = tmp_path / "d.safetensors"
    snapshots.save_at_once({"x": torch.zeros(8)}, path, GOOD)
    assert len(load(path)[0]) == 1
    snapshots.save_at_once({"x": torch.zeros(8)}, path, told)
    with pytest.raises(Refusal, match="holds no directions; make them with"):
        load(path)


def test_broken_and_foreign_files_of_directions_are_refused(space, tmp_path):
    path = tmp_path / "d.safetensors"
    save(sefa(space, 1), path, {})
    whole = path.read_bytes()
    for data in (b"", b"no file of ours", whole[: len(whole) - 5], whole[:20]):
        path.write_bytes(data)
        with pytest.raises(Refusal) as refused:
            load(path)
        assert "\n" not in str(refused.value)
    for vector in (torch.zeros(2, 4), torch.full((8,), float("nan"))):
        snapshots.save_at_once({"x": vector}, path, GOOD)
        with pytest.raises(Refusal):
            load(path)
    for missing in (tmp_path / "none.safetensors", space.trained.weights):
        with pytest.raises(Refusal):
            load(missing)
