"""The walls of the house: imports point one way, files stay short, nothing is hidden at the top."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "forensics": {"forensics"},
    "generators": {"generators", "forensics"},
    "detectors": {"detectors", "forensics"},
    "benchmarks": {"benchmarks", "generators", "detectors", "forensics"},
    "app": {"app", "benchmarks", "generators", "detectors", "forensics"},
}
FILES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
UNWANTED_NAMES = {"utils", "util", "helpers", "helper", "base", "common", "manager", "misc"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_point_one_way(path: Path):
    package = relative(path).split("/")[0]
    ours = imported(parsed(path)) & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[package], f"{relative(path)} may not import {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_are_pages(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300, "one idea a file: at most 300 lines"
    assert path.stem not in UNWANTED_NAMES
    if text.strip():
        assert ast.get_docstring(parsed(path)), "a file starts by saying what it is"


def test_the_top_level_is_as_agreed():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: this check did NOT run")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    shown = {name for name in top if not name.startswith(".")}
    assert shown == {*MAY_IMPORT, "tests", "pyproject.toml", "README.md", "Makefile", "LICENSE", "NOTICE"}


@pytest.mark.parametrize("package", [*MAY_IMPORT])
def test_each_package_introduces_itself(package: str):
    readme = ROOT / package / "README.md"
    assert 5 <= len(readme.read_text().splitlines()) <= 40


def test_the_command_line_starts_without_heavy_imports():
    heavy = "torch timm mediapipe c2pa matplotlib.pyplot pyarrow streamlit sklearn".split()
    code = f"import sys, app.cli; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
