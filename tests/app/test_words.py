"""The catalogue: the same keys and fields in every language, every key used, and no page with words of its own."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from functools import cache
from pathlib import Path

import pytest

from app import words
from forensics.places import HOUSE

APP = HOUSE / "app"
FILES = sorted((words.HERE / "en").glob("*.toml"))
SOURCES = sorted(APP.rglob("*.py"))
TEMPLATES = [*sorted((APP / "views").glob("*.html")), APP / "measured.html"]
PAGES = [*sorted((APP / "views").glob("*.py")), APP / "main.py", APP / "drawing.py", APP / "parts.py"]
PAGES += [APP / f"{name}.py" for name in ("curves", "heatmap", "listed", "measured", "sortable", "stills")]
OTHERS = [language for language in words.LANGUAGES if language != "en"]

TEXTS = set(  # of Streamlit, and ours: what their text arguments hold is read by people
    "title header subheader write markdown caption text info warning error success button download_button "
    "link_button checkbox toggle radio selectbox multiselect slider select_slider text_input text_area number_input "
    "date_input "
    "file_uploader segmented_control pills expander popover spinner status progress metric toast notice pairs dialog "
    "form_submit_button tabs Page Tooltip Axis Legend NumberColumn TextColumn html".split()
)
READ = set("label help placeholder caption alt title body text page_title tooltip".split())  # keyword arguments
WORDS = re.compile(r"[A-Za-zÀ-ÿ]{2,}[,.:;]? +[A-Za-zÀ-ÿ]{2,}|^[A-ZÀ-Ý][a-zà-ÿ]{2,}$")
MARKUP = re.compile(r"<[^>]*(>|$)|\{[^}]*\}")  # tags, and rules of style
TECHNICAL = {"color-mix(in srgb,var(--"}  # CSS


def own(path: Path) -> str:
    return path.relative_to(APP).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def read(language: str, name: str) -> dict[str, str]:
    return tomllib.loads((words.HERE / language / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_the_same_files(language):
    assert [p.name for p in sorted((words.HERE / language).glob("*.toml"))] == [p.name for p in FILES]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_each_language_has_the_same_keys_and_fields(name, language):
    english, its = read("en", name), read(language, name)
    assert set(its) == set(english)
    assert {k for k in english if fields(english[k]) != fields(its[k])} == set()
    assert {k for k, text in {**english, **its}.items() if not isinstance(text, str) or not text.strip()} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_is_translated(language):
    """A sentence that is the same in both was forgotten; single words may be the same."""
    its = words.catalogue(language)
    same = {k for k, text in words.catalogue("en").items() if text == its[k] and len(text.split()) > 3}
    assert same == set()


def asked(path: Path) -> tuple[set[str], list[re.Pattern[str]]]:
    """Keys that a source file names, and patterns of those that it puts together: f"guide.{name}_title"."""
    if path.suffix == ".html":
        return set(re.findall(r"""say\(["']([\w.-]+)["']""", path.read_text(encoding="utf-8"))), []
    named, patterns = set(), []
    pages = {file.stem for file in FILES}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.partition(".")[0] in pages:
            named.add(node.value)
        first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else None
        if isinstance(first, ast.Constant) and first.value.partition(".")[0] in pages and "." in first.value:
            parts = [re.escape(p.value) if isinstance(p, ast.Constant) else r"[\w-]+" for p in node.values]
            patterns.append(re.compile("".join(parts)))
    return named, patterns


def said(path: Path) -> set[str]:
    """Keys given to `say` as they are."""
    if path.suffix == ".html":
        return asked(path)[0]
    if "app.words" not in path.read_text(encoding="utf-8"):  # another `say`, of a command that tells its progress
        return set()
    calls = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
    firsts = [call.args[0] for call in calls if ast.unparse(call.func) in ("say", "words.say") and call.args]
    return {first.value for first in firsts if isinstance(first, ast.Constant)}


@pytest.mark.parametrize("path", [*SOURCES, *TEMPLATES], ids=own)
def test_every_key_that_is_said_exists(path):
    assert said(path) - set(words.catalogue("en")) == set()
    unknown = [p.pattern for p in asked(path)[1] if not any(map(p.fullmatch, words.catalogue("en")))]
    assert unknown == []


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_every_key_is_used(name):
    named, patterns = set(), []
    for path in [*SOURCES, *TEMPLATES]:
        its, put_together = asked(path)
        named |= its
        patterns += put_together
    keys = {f"{name}.{key}" for key in read("en", f"{name}.toml")}
    assert {k for k in keys - named if not any(p.fullmatch(k) for p in patterns)} == set()


def fields_given(path: Path) -> list[str]:
    """Calls of `say` with a literal key whose fields are not those of the sentence."""
    wrong = []
    for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
        literal = call.args and isinstance(call.args[0], ast.Constant) and ast.unparse(call.func) == "say"
        if not literal or any(k.arg is None for k in call.keywords):  # **fields are known at run time only
            continue
        text = words.catalogue("en").get(call.args[0].value, "")
        if fields(text) != {k.arg for k in call.keywords}:
            wrong.append(f"line {call.lineno}: {call.args[0].value}")
    return wrong


@pytest.mark.parametrize("path", SOURCES, ids=own)
def test_every_sentence_is_given_its_fields(path):
    assert fields_given(path) == []


def spoken(source: str) -> list[str]:
    """Words in a page's source that people would read: "line: text"."""
    parsed = ast.parse(source)
    quiet = {id(node) for found in ast.walk(parsed) for node in silent_parts(found)}
    found = set()
    for node in ast.walk(parsed):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TEXTS:
            arguments = [*node.args[:1], *(k.value for k in node.keywords if k.arg in READ)]
            found |= {
                part for a in arguments for part in literals(a) if re.search("[A-Za-zÀ-ÿ]{2}", bare(part.value))
            }
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and WORDS.search(bare(node.value)):
            found.add(node)
    found = {node for node in found if id(node) not in quiet and node.value not in TECHNICAL}
    return [f"line {n.lineno}: {n.value!r}" for n in sorted(found, key=lambda n: (n.lineno, n.col_offset))]


def bare(text: str) -> str:
    return MARKUP.sub(" ", text)


def literals(node: ast.AST) -> list[ast.Constant]:
    """Of an argument: what it says itself, also inside an f-string, a list or a choice of two; not of calls in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node]
    if isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.IfExp | ast.BinOp | ast.BoolOp):
        return [part for child in ast.iter_child_nodes(node) for part in literals(child)]
    return []


def silent_parts(node: ast.AST) -> list[ast.AST]:
    """What nobody reads: docstrings, annotations, keys of the catalogue, errors of our own, Vega's field names."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
        return [node.body[0].value]
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("say", "TypeVar", "re.compile", "parts.draw"):
        return [part for a in node.args for part in ast.walk(a)]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "alt.Tooltip":
        return node.args
    if isinstance(node, ast.Raise):
        return [
            part for part in ast.walk(node) if isinstance(node.exc, ast.Call) and "Value" in ast.unparse(node.exc)
        ]
    annotations = [getattr(node, name, None) for name in ("annotation", "returns")]
    return [part for a in annotations if a is not None for part in ast.walk(a)]


@pytest.mark.parametrize("path", PAGES, ids=own)
def test_pages_have_no_words_of_their_own(path):
    assert spoken(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=own)
def test_templates_have_no_words_of_their_own(path):
    text = re.sub(r"\{#.*?#\}|<style>.*?</style>|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(), flags=re.S)
    read = [*re.findall(r'(?:alt|title|aria-label)="([^"]*)"', text), re.sub("<[^>]*>", "|", text)]
    assert [found for part in read for found in re.findall("[A-Za-zÀ-ÿ]{2,}", part)] == []


def test_words_of_a_page_are_found():
    """The test above can fail: each of these is caught, and nothing of the rest."""
    caught = [
        'st.title("Hello")',
        'st.button("go", key="a")',
        'left.selectbox(say("a.b"), x, help="which")',
        'drawing.notice(say("a.b"), f"{n} photos were left out")',
        'x = ["Some words here"]',
        'label = "Photo" if one else say("a.b")',
        'st.tabs(["first", say("a.b")])',
    ]
    assert [source for source in caught if not spoken(source)] == []
    allowed = [
        'st.title(say("a.b"), anchor=False)',
        'x.download_button(say("a.b"), data, f"{name}.json", "application/json", key="all-json")',
        'st.html(f"<p class=quiet>{text}</p>")',
        '"""A docstring of some words."""',
        'st.columns([1, 2], gap="large")',
        'raise ValueError("some words of a mistake")',
    ]
    assert [spoken(source) for source in allowed] == [[]] * len(allowed)


def test_what_a_language_lacks_is_said_in_english(monkeypatch):
    lists = {"en": {"a.b": "Two {what}"}, "es": {}}
    monkeypatch.setattr(words, "catalogue", lists.__getitem__)
    monkeypatch.setattr(words, "language", lambda: "es")
    assert words.say("a.b", what="words") == "Two words"
    with pytest.raises(KeyError):
        words.say("a.c")
