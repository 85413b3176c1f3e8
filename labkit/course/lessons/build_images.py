"""The exercises of 10-build about builds: the context, the cache, and why a build fails.

Those about small images and the registry are in :mod:`labkit.course.lessons.ship_images`.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from docker.errors import APIError

from labkit import archives
from labkit.course.exercise import Lesson, Tutor

__all__ = ["lesson", "swept"]

lesson = Lesson("10-build", by_hand={"findings": 1}, hub={"limit": None, "prefix": 16})

JSON = dict[str, Any]
REMOVING = "Removing intermediate container "  # the old builder says so of a step that failed


@contextlib.contextmanager
def swept(tutor: Tutor) -> Iterator[None]:
    """Whatever a build leaves: afterwards the engine has the containers and images that it had."""
    before, containers = _images(tutor), _containers(tutor)
    try:
        yield
    finally:
        for one in _containers(tutor) - containers:
            with contextlib.suppress(APIError):
                tutor.docker.api.remove_container(one, v=True, force=True)
        for one in _images(tutor) - before:
            with contextlib.suppress(APIError):
                tutor.docker.api.remove_image(one, force=True)


def _images(tutor: Tutor) -> set[str]:
    return {row["Id"] for row in tutor.docker.api.images()}


@lesson.exercise(
    "context",
    points=1,
    hints=(
        "The SDK reads such patterns itself, before it sends a context: look into docker.utils.build.",
        "docker.utils.build.PatternMatcher(patterns).matches(path) says whether a path is left out.",
        "matcher = docker.utils.build.PatternMatcher(patterns), then sorted(path for path in paths if not matcher.matches(path)).",
    ),
)
def context(tutor: Tutor) -> None:
    """The function finds which files of a folder go to the builder."""
    word, other = f"w{secrets.token_hex(2)}", f"v{secrets.token_hex(2)}"
    paths = [f"{word}.txt", f"{word}.log", f"{other}.log", f"{word}/{other}.log", f"{word}/a/b.txt"]
    paths += [f"{word}-2/a.txt", f"{other}/{word}/c.txt"]
    cases: list[tuple[list[str], set[int]]] = [
        ([], set()),
        (["*.log"], {1, 2}),
        (["**/*.log"], {1, 2, 3}),
        (["*.log", f"!{word}.log"], {2}),
        ([f"!{word}.log", "*.log"], {1, 2}),
        ([word], {3, 4}),
        ([f"{word}*/a*"], {4, 5}),
        ([f"**/{word}/c.txt"], {6}),
        (["?????.txt"], {0}),
    ]
    for patterns, left_out in cases:
        wanted = sorted(path for number, path in enumerate(paths) if number not in left_out)
        answer = tutor.ask(paths, patterns)
        tutor.expect(
            isinstance(answer, list) and sorted(map(str, answer)) == wanted,
            saw=f"With {patterns}, of {paths} these are sent: {wanted}. Your function returned {answer!r:.300}.",
            question="Whose rules are these: does * go across a slash, what does ! do and in which order, and what becomes of the files in a folder that is left out?",
        )


@lesson.exercise(
    "cached-steps",
    points=2,
    hints=(
        "client.api.build(fileobj=…, custom_context=True, tag=tag, decode=True) yields the messages. Two kinds of them matter here.",
        "'Step 3/7 : RUN …' begins a step. ' ---> Using cache' belongs to the step that has begun last.",
        "progress = BuildProgress(tag); progress.feed(message) for each; then [step.number for step in progress.steps if step.cached].",
    ),
)
def cached_steps(tutor: Tutor) -> None:
    """The function builds an image and tells which of its steps came from the cache."""
    with swept(tutor):
        tag, files = tutor.stock.name(), _orchard()
        question = "Which message tells of the cache, and to which step does it belong? Is FROM ever taken from there, and did you tell the engine not to use it?"
        for wanted, change in (
            ([], {}),
            ([2, 3, 4, 5], {}),
            ([2, 3, 4], {"pears.txt": secrets.token_hex(4)}),
            ([2], {"apples.txt": secrets.token_hex(4)}),
        ):
            files |= change
            answer = tutor.ask(files, tag)
            tutor.expect(
                isinstance(answer, list) and answer == wanted,
                saw=f"{_told(change)} From the cache came the steps {wanted}. Your function returned {answer!r:.200}.",
                question=question,
            )
            tutor.expect(
                _pears(tutor, tag) == files["pears.txt"],
                saw=f"The image {tag} does not have the files that your function was given.",
                question="Does what you build go by the tag that was asked for, and was it built from these files?",
            )


def _orchard() -> dict[str, str]:
    lines = (
        "FROM busybox",
        f"RUN echo {secrets.token_hex(4)} > /seed",
        "COPY apples.txt /",
        "RUN cat /apples.txt /seed > /juice",
        "COPY pears.txt /",
    )
    dockerfile = "".join(f"{line}\n" for line in lines)
    return {"Dockerfile": dockerfile, "apples.txt": "boskoop", "pears.txt": "conference"}


def _told(change: dict[str, str]) -> str:
    return f"{', '.join(change)} was changed." if change else "Nothing was changed before."


def _pears(tutor: Tutor, tag: str) -> str:
    """What an image has in /pears.txt; empty where it is not there."""
    with contextlib.suppress(APIError):
        pieces, _ = tutor.stock.create(image=tag).get_archive("/pears.txt")
        return next(iter(archives.unpack(b"".join(pieces)).values())).decode()
    return ""


@lesson.exercise(
    "why-failed",
    points=3,
    hints=(
        "There are two ways to fail: an APIError before anything is built, and a message with errorDetail in the stream. client.api.build shows both; client.images.build makes a BuildError of the second.",
        "message['errorDetail']['message'] is the engine's reason. What the failing command printed came before it, as stream messages of the same step. BuildProgress collects them: progress.steps[-1].output.lines",
        "Lines that begin with ' ---> ' are the builder's own, and 'Removing intermediate container' on old engines. forcerm=True removes the container of a step that fails, rm=True removes only those of the others. except docker.errors.APIError as error: {'step': 0, 'reason': error.explanation, 'output': []}",
    ),
)
def why_failed(tutor: Tutor) -> None:
    """The function builds, and of a failure it tells step, reason and output."""
    word, code = secrets.token_hex(4), 2 + secrets.randbelow(90)
    cases: list[tuple[list[str], JSON | None]] = [
        (["FROM busybox", f"RUN echo {word}"], None),
        (
            ["FROM busybox", "RUN true", f"RUN echo {word}; echo not {word} >&2; exit {code}"],
            {"step": 3, "reason": f"non-zero code: {code}", "output": {word, f"not {word}"}},
        ),
        (
            ["FROM busybox", f"RUN echo {word}", f"COPY {word}.txt ."],
            {"step": 3, "reason": f"stat {word}.txt", "output": set()},
        ),
        (["FROM busybox", f"RUM {word}"], {"step": 0, "reason": "RUM", "output": set()}),
    ]
    with swept(tutor):
        for lines, wanted in cases:
            before = _containers(tutor)
            _expect_reason(tutor, lines, wanted)
            tutor.expect(
                _containers(tutor) <= before,
                saw=f"A container was left behind by this build: {lines}",
                question="Which argument has the engine remove the container of a step that failed?",
            )


def _expect_reason(tutor: Tutor, lines: list[str], wanted: JSON | None) -> None:
    answer = tutor.ask({"Dockerfile": "".join(f"{line}\n" for line in lines)})
    saw = f"For {lines} your function returned {answer!r:.300}."
    if wanted is None:
        tutor.expect(answer is None, saw=saw, question="Is there anything to tell of a good build?")
        return
    tutor.expect(
        isinstance(answer, dict) and answer.keys() >= wanted.keys(),
        saw=saw,
        question="Do you return a dict with step, reason and output? A build can fail before its first step, as an exception, and later, as a message.",
    )
    tutor.expect(
        answer["step"] == wanted["step"],
        saw=saw,
        question="Which step had begun last, and is there one when the Dockerfile can't be read?",
    )
    tutor.expect(
        wanted["reason"] in str(answer["reason"]),
        saw=saw,
        question="What does the engine itself say: in errorDetail, or in the answer that refuses the request?",
    )
    output = answer["output"] if isinstance(answer["output"], list) else ["no list"]
    printed = {str(line).strip() for line in output} - {""}
    tutor.expect(
        {line for line in printed if not line.startswith(REMOVING)} == wanted["output"],
        saw=saw,
        question="What did the command of that step print, without what the builder says itself, without other steps, and without colours?",
    )


def _containers(tutor: Tutor) -> set[str]:
    return {row["Id"] for row in tutor.docker.api.containers(all=True)}
