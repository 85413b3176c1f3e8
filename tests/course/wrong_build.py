"""Wrong answers to the exercises of 10-build, as honest beginners give them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from types import ModuleType
from typing import Any

import docker

Lab = Any
Learners = Callable[..., Any]


def by_fnmatch(paths: list[str], patterns: list[str]) -> Any:
    """Let * go across slashes, and know no !."""
    return [
        path for path in paths if not any(fnmatch.fnmatch(path, pattern) for pattern in patterns)
    ]


def by_last_part(paths: list[str], patterns: list[str]) -> Any:
    """Look at the file's own name alone, as .gitignore does."""
    return [
        path
        for path in paths
        if not any(fnmatch.fnmatch(path.rpartition("/")[2], pattern) for pattern in patterns)
    ]


def everything(paths: list[str], patterns: list[str]) -> Any:
    """Send it all."""
    del patterns
    return paths


def the_other_ones(right: Learners) -> Learners:
    """Return what is left out."""
    return lambda paths, patterns: sorted({*paths} - {*right(paths, patterns)})


def how_often(right: Learners) -> Learners:
    return lambda files, tag: len(right(files, tag))


def one_too_far(right: Learners) -> Learners:
    """Take the message for that of the step which follows."""
    return lambda files, tag: [number + 1 for number in right(files, tag)]


def cached_for_ever(right: Learners) -> Learners:
    """Believe that what was in the cache stays there."""
    known: list[int] = []

    def cached_steps(files: dict[str, str], tag: str) -> Any:
        known[:] = known or right(files, tag)
        return known

    return cached_steps


def without_a_tag(right: Learners) -> Learners:
    return lambda files, tag: right(files, f"{tag}-not")


def build(lab: Lab, right: ModuleType, **options: Any) -> Learners:
    """Build with other options, and guess."""

    def cached_steps(files: dict[str, str], tag: str) -> Any:
        tar, build = right.pack(files), lab.docker.api.build
        messages = build(fileobj=tar, custom_context=True, tag=tag, decode=True, **options)
        said = [message.get("stream", "") for message in messages]
        return [number for number, text in enumerate(said) if "Using cache" in text]

    return cached_steps


def changed(right: Learners, **others: Any) -> Learners:
    """Change one part of what is told."""

    def why_failed(files: dict[str, str]) -> Any:
        told = right(files)
        parts = {key: change and change(told) for key, change in others.items()} if told else {}
        return told and told | parts

    return why_failed


def last(told: dict[str, Any]) -> Any:
    """The last line alone."""
    return told["output"][-1:]


def only_messages(lab: Lab, right: ModuleType) -> Learners:
    """Count on the exception of the SDK's images.build, and forget the other."""

    def why_failed(files: dict[str, str]) -> Any:
        try:
            lab.docker.images.build(fileobj=right.pack(files), custom_context=True, forcerm=True)
        except docker.errors.BuildError as error:
            return {"step": 0, "reason": error.msg, "output": []}
        return None

    return why_failed


def container_left(lab: Lab, right: ModuleType) -> Learners:
    """Build once more, and leave the container of the failed step behind."""

    def why_failed(files: dict[str, str]) -> Any:
        told = right.failed_by_stream(lab)(files)
        if told and told["step"]:
            list(lab.docker.api.build(fileobj=right.pack(files), custom_context=True, rm=True))
        return told

    return why_failed


def never_read(lab: Lab, right: ModuleType) -> Learners:
    """Throw the messages away."""

    def why_failed(files: dict[str, str]) -> Any:
        try:
            list(lab.docker.api.build(fileobj=right.pack(files), custom_context=True, forcerm=True))
        except docker.errors.APIError as error:
            return {"step": 0, "reason": error.explanation, "output": []}
        return None

    return why_failed


def image_id(lab: Lab, right: ModuleType) -> Learners:
    def publish(image: str, repository: str) -> Any:
        right.publish_by_stream(lab)(image, repository)
        return lab.docker.images.get(image).id

    return publish


def latest(lab: Lab, right: ModuleType) -> Learners:
    """Forget the tag."""

    def publish(image: str, repository: str) -> Any:
        lab.docker.images.get(image).tag(repository)
        options = {"auth_config": right.account(lab), "stream": True, "decode": True}
        return list(lab.docker.images.push(repository, **options))[-1]["aux"]["Digest"]

    return publish


def not_pushed(lab: Lab) -> Learners:
    def publish(image: str, repository: str) -> Any:
        lab.docker.images.get(image).tag(repository, tag="1")
        return lab.docker.images.get(image).id

    return publish


def remembered(right: Learners) -> Learners:
    """Push each, and return the digest of the first."""
    known: list[str] = []

    def publish(image: str, repository: str) -> Any:
        known.append(right(image, repository))
        return known[0]

    return publish


def heavy() -> str:
    """Return what was there."""
    return """\
FROM busybox
WORKDIR /work
COPY . .
ARG COUNT=200000
RUN seq 1 $COUNT > numbers.txt
RUN cat words.txt > /answer.txt && wc -l < numbers.txt >> /answer.txt
CMD ["cat", "/answer.txt"]
"""


def removed_too_late() -> str:
    """Remove the numbers in a step of its own."""
    return """\
FROM busybox
ARG COUNT=200000
RUN seq 1 $COUNT > /numbers.txt
COPY words.txt /
RUN cat /words.txt > /answer.txt && wc -l < /numbers.txt >> /answer.txt
RUN rm /numbers.txt
CMD ["cat", "/answer.txt"]
"""


def two_stages_in_the_wrong_order() -> str:
    """Copy all of it first."""
    return """\
FROM busybox AS make
COPY . /
ARG COUNT=200000
RUN seq 1 $COUNT > /numbers.txt
RUN cat /words.txt > /answer.txt && wc -l < /numbers.txt >> /answer.txt
FROM busybox
COPY --from=make /answer.txt /
CMD ["cat", "/answer.txt"]
"""


def count_by_heart() -> str:
    """Write the number down."""
    return """\
FROM busybox
RUN echo seq; echo 200000 > /count.txt
COPY words.txt /
CMD ["cat", "/words.txt", "/count.txt"]
"""


def without_a_command() -> str:
    """Forget CMD in the last stage."""
    return """\
FROM busybox AS make
ARG COUNT=200000
RUN seq 1 $COUNT > /numbers.txt
COPY words.txt /
RUN cat /words.txt > /answer.txt && wc -l < /numbers.txt >> /answer.txt
CMD ["cat", "/answer.txt"]
FROM busybox
COPY --from=make /answer.txt /
"""


def without_seq() -> str:
    """Count what was told, and make no numbers."""
    return """\
FROM busybox
ARG COUNT=200000
RUN echo $COUNT > /count.txt
COPY words.txt /
CMD ["cat", "/words.txt", "/count.txt"]
"""


def not_a_dockerfile() -> str:
    """Return what can't be built."""
    return "FORM busybox\n"


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """The wrong answers; some are right ones with one thing wrong."""
    cached, failed = right.cached_by_progress, right.failed_by_stream
    dockerfiles = (
        heavy,
        removed_too_late,
        two_stages_in_the_wrong_order,
        count_by_heart,
        without_a_command,
        without_seq,
        not_a_dockerfile,
    )
    return {
        "context": {
            "fnmatch": lambda _: by_fnmatch,
            "the last part": lambda _: by_last_part,
            "everything": lambda _: everything,
            "the other ones": lambda _: the_other_ones(right.context_by_matcher),
        },
        "cached-steps": {
            "how many": lambda lab: how_often(cached(lab)),
            "one too far": lambda lab: one_too_far(cached(lab)),
            "for ever": lambda lab: cached_for_ever(cached(lab)),
            "another tag": lambda lab: without_a_tag(cached(lab)),
            "no cache": lambda lab: build(lab, right, nocache=True, rm=True),
            "numbers of messages": lambda lab: build(lab, right, rm=True),
        },
        "why-failed": {
            "as text": lambda lab: changed(failed(lab), output=lambda told: str(told["output"])),
            "the next step": lambda lab: changed(failed(lab), step=lambda told: told["step"] + 1),
            "no reason": lambda lab: changed(failed(lab), reason=None),
            "the last line": lambda lab: changed(
                failed(lab), output=lambda told: told["output"][-1:]
            ),
            "only messages": lambda lab: only_messages(lab, right),
            "a container left": lambda lab: container_left(lab, right),
            "never read": lambda lab: never_read(lab, right),
        },
        "publish": {
            "the image's id": lambda lab: image_id(lab, right),
            "latest": lambda lab: latest(lab, right),
            "not pushed": not_pushed,
            "remembered": lambda lab: remembered(right.publish_by_stream(lab)),
        },
        "slim": {one.__name__.replace("_", " "): lambda _, one=one: one for one in dockerfiles},  # type: ignore[misc]
    }
