"""Executes notebooks in place, so that a second run changes nothing.

A cell keeps its old outputs when the new ones say the same (by ``notebooks/sanitize.cfg``, the
file that nbval compares with). Usage: python scripts/notebooks.py NOTEBOOK...
"""

from __future__ import annotations

import copy
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbval.plugin import get_sanitize_patterns

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SANITIZERS = Path(__file__).parents[1] / "notebooks" / "sanitize.cfg"
PICTURES = ("image/png", "image/svg+xml", "application/vnd.jupyter.widget-view+json")


def execute(path: Path) -> bool:
    """Execute a notebook and write it back; whether anything in it has changed."""
    before = path.read_text()
    notebook = nbformat.reads(before, as_version=4)
    old = copy.deepcopy(notebook)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    patterns = get_sanitize_patterns(SANITIZERS.read_text())
    count = 0
    for cell, cell_before in zip(notebook.cells, old.cells, strict=True):
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        cell.outputs = joined(cell.outputs)
        if said(cell.outputs, patterns) == said(cell_before.outputs, patterns):
            cell.outputs = cell_before.outputs
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
        cell.execution_count = count if cell.source.strip() else None
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    nbformat.validate(notebook)
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after)
    return after != before


def joined(outputs: list[Any]) -> list[Any]:
    """Neighbouring pieces of one stream as one: how they are cut is chance."""
    result: list[Any] = []
    for output in outputs:
        last = result[-1] if result else None
        if last and output.output_type == "stream" == last.output_type and last.name == output.name:
            last.text += output.text
        else:
            result.append(output)
    for output in result:
        for name in ("application/vnd.jupyter.widget-view+json",):
            output.get("data", {}).pop(name, None)  # the widget is gone when the kernel is
    return result


def said(outputs: list[Any], patterns: list[tuple[str, str]]) -> list[str]:
    """What outputs say when everything that may differ is taken out."""
    texts = []
    for output in outputs:
        data = {k: v for k, v in output.get("data", {}).items() if k not in PICTURES}
        text = str(
            [output.get("name"), output.get("text"), output.get("evalue"), sorted(data.items())]
        )
        for regex, replacement in patterns:
            text = re.sub(regex, replacement, text)
        texts.append(text)
    return texts


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as progress:
        os.environ["LABKIT_PROGRESS"] = progress
        for name in sys.argv[1:]:
            print(f"{name}: {'changed' if execute(Path(name)) else 'as it was'}")
