"""The live panel of an engine's images: pull, build, remove, and which containers use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import ClassVar

import humanize
import ipywidgets

from labkit.endpoint import Endpoint
from labkit.errors import BadForm, LabError
from labkit.live import jobs
from labkit.live.actions import Outcome
from labkit.live.container import ContainerRow
from labkit.live.jobs import Job
from labkit.live.things import ImageRow, images
from labkit.panels.form import Form
from labkit.panels.frame import box
from labkit.panels.jobview import JobView, bars
from labkit.panels.rows import Line, cell, cells
from labkit.panels.things import Kind, ThingsPanel

__all__ = ["ImagesPanel"]

_DOCKERFILE = 'FROM busybox\nRUN echo hello > /greeting\nCMD ["cat", "/greeting"]\n'
_SHORT = 12
_DONE = {"pull": "Pulled", "build": "Built"}


class ImagesPanel(ThingsPanel[ImageRow]):
    """The images of an engine, live: pull and build with their progress, remove, inspect.

    :param endpoint: where the engine listens.

    ``job`` is the pull or the build that runs, or the last one that did.
    """

    text: ClassVar[str] = "ImagesPanel: the images of this engine, live"
    kind: ClassVar[Kind] = Kind(
        "image",
        ("Name", "Size", "Created", "Used by"),
        inspect="/json",
        used="Remove the containers that use it first.",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self.job: Job | None = None
        self._told: Job | None = None
        image = ipywidgets.Text(description="Image", placeholder="busybox:latest")
        self.pull_form = Form({"image": image}, "Pull", "download", self._press_pull)
        dockerfile = ipywidgets.Textarea(description="Dockerfile", value=_DOCKERFILE, rows=5)
        fields = {
            "tag": ipywidgets.Text(description="Tag", placeholder="greeting:1"),
            "dockerfile": box(dockerfile, "lk-wide"),
        }
        self.build_form = Form(fields, "Build", "wrench", self._press_build)
        self.job_view = JobView(self.cancel)
        super().__init__(
            endpoint,
            images(),
            forms=[("Pull", "download", self.pull_form), ("Build", "wrench", self.build_form)],
            body=[self.job_view.widget],
        )

    def pull(self, image: str) -> Job:
        """Pull an image, and show how far each layer is: ``POST /images/create``.

        :raises BadForm: that can't be an image's name.
        :raises LabError: another pull or build runs.
        """
        return self._begin(lambda: jobs.pull(self._endpoint, image, told=self._got_on))

    def build(self, tag: str, dockerfile: str) -> Job:
        """Build an image, and show how far each step is: ``POST /build``.

        :param tag: what to call it.
        :param dockerfile: the text of a Dockerfile that needs no files beside it.
        :raises BadForm: that can't be an image's name.
        :raises LabError: another pull or build runs.
        """
        return self._begin(lambda: jobs.build(self._endpoint, dockerfile, tag, told=self._got_on))

    def cancel(self) -> None:
        """Give the pull or the build up."""
        if self.job:
            self.job.cancel()

    def _begin(self, begin: Callable[[], Job]) -> Job:
        with self._lock:
            self._require_open()
            if self.job and not self.job.done:
                hint = "Wait for its end, or cancel it."
                raise LabError(f"{self.job.progress.title} is not done yet.", hint=hint)
            self.frame.say("")
            self.job = begin()
            self.job_view.open()
            self._paint()
            return self.job

    def _got_on(self, job: Job) -> None:
        del job  # it is drawn when there is time for it
        self._nudge()

    def _press_pull(self) -> None:
        image = self.pull_form.values["image"]
        if self._press_job("Pull", self.pull_form, lambda: self.pull(image)):
            self.pull_form.fill({"image": ""})

    def _press_build(self) -> None:
        self._press_job("Build", self.build_form, lambda: self.build(**self.build_form.values))

    def _press_job(self, word: str, form: Form, begin: Callable[[], Job]) -> bool:
        try:
            begin()
        except BadForm as error:
            form.wrong(error)
            return False
        except LabError as error:
            self.frame.complain(error.message, error.hint)
            return False
        form.right()
        self.openers[word].value = False
        return True

    def _draw(self) -> None:
        super()._draw()
        if not self.job:
            return
        self.job_view.show(self.job.progress)
        if self.job.done and self._told is not self.job:
            self._told = self.job
            self._tell_end(self.job)

    def _tell_end(self, job: Job) -> None:
        if job.error:
            self.frame.complain(f"{job.progress.title}: {job.error}")
        else:
            self.frame.praise(f"{_DONE[job.progress.kind]} {job.progress.title}.")

    def _end(self) -> None:
        self.cancel()

    def _picture(self) -> str:
        job = f'<div class="lk-job">{bars(self.job.progress)}</div>' if self.job else ""
        return job + super()._picture()

    def _explain(self, outcome: Outcome) -> Outcome:
        if outcome.status != HTTPStatus.CONFLICT:
            return outcome
        if "must be forced" in outcome.text or "must force" in outcome.text:
            return replace(outcome, hint="Force removes it all the same.", forcible=True)
        return replace(outcome, hint=self.kind.used)

    def _uses(self, container: ContainerRow, row: ImageRow) -> bool:
        short = row.id.removeprefix("sha256:")
        names = {*row.tags, *(tag.removesuffix(":latest") for tag in row.tags)}
        return container.image in names or (
            len(container.image) >= _SHORT and short.startswith(container.image)
        )

    def _line(self, row: ImageRow, users: Sequence[str]) -> Line:
        created = datetime.fromtimestamp(row.created, UTC)
        name = ", ".join(row.tags) or row.name
        written = cells(
            (
                cell(name, kind="lk-name", title=f"{name}, id {row.id}"),
                cell(humanize.naturalsize(row.size)),
                cell(f"{created:%Y-%m-%d %H:%M}", kind="lk-quiet", title=f"{created:%c} UTC"),
                cell(", ".join(users)),
            )
        )
        return Line(row.id, row.name, written, frozenset({"inspect", "remove"}))
