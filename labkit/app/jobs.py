"""The pulls and builds that were begun from the page, and who watches them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus

from labkit.app.sse import Latest, Message
from labkit.errors import Conflict, NotFound
from labkit.live.jobs import Job

__all__ = ["Jobs"]

_RUNNING, _KEPT = 4, 20


class Jobs:
    """The latest jobs, by ids of their own.

    :param running: how many may run at once.
    """

    def __init__(self, *, running: int = _RUNNING) -> None:
        self._limit = running
        self._lock = threading.Lock()
        self._jobs: dict[str, _Watched] = {}

    def begin(self, make: Callable[[Callable[[Job], None]], Job]) -> str:
        """Begin a job and return its id.

        :param make: makes the job, given whom it has to tell.
        :raises Conflict: too many run already.
        """
        watched = _Watched()
        with self._lock:
            running = sum(not one.job.done for one in self._jobs.values())
            if running >= self._limit:
                raise Conflict(
                    HTTPStatus.CONFLICT,
                    "POST",
                    "/api/images",
                    f"{running} pulls and builds run already. Wait for one, or cancel one.",
                )
            watched.job = make(watched.told)
            self._forget()
            number = secrets.token_hex(6)
            self._jobs[number] = watched
        return number

    def listen(self, number: str) -> Latest:
        """Return a mailbox that always has the newest progress; it ends with the job.

        :raises NotFound: there is no such job.
        """
        return self._find(number).listen()

    def cancel(self, number: str) -> bool:
        """Give a job up; whether it had not ended before.

        :raises NotFound: there is no such job.
        """
        job = self._find(number).job
        ran = not job.done
        job.cancel()
        return ran

    def close(self) -> None:
        """Give all of them up."""
        with self._lock:
            watched = list(self._jobs.values())
            self._jobs.clear()
        for one in watched:
            one.job.cancel()

    def _find(self, number: str) -> _Watched:
        with self._lock:
            if found := self._jobs.get(number):
                return found
        raise NotFound(HTTPStatus.NOT_FOUND, "GET", f"/api/jobs/{number}", "There is no such job.")

    def _forget(self) -> None:
        ended = [number for number, one in self._jobs.items() if one.job.done]
        for number in ended[: max(0, len(self._jobs) - _KEPT + 1)]:
            del self._jobs[number]


class _Watched:
    """A job and the mailboxes of those who watch it."""

    job: Job

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Latest] = set()

    def listen(self) -> Latest:
        mailbox = Latest(self._leave)
        with self._lock:
            self._listeners.add(mailbox)
        self._put(mailbox, self.job)
        return mailbox

    def told(self, job: Job) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for mailbox in listeners:
            self._put(mailbox, job)

    def _put(self, mailbox: Latest, job: Job) -> None:
        ended = job.done  # asked before the progress: what is told last has to be all
        mailbox.put(Message("progress", job.progress.as_json()), last=ended)

    def _leave(self, mailbox: Latest) -> None:
        with self._lock:
            self._listeners.discard(mailbox)
