"""The lesson on Swarm where every node has a kernel of its own, with a routing mesh in it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from labkit.engine.vm.record import records

pytestmark = [pytest.mark.engine, pytest.mark.vm, pytest.mark.slow]

LESSON = Path(__file__).parents[2] / "notebooks" / "07-swarm.ipynb"


def test_a_published_port_answers_at_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lesson runs as far as its routing mesh is asked at each node; nothing is left of it."""
    monkeypatch.setenv("LABKIT_ENGINE", "vm")
    before = [one.id for one in records()]
    notebook = nbformat.read(LESSON, as_version=4)
    until = next(number for number, cell in enumerate(notebook.cells) if cell.id == "about-mesh")
    end = nbformat.v4.new_code_cell("cluster.stop()\nlab.close()")
    notebook.cells = [*notebook.cells[:until], end]
    where = {"metadata": {"path": str(LESSON.parent)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    asked = next(cell for cell in notebook.cells if cell.id == "mesh-asked")
    said, table = asked.outputs
    assert "This kernel has IPVS" in said.text
    assert [line.split()[-1] for line in table.data["text/plain"].splitlines()[1:]] == ["True"] * 3
    assert [one.name for one in records() if one.id not in before] == []
