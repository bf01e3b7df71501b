"""`forensics doctor`: what it says and its exit code, with and without a GPU, a compiler, and sound kernels."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from app import cli
from generators.ops import checkup
from generators.ops.cuda import cubins, driver, kernel, kernels, nvrtc
from generators.ops.cuda.kernels import BIAS_ACT, Checked, of_bias_act
from generators.ops.cuda.nvrtc import CompileError, Cubin

pytestmark = pytest.mark.slow  # compiles with NVRTC


class FakeDriver:
    version = (13, 0)


class FakeCompiler:
    """Says that everything takes 20 registers; `wrong` is a type it can't compile."""

    version, path, knows, wrong = (13, 5), "/wheels/libnvrtc.so.13", [75, 90, 100], ""
    arch = nvrtc.Compiler.arch

    def __str__(self):
        return "13.5"

    def compiled(self, source, name, arch, defines, headers):
        if defines["NUMBER"] == self.wrong:
            raise CompileError(f"{name} for {arch}: {name}(3): error: [markup] expected a ;")
        frames = "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
        return Cubin(b"", f"Compiling entry function 'bias_act' for '{arch}'\n{frames}\nUsed 20 registers", "13.5")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """No GPU; a stand-in for the compiler; one kernel of two ways; an empty cache."""
    compiler = FakeCompiler()
    monkeypatch.setattr(kernels, "KERNELS", (Checked(BIAS_ACT, (of_bias_act("relu", 0), of_bias_act("tanh", 1))),))
    monkeypatch.setattr(nvrtc, "found", lambda: compiler)
    monkeypatch.setattr(driver, "found", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    return compiler


@pytest.fixture
def gpu(machine, monkeypatch):
    monkeypatch.setattr(driver, "found", FakeDriver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(checkup, "difference", lambda kernel, dtype, device: 0.4)
    return machine


@pytest.fixture
def doctor(capsys):
    """Runs the command as a user would: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.run(partial(cli.app, ["doctor", *words]))
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


def test_without_a_gpu_all_is_compiled_and_none_run(machine, doctor, tmp_path):
    code, out, _ = doctor()
    assert code == 0
    assert "13.5, /wheels/libnvrtc.so.13" in out
    assert f"{tmp_path}/deepfake-forensics/kernels" in out
    for found in ("driver        not found", "GPU           none", "architecture  sm_90"):
        assert found in out
    rows = [line for line in out.splitlines() if "20 of 72" in line]
    assert [row.split("│")[2].strip() for row in rows] == ["f16", "bf16", "f32", "f64"]
    assert all("not run" in row and " 2 " in row for row in rows)
    assert "All compile; none was run." in out
    again = doctor()[1]
    assert again.count("before") == 4  # from the cache


def test_without_gpu_and_compiler_it_says_so(machine, doctor, monkeypatch):
    monkeypatch.setattr(nvrtc, "found", lambda: None)
    code, out, _ = doctor()
    assert code == 0
    assert "Nothing was checked: there is no GPU and no NVRTC" in out
    assert "│" not in out


def test_a_gpu_without_a_compiler_is_wrong(gpu, doctor, monkeypatch):
    monkeypatch.setattr(nvrtc, "found", lambda: None)
    code, out, err = doctor()
    assert code == 2
    assert "NVIDIA H100" in out
    assert "pip install nvidia-cuda-nvrtc" in err


@pytest.mark.parametrize("there_is_a_gpu", [False, True])
def test_what_does_not_compile(there_is_a_gpu, doctor, request):
    compiler = request.getfixturevalue("gpu" if there_is_a_gpu else "machine")
    compiler.wrong = "bf16"
    code, out, err = doctor()
    assert code == 2
    assert out.count("bias_act.cu(3): error: [markup] expected a ;") == 1  # the compiler's words
    assert out.count("20 of 72") == 3  # the others are gone through
    assert "1 of 4 do not compile" in err
    assert "bias_act bf16;" in err


def test_on_a_gpu_each_runs_beside_its_twin(gpu, doctor):
    code, out, _ = doctor()
    assert code == 0
    assert "CUDA 13.0" in out
    assert "NVIDIA H100, sm_90" in out
    assert out.count("│ 0.4 ") == 4
    assert "compute what their twins do" in out


def test_what_differs_from_its_twin(gpu, doctor, monkeypatch):
    apart = {torch.float16: 8.5, torch.float32: math.inf}
    monkeypatch.setattr(checkup, "difference", lambda kernel, dtype, device: apart.get(dtype, 0.1))
    code, out, err = doctor()
    assert code == 2
    assert "│ 8.5 " in out
    assert "bias_act f16, bias_act f32;" in err


def test_what_fails_to_run(gpu, doctor, monkeypatch):
    def refuse(kernel, dtype, device):
        raise driver.DriverError("cuModuleLoadData: CUDA_ERROR_INVALID_PTX (218): amiss")

    monkeypatch.setattr(checkup, "difference", refuse)
    code, out, err = doctor()
    assert code == 2
    assert out.count("CUDA_ERROR_INVALID_PTX") == 1
    assert "4 of 4" in err


def test_another_architecture_is_only_compiled_for(gpu, doctor):
    code, out, _ = doctor("--arch", "sm_75")
    assert code == 0
    assert "architecture  sm_75" in out
    assert out.count("not run") == 4
    code, _, err = doctor("--arch", "sm_61")
    assert code == 2
    assert "--arch sm_61: NVRTC 13.5 knows sm_75, sm_90, sm_100" in err


def test_a_gpu_too_old_is_told(gpu, doctor, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    code, _, err = doctor()
    assert code == 2
    assert "not for sm_61" in err


def test_with_the_real_compiler(monkeypatch, doctor, tmp_path):
    if nvrtc.found() is None:
        pytest.skip("no NVRTC (pip install nvidia-cuda-nvrtc): nothing was compiled")
    small = tuple(Checked(checked.kernel, checked.grid[:1]) for checked in kernels.KERNELS)
    monkeypatch.setattr(kernels, "KERNELS", small)
    monkeypatch.setattr(cubins, "folder", lambda: tmp_path)
    code, out, _ = doctor("--arch", "sm_90")
    assert code == 0
    assert len(list(tmp_path.iterdir())) == len(small) * len(kernel.NUMBERS)
    for each in small:
        assert each.kernel.entry in out
