"""Honest ways to solve the exercises of 10-build, as in ``right_answers``.

A lab also has ``.hub``.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
from docker.utils.build import PatternMatcher, exclude_paths

from labkit import archives
from labkit.errors import APIError
from labkit.live.progress import BuildProgress

Lab = Any
Learners = Callable[..., Any]

TAR = {"Content-Type": "application/x-tar"}


def context_by_matcher(paths: list[str], patterns: list[str]) -> list[str]:
    """Ask the SDK's matcher about each path."""
    matcher = PatternMatcher(patterns)
    return [path for path in paths if not matcher.matches(path)]


def context_by_folder(paths: list[str], patterns: list[str]) -> list[str]:
    """Lay the files out in a folder, and let the SDK look."""
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        sent = exclude_paths(folder, patterns)
        return [path for path in sent if Path(folder, path).is_file()]


def pack(files: dict[str, str]) -> io.BytesIO:
    """The context as a tar."""
    return io.BytesIO(archives.pack([archives.File(*one) for one in encoded(files)]))


def encoded(files: dict[str, str]) -> list[tuple[str, bytes]]:
    """The files, their text as bytes."""
    return [(name, text.encode()) for name, text in files.items()]


def cached_by_progress(lab: Lab) -> Learners:
    def cached_steps(files: dict[str, str], tag: str) -> list[int]:
        progress = BuildProgress(tag)
        tar, build = pack(files), lab.docker.api.build
        for message in build(fileobj=tar, custom_context=True, tag=tag, decode=True, rm=True):
            progress.feed(message)
        return [step.number for step in progress.steps if step.cached]

    return cached_steps


def cached_by_raw(lab: Lab) -> Learners:
    def cached_steps(files: dict[str, str], tag: str) -> list[int]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in encoded(files):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        answer = lab.raw.post("/build", params={"t": tag}, data=buffer.getvalue(), headers=TAR)
        cached, step = [], 0
        for line in answer.text.splitlines():
            said = json.loads(line).get("stream", "")
            if begun := re.match(r"Step (\d+)/", said):
                step = int(begun[1])
            elif "Using cache" in said:
                cached.append(step)
        return cached

    return cached_steps


def failed_by_stream(lab: Lab) -> Learners:
    def why_failed(files: dict[str, str]) -> Any:
        step, output = 0, ""
        try:
            for message in _build(lab, files):
                text = message.get("stream", "")
                if begun := re.match(r"Step (\d+)/", text):
                    step, output = int(begun[1]), ""
                elif not text.startswith(" ---> "):
                    output += text
                if "errorDetail" in message:
                    plain = re.sub(r"\x1b\[\d*m", "", output).split("\n")
                    lines = [line for line in plain if line]
                    reason = message["errorDetail"]["message"]
                    return {"step": step, "reason": reason, "output": lines}
        except docker.errors.APIError as error:
            return {"step": 0, "reason": error.explanation, "output": []}
        return None

    return why_failed


def _build(lab: Lab, files: dict[str, str]) -> Iterator[Any]:
    tar = pack(files)
    yield from lab.docker.api.build(
        fileobj=tar, custom_context=True, decode=True, rm=True, forcerm=True
    )


def failed_by_raw(lab: Lab) -> Learners:
    def why_failed(files: dict[str, str]) -> Any:
        progress, tar = BuildProgress(""), pack(files).getvalue()
        try:
            answer = lab.raw.post("/build", params={"forcerm": True}, data=tar, headers=TAR)
        except APIError as error:
            return {"step": 0, "reason": error.explanation, "output": []}
        for line in answer.text.splitlines():
            progress.feed(json.loads(line))
        if not progress.error:
            return None
        last = progress.steps[-1]
        output = [line for line in last.output.lines if line and not line.startswith(" ---> ")]
        return {"step": last.number, "reason": progress.error, "output": output}

    return why_failed


def failed_by_build_error(lab: Lab) -> Learners:
    """Let the SDK raise, and read the log that its error has."""

    def why_failed(files: dict[str, str]) -> Any:
        try:
            with contextlib.closing(pack(files)) as tar:
                lab.docker.images.build(fileobj=tar, custom_context=True, forcerm=True)
        except docker.errors.BuildError as error:
            progress = BuildProgress("")
            for message in error.build_log:
                progress.feed(message)
            last = progress.steps[-1]
            output = [line for line in last.output.lines if not line.startswith(" ---> ")]
            return {"step": last.number, "reason": error.msg, "output": output}
        except docker.errors.APIError as error:
            return {"step": 0, "reason": error.explanation, "output": []}
        return None

    return why_failed


def account(lab: Lab) -> dict[str, str]:
    """Who may push."""
    return {"username": "keeper", "password": lab.hub.accounts["keeper"].password}


def publish_by_stream(lab: Lab) -> Learners:
    def publish(image: str, repository: str) -> str:
        lab.docker.images.get(image).tag(repository, tag="1")
        options = {"auth_config": account(lab), "stream": True, "decode": True}
        messages = list(lab.docker.images.push(repository, tag="1", **options))
        return str(messages[-1]["aux"]["Digest"])

    return publish


def publish_by_inspect(lab: Lab) -> Learners:
    """Look into the image afterwards: the engine keeps the digest."""

    def publish(image: str, repository: str) -> str:
        lab.docker.api.tag(image, repository, "1")
        lab.docker.images.push(repository, tag="1", auth_config=account(lab))
        digests = lab.docker.images.get(image).attrs["RepoDigests"]
        return next(one.partition("@")[2] for one in digests if one.startswith(repository))

    return publish


def slim_in_two_stages() -> str:
    """Make the numbers first, and take along the answer alone."""
    return """\
FROM busybox AS make
ARG COUNT=200000
RUN seq 1 $COUNT > /numbers.txt
COPY words.txt /
RUN cat /words.txt > /answer.txt && wc -l < /numbers.txt >> /answer.txt
FROM busybox
COPY --from=make /answer.txt /
CMD ["cat", "/answer.txt"]
"""


def slim_in_one_step() -> str:
    """Remove the numbers in the very step that makes them."""
    return """\
FROM busybox
ARG COUNT=200000
RUN seq 1 $COUNT > /numbers.txt && wc -l < /numbers.txt > /count.txt && rm /numbers.txt
COPY words.txt /
CMD ["cat", "/words.txt", "/count.txt"]
"""


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    "context": {"matcher": lambda _: context_by_matcher, "folder": lambda _: context_by_folder},
    "cached-steps": {"progress": cached_by_progress, "raw": cached_by_raw},
    "why-failed": {
        "stream": failed_by_stream,
        "raw": failed_by_raw,
        "BuildError": failed_by_build_error,
    },
    "publish": {"stream": publish_by_stream, "inspect": publish_by_inspect},
    "slim": {"two stages": lambda _: slim_in_two_stages, "one step": lambda _: slim_in_one_step},
}
