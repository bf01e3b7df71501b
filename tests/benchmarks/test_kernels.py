"""The benchmark of kernels, proved on the CPU: what it counts, how it judges, and that nothing measured is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from app import cli
from benchmarks import BENCHMARKS
from benchmarks.kernels import __main__ as module
from benchmarks.kernels import aims, clock, compiled, correctness, measure, networks, op_times, ops, training
from benchmarks.kernels.aims import Aim, aims_of, aims_table
from benchmarks.kernels.asked import SECTIONS, Asked, asked
from benchmarks.kernels.attempts import Attempts, Failed
from benchmarks.kernels.correctness import LAYOUTS, Checked
from benchmarks.kernels.machine import Machine
from benchmarks.kernels.networks import GRAPH, KERNELS, TWINS, Apart, Sampled
from benchmarks.kernels.op_times import Copied, Taken, Timed
from benchmarks.kernels.tables import tables_of
from benchmarks.kernels.training import Taught
from benchmarks.medians import middle, rate, times
from benchmarks.table import Measure, Result
from forensics.refusal import Refusal
from generators.ops import checkup
from generators.ops.cuda.kernels import BIAS_ACT

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = {case.name: case for case in ops.CASES}
N, C, SIDE = 2, 8, 16
WHOLE, HALF, SMALLER = (N * C * pixels for pixels in (SIDE * SIDE, SIDE * SIDE // 2, SIDE * SIDE // 4))
PARAMETERS = 4 * (N * C + N * SIDE * SIDE + C)  # bytes: demodulation, noise, bias in float32


@pytest.fixture
def quick(monkeypatch) -> None:
    """Less of everything."""
    monkeypatch.setattr(correctness.checkup, "CASES", {BIAS_ACT: checkup.CASES[BIAS_ACT][:3]})
    monkeypatch.setattr(op_times, "DTYPES", (torch.float32,))
    monkeypatch.setattr(networks, "PRECISIONS", ("fp32", "bf16"))
    monkeypatch.setattr(training, "PRECISIONS", ("bf16",))
    monkeypatch.setattr(op_times, "SMALL", op_times.Grounds((2**12,), 2, 8, 2**16))
    monkeypatch.setattr(networks, "SMALL", (replace(networks.SMALL[0], batches=(1,)),))


def attempts(lines: list[str] | None = None, seconds: float = 60) -> Attempts:
    return Attempts(time.monotonic() + seconds, lambda line: None if lines is None else lines.append(line))


def on_gpu(sections: tuple[str, ...] = SECTIONS) -> Asked:
    return Asked("cuda", False, sections, 0.1, 1.0)


def timed(name: str, share: float, **changed) -> Timed:
    """A case whose kernel moves 1000 bytes at a share of a bandwidth of 1000 bytes a second."""
    took = Taken(Measure(1 / share), 1000)
    whole = {"size": 512 * 2**20, "dtype": "f16", "layout": LAYOUTS[0], "kernel": took, "twin": took}
    return Timed(CASES[name], **{**whole, **changed})


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("bias_act, lrelu", 2 * 2 * WHOLE + 4 * C),
        ("bias_act, lrelu, backward", 2 * 3 * WHOLE),
        ("bias_act, lrelu, backward, bias too", 2 * 3 * WHOLE + 4 * C),
        ("upfirdn2d, up 2, 4x4", 2 * (SMALLER + WHOLE) + 4 * 16),
        ("upfirdn2d, down 2, 4x4", 2 * (WHOLE + SMALLER) + 4 * 16),
        ("upfirdn2d, same size, 4x4", 2 * 2 * WHOLE + 4 * 16),
        ("upfirdn2d, after a convolution, 4x4", 2 * (N * C * 17 * 17 + WHOLE) + 4 * 16),
        ("upfirdn2d, up 2 in x, 12", 2 * (HALF + WHOLE) + 4 * 12),
        ("upfirdn2d, up 2 in y, 12", 2 * (HALF + WHOLE) + 4 * 12),
        ("upfirdn2d, down 2 in x, 12", 2 * (WHOLE + HALF) + 4 * 12),
        ("upfirdn2d, down 2 in y, 12", 2 * (WHOLE + HALF) + 4 * 12),
        ("epilogue", 2 * 2 * WHOLE + PARAMETERS),
        ("epilogue, backward", 2 * 3 * WHOLE + PARAMETERS),
        ("epilogue, backward, all inputs", 2 * 3 * WHOLE + 2 * PARAMETERS),
    ],
)
def test_the_floor_counts_each_input_and_each_output_once(name, moved):
    x = torch.randn(N, C, *CASES[name].inside(SIDE), dtype=torch.float16)
    assert CASES[name].make(x, False).bytes_moved() == moved


def test_every_case_has_a_hand_count():
    marks = test_the_floor_counts_each_input_and_each_output_once.pytestmark
    assert {name for mark in marks for name, _ in mark.args[1]} == set(CASES)


@pytest.mark.parametrize("name", ["epilogue", "epilogue, backward, all inputs"])
def test_the_epilogues_twin_is_its_kernels_specification(name, monkeypatch):
    """Without a GPU the kernel falls back to what it would have made: the same numbers as the twin written here."""
    from generators.ops import epilogue_cuda
    from generators.ops.cuda import kernel

    def refuse(*_):
        raise kernel.DriverError("none here")

    monkeypatch.setattr(kernel, "launch", refuse)
    monkeypatch.setattr(ops, "Curve", lambda *given, forced: epilogue_cuda.Curve(*given, forced=False))
    made = []
    for by_kernel in (True, False):
        torch.manual_seed(0)
        made.append(CASES[name].make(torch.randn(N, C, SIDE, SIDE), by_kernel).call())
    for ours, twins in zip(*made, strict=True):
        torch.testing.assert_close(ours, twins, rtol=1e-4, atol=1e-4)


def test_medians_and_what_is_made_of_them():
    assert middle([3.0, 1.0, 2.0]) == Measure(2.0, None, None, 3)
    assert middle([6.0, 5, 4, 3, 2, 1]) == Measure(3.5, 1, 6, 6)
    assert rate(Measure(2.0, 1.0, 4.0, 6), 8) == Measure(4.0, 2.0, 8.0, 6)
    assert times(Measure(2.0, None, None, 3), 10) == Measure(20.0, None, None, 3)


def test_calls_take_turns_over_buffers_and_are_not_counted_while_they_warm_up():
    called: list[int] = []
    took = clock.Clock(False, 0.0).turns([lambda i=i: called.append(i) for i in range(3)])
    assert took.n == clock.FEWEST
    assert len(called) == 3 + clock.WARM + 1 + clock.FEWEST
    assert called[-clock.FEWEST :] == [0, 1, 2, 0, 1, 2]
    assert took.low <= took.value <= took.high


def test_on_a_gpu_events_time_what_is_queued(monkeypatch):
    """The GPU is waited for once, when all is queued, and is kept busy before the first counted call."""
    log: list[object] = []

    class Event:
        def __init__(self, enable_timing):
            self.at = None

        def record(self):
            self.at = len(log)
            log.append("event")

        def elapsed_time(self, end):
            return 1000.0 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: log.append("wait"))
    made = clock.Clock(True, 0.0, lambda: log.append("busy"))
    took = made.turns([lambda i=i: log.append(i) for i in range(2)])
    assert took == Measure(2.0, 2.0, 2.0, clock.FEWEST)  # an event, the call: two later
    counted = log[log.index("busy") + 1 :]
    assert counted == ["event", 0, "event", "event", 1, "event"] * 3 + ["wait"]
    log.clear()
    assert made.whole(lambda: log.append("call"), 1).n == clock.FEWEST_LONG
    assert log == ["wait", "call", "wait"] * (1 + clock.FEWEST_LONG)


def test_buffers_are_as_many_as_exceed_the_cache(monkeypatch):
    monkeypatch.setattr(clock.Clock, "turns", lambda self, calls: Measure(len(calls)))
    bench = op_times.Bench.on(asked("cpu"), op_times.SMALL, cache=3 * 10**5)
    case = CASES["upfirdn2d, up 2, 4x4"]
    taken = bench.figure(case, 2**16, torch.float32, LAYOUTS[1], by_kernel=False)
    assert taken.took.value == -(-3 * 10**5 // (2**14 + 64))  # a quarter of 64 KiB, and the filter
    assert taken.moved == 2**16 + 2**14 + 64


@pytest.mark.parametrize("share", [0.85, 0.5])
def test_aims_are_met_or_not(share):
    """By what was measured: with a better half the aim is met, with a worse one it is not."""
    good = share > aims.SHARE
    fast = 5.0 if good else 1.2
    at = {"network": "256", "side": 256, "precision": "bf16", "layout": LAYOUTS[0]}
    taught = {"student": "stylegan2 256", "side": 256, "batch": 32, "precision": "fp32"}
    rows = [
        Checked("epilogue", "f16", LAYOUTS[0], 2.0),
        Checked("epilogue", "bf16", LAYOUTS[1], 7.5 if good else 8.5),
        Copied(Measure(1000.0)),
        timed("epilogue", 0.9),
        timed("epilogue", share, dtype="bf16"),
        timed("epilogue", 0.01, size=2**20),  # a smaller tensor decides nothing
        timed("epilogue, backward, all inputs", 0.3),  # nor do sums by PyTorch
        *(Sampled(**at, batch=batch, way=TWINS, took=Measure(fast)) for batch in (1, 32)),
        *(Sampled(**at, batch=batch, way=KERNELS, took=Measure(2.0)) for batch in (1, 32)),
        *(Sampled(**at, batch=batch, way=GRAPH, took=Measure(1.0)) for batch in (1, 32)),
        Taught(**taught, way=TWINS, seconds=fast),
        Taught(**taught, way=KERNELS, seconds=1.0),
        Apart("256", KERNELS, "bf16", 0.005 if good else 0.02),
        Apart("256", TWINS, "bf16", 1.0),
    ]
    found = aims_of(rows)
    assert [aim.met for aim in found] == [good] * 6
    assert [aim.wanted for aim in found] == [8, 0.8, 4, 2, 1.5, 0.01]
    assert found[1].measured == pytest.approx(share)
    assert found[1].of == "epilogue; worst: bf16 NCHW"
    assert found[2].of == f"256, 1 at once, bf16: {GRAPH}"
    assert {row[-1] for row in aims_table(rows, judged=True).rows} == {"yes" if good else "no"}
    assert {row[-1] for row in aims_table(rows, judged=False).rows} == {"not judged"}


def test_a_failed_row_counts_against_its_aim():
    rows = [Copied(Measure(1000.0)), timed("epilogue", 0.9), timed("epilogue", 1, dtype="f32", kernel=Failed("no"))]
    (aim,) = aims_of(rows)
    assert aim.verdict(judged=True) == "no (1 failed)"
    assert Aim("a", "b", None, 1.0).verdict(judged=True) == "not measured"
    sampled = Sampled("256", 256, 1, "fp32", LAYOUTS[0], TWINS, Measure(1.0))
    assert [aim.measured for aim in aims_of([sampled])] == [None]
    taught = Taught("a", 256, 4, "fp32", TWINS, Failed("out of memory"))
    assert [aim.measured for aim in aims_of([taught])] == [None]


def test_a_failing_row_is_written_and_the_next_is_measured():
    lines: list[str] = []
    attempt = attempts(lines)
    assert attempt("one", lambda: 1 / 0) == Failed("failed: division by zero")

    def no_memory() -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried\nto")

    assert attempt("two", no_memory) == Failed("out of memory")
    assert attempt("three", lambda: 2.5) == 2.5
    assert [line.split(" (")[0] for line in lines] == [
        "one: failed: division by zero",
        "two: out of memory",
        "three: 2.5",
    ]
    assert attempts(seconds=0)("late", lambda: 1) == Failed("not run: time was up")
    with pytest.raises(KeyboardInterrupt):
        attempt("broken off", lambda: (_ for _ in ()).throw(KeyboardInterrupt))


def test_what_says_cuda_and_is_not_is_no_figure(monkeypatch):
    """Were kernels off, rows named after them would show the twins' speed."""
    monkeypatch.setattr(networks.kernel, "available", lambda like: False)
    monkeypatch.setattr(networks.torch, "empty", lambda *shape, dtype, device: None)
    monkeypatch.setattr(networks.kernel.HERE, "failure", RuntimeError("nvrtc: error"))
    within = networks.on(KERNELS, "bf16", gpu=True)
    found = attempts()("kernels", within.__enter__)
    assert found == Failed("failed: kernels are off: nvrtc: error")


def test_the_small_mode_measures_everything(quick, tmp_path):
    lines: list[str] = []
    result, path = measure.measure(asked("auto", small=True), tmp_path, lines.append)
    assert path.name.startswith("kernels-cpu-")
    assert path.with_suffix(".md").read_text().startswith("# Kernels, ")
    assert len(list(tmp_path.glob("*.json"))) == 1  # earlier states of this run have given way
    names = {"aims", "correctness", "ops", "networks", "pictures", "training"}
    assert {file.name.split(".")[1] for file in tmp_path.glob("*.csv")} == names
    assert Image.open(tmp_path / f"{path.stem}.ops.png").width > 600
    loaded = Result.load(path)
    assert loaded.benchmark == "kernels-cpu"
    assert {table.name for table in loaded.tables} == names
    assert len(loaded.table("ops").rows) == len(ops.CASES) * len(LAYOUTS)
    assert loaded.table("ops").columns[5].name == "twin (no GPU)"
    assert not any("failed" in str(cell) for table in loaded.tables for row in table.rows for cell in row)
    assert {row[-1] for row in loaded.table("aims").rows} == {"not judged"}
    assert all("no GPU" in row[4] or row[4] == TWINS for row in loaded.table("networks").rows)
    assert any("No GPU" in warning for warning in loaded.warnings)
    assert result.stamp.settings["sections"] == "correctness,ops,networks,training"
    assert result.stamp.libraries["torch"] == torch.__version__
    assert any(line.startswith("twin (no GPU), epilogue") for line in lines)


def test_a_run_that_is_broken_off_keeps_its_rows(monkeypatch, tmp_path):
    def rows(*_):
        yield Checked("epilogue", "f16", LAYOUTS[0], 0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "ALL", (measure.Section("correctness", rows), measure.ALL[1]))
    other = tmp_path / "kernels-cpu-20200101-000000.json"
    other.write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        measure.measure(asked("cpu", only="ops,correctness"), tmp_path)
    (path,) = set(tmp_path.glob("*.json")) - {other}
    loaded = Result.load(path)
    assert loaded.table("correctness").rows == (("epilogue", "f16", "NCHW", 0.5),)
    assert "Not finished: correctness, ops." in loaded.warnings


def test_a_section_that_breaks_takes_no_other_with_it(monkeypatch, tmp_path):
    def broken(*_):
        yield Checked("epilogue", "f16", LAYOUTS[0], 0.5)
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    def sound(*_):
        yield Copied(Measure(1.0))

    sections = (measure.Section("correctness", broken), measure.Section("ops", sound))
    monkeypatch.setattr(measure, "ALL", sections)
    result, _ = measure.measure(asked("cpu", only="correctness,ops"), tmp_path)
    assert result.warnings[0] == "correctness broke off: failed: CUDA error: an illegal memory access was encountered"
    assert result.table("correctness").rows


def test_networks_that_cannot_be_built_are_rows(monkeypatch):
    def fails(self, device):
        raise RuntimeError("no")

    monkeypatch.setattr(networks.Network, "built", fails)
    monkeypatch.setattr(training.Student, "built", fails)
    wanted = asked("cpu")
    rows = [*networks.networks(wanted, attempts()), *training.training(wanted, attempts())]
    tables = {table.name: table for table in tables_of(rows, gpu=False, judged=False)}
    assert {row[5] for row in tables["networks"].rows} == {"failed: no"}
    assert {row[4] for row in tables["training"].rows} == {"failed: no"}


def test_compiling_has_a_time_limit_and_may_fail(monkeypatch):
    monkeypatch.setattr(networks, "SMALL", (replace(networks.SMALL[0], batches=(1,)),))
    monkeypatch.setattr(compiled, "LIMIT", 1.0)
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: lambda z: time.sleep(5))
    wanted = asked("cpu", only="compile")
    rows = list(compiled.compiled(wanted, attempts()))
    assert [row.way for row in rows] == [TWINS, compiled.COMPILED] * 2
    assert rows[1].took == Failed("failed: longer than 1 s")
    assert isinstance(rows[0].took, Measure)
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)
    rows = list(compiled.compiled(replace(wanted, sections=("networks", "compile")), attempts()))
    assert [row.way for row in rows] == [compiled.COMPILED] * 2
    assert all(isinstance(row.took, Measure) for row in rows)


def test_every_size_and_network_of_a_gpu_can_be_asked_for():
    """What only a GPU runs is at least what it says: sizes, presets, batches."""
    for case in ops.CASES:
        h, w = case.inside(op_times.LARGE.side)
        assert min(h, w) >= op_times.LARGE.side // 2
    assert [network.config.base for network in networks.NETWORKS] == [16384, 32768, 32768]
    assert [student.side for student in training.STUDENTS] == [256, 1024, 256, 1024]
    assert {shape[1:] for shape in correctness.SHAPES} >= {shape[1:] for shape in checkup.SHAPES}
    elements = torch.Size(correctness.MANY).numel()
    assert 2**16 * 256 < elements < 2**30


def test_a_gpus_name_is_a_word():
    machine = Machine("NVIDIA H100 80GB HBM3", "580.159.04", "sm_90", gpu=True)
    assert machine.slug == "nvidia-h100-80gb-hbm3"
    assert Machine("AMD EPYC, 2 cores").slug == "cpu"


def test_what_is_asked_for():
    assert asked("cpu", only="training, ops").sections == ("ops", "training")
    assert asked("cpu").small
    assert "compile" not in asked("cpu").sections
    assert on_gpu().gpu


@pytest.mark.parametrize(
    "words",
    [
        ("--only", "opz"),
        ("--only", ""),
        ("--device", "tpu"),
        ("--device", "cuda"),
        ("--seconds", "0"),
        ("--minutes", "nan"),
        ("--out", "/proc/nowhere"),
    ],
    ids=" ".join,
)
def test_nonsense_is_refused_in_one_line(words, monkeypatch, capfd):
    if words[1] == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    monkeypatch.setattr(measure, "ALL", ())
    monkeypatch.setattr(sys, "argv", ["forensics", "bench", "kernels", *words])
    for command in (cli.main, lambda: module.main(list(words))):
        with pytest.raises(SystemExit) as exit_:
            command()
        said = capfd.readouterr().err.strip()
        assert exit_.value.code == 2
        assert said.startswith("error: ")
        assert len(said.splitlines()) == 1
        assert words[1] in said


def test_words_that_argparse_does_not_know_are_one_line_too(capfd):
    with pytest.raises(SystemExit) as exit_:
        module.main(["--seconds", "soon"])
    assert exit_.value.code == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(Refusal):
        asked("cpu", seconds=-1)


def test_the_command_is_listed_and_runs(monkeypatch, capfd, tmp_path):
    def rows(*_):
        yield Checked("epilogue", "f16", LAYOUTS[0], 0.5)

    monkeypatch.setattr(measure, "ALL", (measure.Section("correctness", rows),))
    assert "kernels" in {benchmark.name for benchmark in BENCHMARKS}
    for words in (["bench"], ["bench", "kernels", "--device", "cpu", "--out", str(tmp_path)]):
        monkeypatch.setattr(sys, "argv", ["forensics", *words])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert exit_.value.code == 0
    said = capfd.readouterr()
    assert "forensics bench kernels: Do CUDA kernels" in said.out
    assert "saved: " in said.err
    module.main(["--device", "cpu", "--out", str(tmp_path), "--commit", "abc"])
    assert "saved: " in capfd.readouterr().out
    assert len(list(tmp_path.glob("kernels-cpu-*.json"))) == 2


def test_it_starts_on_a_machine_with_torch_and_little_else():
    """The GPU machine has no HEIC and no MediaPipe; help and refusals need not wait for torch."""
    absent = "cv2 pillow_heif mediapipe timm sklearn scipy typer c2pa pyarrow safetensors".split()
    code = (
        "import sys, benchmarks.kernels.__main__; assert 'torch' not in sys.modules; "
        f"import benchmarks.kernels.measure; print([name for name in {absent} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
