"""Everything that labkit raises on purpose, one tree.

::

    LabError                     what happened, and what to do next
    ├── HostError                no Docker that could start an engine
    │   ├── HostMissing          none runs; one may be started or installed
    │   └── HostPermissionError  there is one, but this user may not use it
    ├── EngineError              an engine could not be started, found or reached
    │   ├── VersionNotOffered    no engine image for that version
    │   ├── EngineNameTaken      an engine of that name is there already
    │   └── EngineGone           it was there, and answers no more
    ├── APIError                 the Engine API answered with an error status
    │   ├── BadRequest           400
    │   ├── NotFound             404
    │   └── Conflict             409
    ├── StreamError              bytes that are not what the Engine streams
    ├── WaitTimeout              something did not come true in time
    ├── LimitUnreadable          a rate limit's header that is not written as it should be
    ├── GaveUp                   refused again and again, for as long as patience lasts
    ├── BadForm                  a field of a form that can't be read
    ├── SubmissionError          what was handed in can't be read, or can't be graded here
    └── CourseError              no such notebook, exercise or hint; a judge that can't be reached
"""

from __future__ import annotations


class LabError(Exception):
    """What happened, what was seen, and (``hint``) what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\nWhat to do: {hint}" if hint else message)


class HostError(LabError):
    """No Docker Engine is there to start the lab's engines on."""


class HostMissing(HostError):
    """No Docker Engine runs on this machine, and nobody has named another one."""


class HostPermissionError(HostError):
    """A Docker Engine is there, but this user may not talk to it."""


class EngineError(LabError):
    """A disposable engine could not be started, found or reached."""


class VersionNotOffered(EngineError):
    """The kit has no engine image for the version asked for."""


class EngineNameTaken(EngineError):
    """An engine of that name is there already."""


class EngineGone(EngineError):
    """The engine was there before and does not answer any more."""


class APIError(LabError):
    """The Engine API answered a request with an error status.

    ``status`` is the HTTP status, ``method`` and ``path`` say which request it was, and
    ``explanation`` is Docker's own message.
    """

    def __init__(self, status: int, method: str, path: str, explanation: str) -> None:
        self.status = status
        self.method = method
        self.path = path
        self.explanation = explanation
        super().__init__(f"{method} {path} answered {status}: {explanation}")


class BadRequest(APIError):
    """400: a parameter or the body is wrong, or the API version is not served."""


class NotFound(APIError):
    """404: no such container, image, network, volume or endpoint."""


class Conflict(APIError):
    """409: the object's state, or another one's name, forbids it."""


class StreamError(LabError):
    """Bytes that are not what the Engine streams."""


class WaitTimeout(LabError):
    """Something that was waited for did not come true in time."""


class LimitUnreadable(LabError):
    """A registry's header about its limit is not written as it should be."""


class GaveUp(LabError):
    """A request was refused again and again, for as long as patience lasts."""


class BadForm(LabError):
    """A field of a form can't be read; ``field`` is its name."""

    def __init__(self, message: str, *, field: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class SubmissionError(LabError):
    """What was handed in can't be read, or can't be graded on this machine."""


class CourseError(LabError):
    """No such notebook, exercise or hint, or a judge that can't be reached."""
