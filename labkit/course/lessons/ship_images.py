"""Two more exercises of 10-build: push an image, and make it small. ``lesson`` is complete here."""

from __future__ import annotations

import io
import secrets
from typing import Any

import requests
from docker.errors import APIError, BuildError

from labkit import wait
from labkit.archives import File, pack
from labkit.course.exercise import Tutor
from labkit.course.lessons.build_images import lesson, swept
from labkit.hub.settings import ANONYMOUS
from labkit.hub.stock import MANIFEST
from labkit.live.progress import BuildProgress

__all__ = ["lesson"]

ROOM = 100_000  # bytes that the small image may have on top of its base


@lesson.exercise(
    "publish",
    points=1,
    hints=(
        "Three things: give the image a second name that begins with the registry, push that name, find the digest in what the push says.",
        "client.images.get(image).tag(repository, tag='1'). A push that is refused raises nothing: look for errorDetail in the messages of client.images.push(repository, tag='1', auth_config=account, stream=True, decode=True).",
        "The last message has it: message['aux']['Digest'].",
    ),
)
def publish(tutor: Tutor) -> None:
    """The function pushes an image to the hub, and returns the digest that it has there."""
    with swept(tutor):
        for _ in range(2):
            name, image = tutor.stock.name(), _built(tutor, f"FROM busybox\nLABEL a={_word()}\n")
            tutor.docker.api.tag(image, name)
            answer = tutor.ask(name, f"hub.lab/library/{name}")
            digest, config = _published(tutor, name)
            tutor.expect(
                config == image,
                saw=f"At the hub, library/{name}:1 is {config or 'not there'}; the image is {image}.",
                question="Does the name begin with the registry, is its tag 1, and what did the hub say to the push? It lets only the keeper in.",
            )
            tutor.expect(
                answer == digest,
                saw=f"The hub has it as {digest}; your function returned {answer!r:.200}.",
                question="The digest of what was pushed is that of its manifest, and not the image's id. Which message of the push has it?",
            )


def _word() -> str:
    return secrets.token_hex(4)


def _built(tutor: Tutor, dockerfile: str) -> str:
    tar = io.BytesIO(pack([File("Dockerfile", dockerfile.encode())]))
    image, _ = tutor.docker.images.build(fileobj=tar, custom_context=True, rm=True)
    return str(image.id)


def _published(tutor: Tutor, name: str) -> tuple[str, str]:
    """Digest and image id of what the hub has as 1; empty when it has nothing."""
    headers = {
        "Authorization": f"Bearer {tutor.hub.accounts[ANONYMOUS].token}",
        "Accept": MANIFEST,
    }
    with requests.Session() as session:
        session.trust_env = False
        url = f"{tutor.hub.url}/v2/library/{name}/manifests/1"
        answer = session.get(url, headers=headers, timeout=20)
    if not answer.ok:
        return "", ""
    return answer.headers["docker-content-digest"], str(answer.json()["config"]["digest"])


@lesson.exercise(
    "slim",
    points=2,
    hints=(
        "Two things are wrong: the order, and that all of it ends up in the image. The order first: what changes often comes late.",
        "A step is taken from the cache when it and all before it are as they were; after COPY . it never is, when a file has changed. And what an earlier step has put into a layer, a later one does not take out again: use a second stage.",
        "FROM busybox AS make, then ARG COUNT, RUN seq … > /numbers.txt, and only then COPY words.txt and the step that writes /answer.txt. Then FROM busybox, COPY --from=make /answer.txt /, and the CMD.",
    ),
)
def slim(tutor: Tutor) -> None:
    """The function writes a Dockerfile for a small image whose long step is done once."""
    answer = tutor.ask()
    tutor.expect(
        isinstance(answer, str),
        saw=f"The answer is {answer!r:.200}.",
        question="Do you return the text of a Dockerfile?",
    )
    with swept(tutor):
        count = 100_000 + secrets.randbelow(50_000)
        base = tutor.docker.images.get("busybox").attrs["Size"]
        _expect_slim(tutor, answer, count, base)
        again = _expect_slim(tutor, answer, count, base)
    long = [step for step in again.steps if "seq" in step.text]
    tutor.expect(
        long,
        saw="No step of your Dockerfile has seq in it.",
        question="The numbers are to be made in the build, as they were before. In which step?",
    )
    tutor.expect(
        all(step.cached for step in long),
        saw="words.txt was changed, and the numbers were made again.",
        question="What stands before the long step, and can it change when words.txt does?",
    )


def _expect_slim(tutor: Tutor, dockerfile: str, count: int, base: int) -> BuildProgress:
    """Build with words that nobody knows; the image prints them and the count, and is small."""
    words, tag = _word(), tutor.stock.name()
    progress = _build(tutor, dockerfile, words, tag, count)
    tutor.expect(
        not progress.error,
        saw=f"The build failed: {progress.error:.300}",
        question="Does it build for you, with words.txt in the context and COUNT as a build argument?",
    )
    said = _said(tutor, tag)
    tutor.expect(
        said.split() == [words, str(count)],
        saw=f"words.txt was {words!r} and COUNT {count}; the image prints {said!r:.200}.",
        question="Does it print what the heavy one prints: the words, and how many numbers there are?",
    )
    size = tutor.docker.images.get(tag).attrs["Size"] - base
    tutor.expect(
        size <= ROOM,
        saw=f"The image has {size:,} bytes on top of its base.",
        question="Which layer has the numbers in it, and does the last stage need that layer?",
    )
    return progress


def _build(tutor: Tutor, dockerfile: str, words: str, tag: str, count: int) -> BuildProgress:
    files = {"Dockerfile": dockerfile, "words.txt": f"{words}\n"}
    tar = io.BytesIO(pack([File(name, text.encode()) for name, text in files.items()]))
    options: dict[str, Any] = {"buildargs": {"COUNT": str(count)}, "rm": True, "forcerm": True}
    progress = BuildProgress(tag)
    try:
        build = tutor.docker.api.build
        for message in build(fileobj=tar, custom_context=True, tag=tag, decode=True, **options):
            progress.feed(message)
    except (APIError, BuildError, TypeError) as error:
        progress.fail(str(error))
    progress.finish()
    return progress


def _said(tutor: Tutor, tag: str) -> str:
    """What the image prints when it is run; empty when it does not end in time."""
    container = tutor.stock.create(image=tag, command=())
    try:
        container.start()
        container.wait(timeout=wait.paced(20))
        return str(container.logs(stderr=False).decode())
    except (APIError, requests.RequestException):
        return ""
    finally:
        container.remove(force=True)
