"""Imports point down, the menu is sorted, and what the documents say is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import labkit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "labkit"

# README's picture, top to bottom. A module imports from its own layer or from one further down.
LAYERS = (
    ("cli",),
    ("jupyter", "doctor", "grading"),
    ("__init__",),
    ("course",),
    ("app", "panels"),
    ("hub", "live", "mailroom", "plugins", "security", "swarm"),
    ("engine",),
    ("tables", "wire"),
    ("sdk",),
    ("raw",),
    ("events", "streams", "table", "transport", "unreachable", "images", "ratelimit"),
    ("archives", "endpoint", "wait"),
    ("errors", "finding"),
)


def _layer(module: str) -> int:
    name = module.removeprefix("labkit").removeprefix(".").split(".")[0] or "__init__"
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    """The modules of labkit that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if _is_module(name) else node.module for name in full}
    return {name for name in found if name.split(".")[0] == "labkit"}


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def test_imports_point_down() -> None:
    """No module imports from a layer above its own."""
    wrong = [
        f"{_module(path)} imports {imported}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for imported in sorted(_imports(path))
        if _layer(imported) < _layer(_module(path))
    ]
    assert wrong == []


def test_every_module_has_a_layer() -> None:
    """A new module or package has a place in the picture."""
    names = {
        path.stem if path.is_file() else path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert names == {name for layer in LAYERS for name in layer}


def test_the_menu_is_sorted_and_true() -> None:
    """What `labkit` offers is listed in order, exists, and is about ten names."""
    assert sorted(labkit.__all__) == labkit.__all__
    assert all(hasattr(labkit, name) for name in labkit.__all__)
    assert len(labkit.__all__) <= 12


def test_files_fit_in_the_head() -> None:
    """No module of the package is longer than 300 lines."""
    long = {
        _module(path): length
        for path in PACKAGE.rglob("*.py")
        if (length := len(path.read_text().splitlines())) > 300
    }
    assert long == {}


def test_every_test_states_a_behaviour() -> None:
    """Each test has a docstring."""
    silent = [
        f"{path.name}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_error_is_drawn_in_the_tree() -> None:
    """The docstring of labkit.errors shows each error that the module defines, and no other."""
    source = (PACKAGE / "errors.py").read_text()
    tree = ast.parse(source)
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    picture = ast.get_docstring(tree) or ""
    drawn = set(re.findall(r"[─ ] (\w+) {2,}\S", picture)) | {"LabError"}
    assert drawn == defined


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement.strip())[0].lower().replace("_", "-")


def test_conda_users_get_the_same_packages() -> None:
    """environment.yml names every package that pyproject.toml needs, with the same lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda_names = {"docker": "docker-py", "prometheus-client": "prometheus_client"}
    listed = re.findall(r"^\s+- ([a-z][\w-]*[>=<.,\d]*)$", _environment(), re.MULTILINE)
    for requirement in project["dependencies"]:
        name = _name(requirement)
        wanted = requirement.replace(name, conda_names.get(name, name), 1)
        assert wanted in listed


def test_a_notebook_is_opened_without_waiting_for_grammars() -> None:
    """What jsonschema may import in its newer releases takes a second and more, at each start."""
    program = "import sys, nbformat; sys.exit('rfc3987_syntax' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def _environment() -> str:
    return (ROOT / "environment.yml").read_text()


def test_the_lock_pins_every_package_with_hashes_and_no_address() -> None:
    """requirements.lock has each dependency, pinned and hashed, and names no index."""
    lock = (ROOT / "requirements.lock").read_text()
    pinned = {_name(line) for line in re.findall(r"^\S+==\S+", lock, re.MULTILINE)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {_name(one) for one in wanted} <= pinned
    assert "://" not in lock
    assert "--index-url" not in lock
    blocks = re.split(r"^(?=\S+==)", lock, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
