"""The numbers that dockerd keeps for Prometheus: ``--metrics-addr``, as a table."""

from __future__ import annotations

import pandas as pd
from prometheus_client.parser import text_string_to_metric_families

from labkit.errors import LabError
from labkit.table import Table

__all__ = ["metrics"]


def metrics(text: str) -> Table:
    """Read Prometheus' text format: a row for each sample, with name, labels and value.

    :raises LabError: it is none.
    """
    try:
        rows = [
            {
                "name": sample.name,
                "labels": ", ".join(f"{key}={sample.labels[key]}" for key in sorted(sample.labels)),
                "value": sample.value,
            }
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
    except (ValueError, KeyError, IndexError) as cause:
        raise LabError(
            "That is not what dockerd tells Prometheus.",
            hint="Start the engine with labkit.security.audit.MONITORED, or give it a moment.",
        ) from cause
    return Table(pd.DataFrame(rows, columns=["name", "labels", "value"]))
