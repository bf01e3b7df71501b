"""Nothing that a file says is run, nothing goes out or comes in, and every weight is the one that was weighed."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from app import cli
from detectors import load_calibration, load_examiners, load_panel
from forensics import pinned
from forensics.places import DETECTOR_WEIGHTS, HOUSE, MODELS
from forensics.refusal import Refusal

PACKAGES = ("forensics", "generators", "detectors", "benchmarks", "app")
FILES = [path for package in PACKAGES for path in sorted((HOUSE / package).rglob("*.py"))]
RUNS_WHAT_IS_READ = {
    *("eval", "exec", "compile", "__import__", "runpy.run_path", "runpy.run_module", "code.interact"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn"),
    *("asyncio.create_subprocess_shell", "torch.hub.load", "torch.jit.load", "pandas.read_pickle"),
}
MODULES_THAT_DO = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
XML = {"xml.etree", "xml.dom", "xml.sax", "xml.parsers", "xmlrpc", "lxml"}  # defusedxml is for what others wrote
WRITES_XML = {"xml.sax.saxutils"}
NETWORK = {
    *("requests", "urllib.request", "urllib3", "httpx", "aiohttp", "http.client", "http.server", "ftplib", "smtplib"),
    *(
        "telnetlib",
        "imaplib",
        "poplib",
        "socketserver",
        "socket",
        "ssl",
        "websockets",
        "tornado",
        "uvicorn",
        "webbrowser",
    ),
    *("huggingface_hub", "torch.hub", "torch.utils.model_zoo", "gdown", "wget", "pip", "fastapi", "starlette"),
}
MAY_LISTEN = {  # or knock at an address that the user gave
    "forensics/ray_crew.py": "the cluster of RAY_ADDRESS, or one on 127.0.0.1",
    "app/commands/serve.py": "the app, on 127.0.0.1",
    "app/service": "the service, where it is told to listen",
}
TELLS_ONLY = {"socket.gethostname"}


def names(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: {"np": "numpy", "load": "pickle.load"}."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    known = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            yield node, known.get(first, first) + dot + rest


def unsafe(source: str) -> list[str]:
    """What in this code could run what a file says, or parse XML that fights back."""
    tree, found = ast.parse(source), []
    for name in imported(tree):
        if below(name, MODULES_THAT_DO) or (below(name, XML) and not below(name, WRITES_XML)):
            found.append(f"import {name}")
    for node, name in calls(tree):
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name in RUNS_WHAT_IS_READ:
            found.append(f"line {node.lineno}: {name}")
        if name == "torch.load" and given.get("weights_only") != "True":
            found.append(f"line {node.lineno}: torch.load without weights_only=True")
        if name == "numpy.load" and given.get("allow_pickle", "False") != "False":
            found.append(f"line {node.lineno}: numpy.load that unpickles")
        if given.get("shell", "False") != "False":
            found.append(f"line {node.lineno}: a shell")
    return found


def talks(source: str) -> list[str]:
    """What in this code could reach a network."""
    tree = ast.parse(source)
    found = [name for name in imported(tree) if below(name, NETWORK) and name != "socket"]
    used = {name for _, name in calls(tree) if below(name, {"socket"})}
    return found + sorted(used - TELLS_ONLY)


def relative(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_that_is_read_is_run(path: Path):
    assert unsafe(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_those_that_may_open_a_connection(path: Path):
    where = relative(path)
    if not below(where.replace("/", "."), {allowed.replace("/", ".") for allowed in MAY_LISTEN}):
        assert talks(path.read_text()) == []


def test_no_exception_outlives_its_need():
    for allowed in MAY_LISTEN:
        files = [path for path in FILES if relative(path) == allowed or relative(path).startswith(f"{allowed}/")]
        assert files, f"{allowed} is gone: take it off the list"
        assert any(talks(path.read_text()) for path in files), allowed


@pytest.mark.parametrize(
    "code",
    [
        *(
            "eval(x)",
            "exec(x)",
            "import pickle",
            "from pickle import loads as read",
            "import joblib as j",
            "import dill",
        ),
        *("import os\nos.system(x)", "from os import system as s\ns(x)", "import shelve", "from yaml import load"),
        *("import torch as t\nt.load(x)", "import torch\ntorch.load(x, weights_only=False)"),
        *("import numpy as n\nn.load(x, allow_pickle=True)", "from numpy import load\nload(x, allow_pickle=y)"),
        *(
            "run(x, shell=True)",
            "run(x, shell=y)",
            "import xml.etree.ElementTree as E",
            "from xml.dom import minidom",
        ),
        *("from xml.sax import parse", "__import__(x)", "from subprocess import getoutput as g\ng(x)"),
    ],
)
def test_the_search_finds(code):
    assert unsafe(code)


@pytest.mark.parametrize(
    "code",
    [
        *(
            "import requests",
            "from urllib.request import urlopen",
            "import urllib.request as u",
            "from http import client",
        ),
        *("import socket\nsocket.create_connection(x)", "from socket import socket\nsocket()", "import httpx as h"),
        *("from huggingface_hub import hf_hub_download", "import torch.hub", "import aiohttp"),
    ],
)
def test_the_search_finds_connections(code):
    assert talks(code)


def test_the_search_leaves_what_is_safe():
    safe = (
        "import numpy as np, torch, socket\nfrom xml.sax.saxutils import quoteattr\nfrom urllib.parse import quote\n"
    )
    safe += "np.load(f, allow_pickle=False)\ntorch.load(f, weights_only=True)\nsocket.gethostname()\nre.compile(x)"
    assert unsafe(safe) == []
    assert talks(safe) == []


def test_pages_bring_everything_along():
    """No template asks another machine for a script, a style, a font or a picture."""
    asks = re.compile(
        r"""(?:src|srcset|action|data|poster)\s*=\s*["']?(?:https?:)?//|<link\b|@import|url\(\s*["']?(?:https?:)?//"""
    )
    pages = [
        path
        for package in PACKAGES
        for path in (HOUSE / package).rglob("*")
        if path.suffix in (".html", ".css", ".js")
    ]
    assert pages
    assert {relative(path): asks.findall(path.read_text()) for path in pages if asks.search(path.read_text())} == {}
    assert asks.search('<script src="https://cdn.example/x.js">')
    assert asks.search("@font-face { src: url(//fonts.example/a.woff) }")


def test_weights_are_formats_that_hold_numbers_only():
    loose = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".h5", ".npy", ".npz", ".onnx", ".joblib", ".pb"}
    found = [path for package in PACKAGES for path in (HOUSE / package).rglob("*") if path.suffix in loose]
    assert found == []


def test_models_of_others_are_those_that_were_pinned():
    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in MODELS.iterdir() if path.suffix != ".md"}
    assert files == pinned.SHA256


def test_weights_that_are_weighed_are_pinned_by_their_calibration():
    calibration = load_calibration()
    weighed = {d.name: d.weights for d in load_panel() if d.weights and d.name in calibration.lines}
    assert weighed
    assert weighed == calibration.about["weights"]


@pytest.fixture
def copied(tmp_path) -> Path:
    return Path(shutil.copytree(DETECTOR_WEIGHTS, tmp_path / "weights"))


WEIGHED = sorted(path.name for path in DETECTOR_WEIGHTS.glob("*.safetensors"))
OURS_STAND_IN = "pairs.safetensors"  # for a panel that was trained without them; their calibration still has to fit


@pytest.mark.parametrize("name", WEIGHED)
def test_one_number_changed_is_refused(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[-1] ^= 1
    (copied / name).write_bytes(data)
    with pytest.raises(Refusal) as refused:
        load_examiners(copied)
    told(refused.value, Path(name).stem)


@pytest.mark.parametrize(
    "spoil", [lambda d: b"", lambda d: d[:100], lambda d: b"\xff" * 8 + d[8:]], ids=["empty", "cut", "head"]
)
@pytest.mark.parametrize("name", WEIGHED)
def test_damaged_weights_are_refused(copied, name, spoil):
    (copied / name).write_bytes(spoil((copied / name).read_bytes()))
    with pytest.raises(Refusal) as refused:
        load_examiners(copied)
    told(refused.value, name)


@pytest.mark.parametrize("name", [*(name for name in WEIGHED if name != OURS_STAND_IN), "calibration.json"])
def test_missing_weights_are_refused(copied, name):
    (copied / name).unlink()
    with pytest.raises(Refusal) as refused:
        load_examiners(copied)
    told(refused.value, name)


def told(refusal: Refusal, name: str) -> None:
    assert name in str(refusal)
    assert len(str(refusal).splitlines()) == 1


@pytest.mark.parametrize(
    "change", [lambda file: file.unlink(), lambda file: file.write_bytes(b"another model")], ids=["none", "other"]
)
def test_without_our_faces_model_nothing_is_inspected(monkeypatch, capsys, tmp_path, portrait_file, change):
    models = Path(shutil.copytree(MODELS, tmp_path / "models"))
    change(models / pinned.FACES)
    monkeypatch.setattr(pinned, "MODELS", models)
    monkeypatch.setattr(sys, "argv", ["forensics", "inspect", str(portrait_file)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err.strip()
    assert ended.value.code == 2
    assert pinned.FACES in said
    assert "restore it" in said
    assert len(said.splitlines()) == 1


def test_weights_of_others_are_refused_at_the_door(monkeypatch, capsys, copied, portrait_file):
    data = bytearray((copied / "classifier.safetensors").read_bytes())
    data[-1] ^= 1
    (copied / "classifier.safetensors").write_bytes(data)
    monkeypatch.setattr(sys, "argv", ["forensics", "inspect", str(portrait_file), "--panel", str(copied)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err.strip()
    assert ended.value.code == 2
    assert "was fitted to other weights of classifier" in said
    assert len(said.splitlines()) == 1
