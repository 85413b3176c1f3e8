"""What the page is told as it happens: everything that changes, and what everything uses."""

from __future__ import annotations

from flask import Response, jsonify
from pydantic import BaseModel, Field

from labkit.app.context import STREAM, here, routes
from labkit.app.rows import Done

__all__ = ["api"]

api = routes("live", prefix="/api")


class Which(BaseModel):
    """Which job, as it was named when it began."""

    job: str = Field(pattern="^[0-9a-f]{12}$")


@api.get("/jobs/<job>/stream", responses={200: STREAM})
def progress(path: Which) -> Response:
    """How far a pull or a build is: event progress, until it ends."""
    context = here()
    return context.streams.answer(lambda: context.jobs.listen(path.job))


@api.delete("/jobs/<job>", responses={200: Done})
def cancel(path: Which) -> Response:
    """Give a pull or a build up."""
    ran = here().jobs.cancel(path.job)
    message = "Cancelled." if ran else "It had ended already."
    return jsonify(Done(changed=ran, message=message).model_dump())


@api.get("/stats/stream", responses={200: STREAM})
def stats() -> Response:
    """What each running container uses, once a second: event stats."""
    context = here()
    return context.streams.answer(context.meter.listen)


@api.get("/live", responses={200: STREAM})
def live() -> Response:
    """All lists, and then each change: events load, put, drop and away."""
    context = here()
    return context.streams.answer(context.hub.listen)
