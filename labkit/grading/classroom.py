"""A whole class graded: each submission in a process of its own, some of them at a time.

While they run, the next ones get their engines and sandboxes. What one submission does to its
process, hang it or end it, touches no other. Every result is on disk as soon as it is there;
whoever is interrupted goes on with ``resume``.
"""

from __future__ import annotations

import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from labkit.course.release import student_version
from labkit.engine import drivers
from labkit.errors import LabError, SubmissionError
from labkit.grading.grade import grade
from labkit.grading.outcome import Graded
from labkit.grading.rebuild import rebuild
from labkit.grading.results import Results, failed, kit, mark
from labkit.grading.submissions import Submission
from labkit.grading.turns import Turns

__all__ = ["Classroom", "Settings"]

_SLACK = 120.0  # seconds for engines and judges, beside what a submission itself may take


@dataclass(frozen=True)
class Settings:
    """How submissions are graded.

    :param seconds: what one submission may take; a cell may take a fifth of it.
    :param version: the Docker version of the engines.
    :param engine: what they live in.
    """

    seconds: float = 600.0
    version: str = "26.1"
    engine: str = "container"


@dataclass
class Classroom:
    """A class's submissions on their way to results.

    :param course: the folder of the course's own notebooks.
    :param jobs: how many are graded at a time.
    :param exercises: grade these alone; all of them where there is none.
    :param done: is told each result, new or known.
    """

    course: Path
    results: Results
    settings: Settings = field(default_factory=Settings)
    jobs: int = 1
    exercises: frozenset[str] = frozenset()
    done: Callable[[Graded], None] = lambda _: None
    _pristine: dict[str, bytes] = field(default_factory=dict)

    def grade(self, submissions: list[Submission], *, resume: bool = False) -> None:
        """Grade all of them.

        :param resume: take a result that is there, if nothing that it depends on has changed.
        :raises SubmissionError: a course's notebook is missing.
        """
        jobs = []
        for one in submissions:
            job = _Job(one, self._release(one.assignment), self.settings)
            known = self.results.find(one)
            same = known and known.work == job.work
            if known and same and resume and known.kit == kit():
                self.done(known)
            else:  # one exercise alone only beside the others of the same notebook
                jobs.append(replace(job, exercises=self.exercises) if same else job)
        for graded in _each(jobs, Turns(self.results.turns, self.jobs)):
            self.keep(graded)
            self.done(graded)

    def keep(self, graded: Graded) -> None:
        """Write a result; one that broke off takes nothing away from what is known already."""
        known = self.results.find(graded)
        if not graded.broken or known is None or known.work != graded.work:
            self.results.write(self.results.merge(graded))

    def _release(self, assignment: str) -> bytes:
        if assignment not in self._pristine:
            path = self.course / f"{assignment}.ipynb"
            if not path.exists():
                raise SubmissionError(
                    f"The course's own {path.name} is not in {self.course}.",
                    hint="--course names the folder with the course's notebooks.",
                )
            self._pristine[assignment] = student_version(path)
        return self._pristine[assignment]


@dataclass(frozen=True)
class _Job:
    submission: Submission
    pristine: bytes = field(repr=False)
    settings: Settings
    exercises: frozenset[str] = frozenset()

    @property
    def work(self) -> str:
        return mark(self.submission.content, self.pristine, repr(self.settings))

    def graded(self, turns: Turns) -> Graded:
        """Grade it, here and now; it runs when it has its turn."""
        one, settings = self.submission, self.settings
        try:
            rebuilt = rebuild(self.pristine, one.content)
            if self.exercises:
                rebuilt = rebuilt.only(set(self.exercises))
            outcomes = grade(
                one.assignment, rebuilt,
                seconds=settings.seconds, cell=settings.seconds / 5, version=settings.version,
                turn=partial(turns.take, settings.seconds + _SLACK),
            )  # fmt: skip
        except SubmissionError as bad:
            return failed(one, self.work, bad.message, kit=kit())
        return Graded(
            one.student, one.assignment, self.work, kit(), one.timestamp, tuple(outcomes),
            dict(rebuilt.findings),
        )  # fmt: skip


@dataclass
class _Running:
    job: _Job
    process: ForkServerProcess
    answer: Connection
    until: float

    @classmethod
    def start(cls, context: ForkServerContext, job: _Job, turns: Turns) -> _Running:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(job, turns, theirs), daemon=False)
        process.start()
        theirs.close()
        most = 2 * (job.settings.seconds + _SLACK)  # it may have to wait for another's end
        return cls(job, process, ours, time.monotonic() + most)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.until

    def result(self) -> Graded:
        """What came of it; the process is ended if it has not."""
        try:
            if self.answer.poll():
                return self.answer.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            pass
        finally:
            self.end()
        why = "The grading of it took too long." if self.late else "The grading of it broke off."
        return failed(self.job.submission, self.job.work, why)

    def end(self) -> None:
        self.process.join(0 if self.late else 5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.answer.close()
        self.process.close()


def _work(job: _Job, turns: Turns, answer: Connection) -> None:
    """The process of one submission; interrupted, it takes away what it made and says nothing."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt), answer:
        try:
            graded = job.graded(turns)
        except LabError as error:
            graded = failed(job.submission, job.work, str(error))
        answer.send(graded)


def _end_with_parent() -> None:
    """Interrupt this process when the one that wants its answer is there no more."""
    parent, main = multiprocessing.parent_process(), threading.main_thread().ident
    if parent and main:
        wait([parent.sentinel])
        signal.pthread_kill(main, signal.SIGINT)


def _each(work: list[_Job], turns: Turns) -> Iterator[Graded]:
    """The results as they come; whatever happens, no process and no engine is left behind."""
    context = multiprocessing.get_context("forkserver")
    ahead = turns.number + math.ceil(turns.number / 2)
    context.set_forkserver_preload([__name__])
    waiting, running = list(reversed(work)), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < ahead:
                running.append(_Running.start(context, waiting.pop(), turns))
            wait([one.answer for one in running], timeout=1)
            for one in [one for one in running if one.late or one.answer.poll()]:
                running.remove(one)
                yield one.result()
    finally:
        for one in running:
            one.process.kill()
            one.end()
        with suppress(LabError):
            for driver in drivers.present():
                driver.sweep()
