"""One more exercise of 06-secure-the-api: what a refusal of a TLS connection says."""

from __future__ import annotations

from labkit.course.lessons.secure_the_api import lesson

__all__ = ["lesson"]
