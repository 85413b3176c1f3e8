"""How far a pull or a build is: the engine's messages, as recorded, go in."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labkit.live.progress import BuildProgress, Output, Part, PullProgress

JSON = dict[str, Any]


def layer(name: str, status: str, current: int = 0, total: int = 0) -> JSON:
    detail = {"current": current, "total": total} if total else {}
    return {"status": status, "progressDetail": detail, "id": name, "progress": "[=>   ] 1B/2B"}


PULL: list[JSON] = [
    {"status": "Pulling from library/nginx", "id": "1.27"},
    layer("aaa", "Already exists"),
    layer("bbb", "Pulling fs layer"),
    layer("ccc", "Pulling fs layer"),
    layer("ccc", "Waiting"),
    layer("bbb", "Downloading", 50, 100),
    layer("bbb", "Verifying Checksum"),
    layer("bbb", "Download complete"),
    layer("bbb", "Extracting", 32, 100),
    layer("ccc", "Downloading", 10, 1000),
    layer("bbb", "Extracting", 100, 100),
    layer("bbb", "Pull complete"),
    layer("ccc", "Download complete"),
    layer("ccc", "Extracting", 1000, 1000),
    layer("ccc", "Pull complete"),
    {"status": "Digest: sha256:0123"},
    {"status": "Status: Downloaded newer image for nginx:1.27"},
]


def pulled(*messages: JSON) -> PullProgress:
    progress = PullProgress("nginx:1.27")
    for message in messages:
        progress.feed(message)
    return progress


def test_layers() -> None:
    """Each layer is a part, in the order in which they came, with its bytes where they are told."""
    assert pulled(*PULL[:6]).parts == [
        Part("aaa", "Already exists", done=True),
        Part("bbb", "Downloading", 50, 100),
        Part("ccc", "Waiting"),
    ]
    assert pulled(*PULL[:7]).parts[1] == Part("bbb", "Verifying Checksum")


def test_pull_ends() -> None:
    """At the end all parts are done, and what the engine says of the whole is there to read."""
    progress = pulled(*PULL)
    assert all(part.done for part in progress.parts)
    assert not progress.done
    progress.finish()
    assert (progress.done, progress.error, progress.fraction) == (True, "", 1.0)
    assert progress.digest == "sha256:0123"
    assert progress.output == [
        "1.27: Pulling from library/nginx",
        "Digest: sha256:0123",
        "Status: Downloaded newer image for nginx:1.27",
    ]


def test_fraction_of_a_pull_grows() -> None:
    """The fraction is unknown before the first layer, never falls, and is one at the end."""
    assert pulled(PULL[0]).fraction is None
    fractions = [pulled(*PULL[:count]).fraction or 0 for count in range(4, len(PULL) + 1)]
    assert all(one <= other for one, other in pairwise(fractions))
    assert 0 < fractions[0] < 1
    assert fractions[-1] == 1


def test_seconds_are_no_bytes() -> None:
    """With the containerd store, the engine counts seconds while it extracts: that is no bar."""
    message = {"status": "Extracting", "id": "aaa", "progressDetail": {"current": 3, "units": "s"}}
    assert pulled(message).parts == [Part("aaa", "Extracting")]


def test_pull_fails() -> None:
    """An error ends it, in the engine's own words, of either form."""
    for message in ({"error": "no"}, {"errorDetail": {"message": "no"}, "error": "no"}):
        progress = pulled(*PULL[:6], message)
        progress.finish()
        assert (progress.done, progress.error) == (True, "no")
        assert progress.fraction not in (None, 1.0)


def text(stream: str) -> JSON:
    return {"stream": stream}


# As Engine 26.1 builds it.
BUILD: list[JSON] = [
    text("Step 1/3 : FROM busybox"),
    text("\n"),
    text(" ---> eb6c5575845d\n"),
    text("Step 2/3 : RUN echo hi; echo err >&2"),
    text("\n"),
    text(" ---> Using cache\n"),
    text(" ---> e087269bd9ce\n"),
    text("Step 3/3 : RUN echo b"),
    text("\n"),
    text(" ---> Running in 52d450be051a\n"),
    text("hi\npart"),
    text("\x1b[91merr\n\x1b[0m"),
    text("ial\nStep 9/9 : fake\n"),
    text(" ---> Removed intermediate container 52d450be051a\n"),
    text(" ---> b21477e5b732\n"),
    {"aux": {"ID": "sha256:b21477e5b732"}},
    text("Successfully built b21477e5b732\n"),
    text("Successfully tagged foo:1\n"),
]


def built(*messages: JSON) -> BuildProgress:
    progress = BuildProgress("foo:1")
    for message in messages:
        progress.feed(message)
    return progress


def test_steps() -> None:
    """Each step is a part; the one before is done when the next begins; a cached one says so."""
    progress = built(*BUILD[:11])
    assert progress.parts == [
        Part("Step 1", "FROM busybox", 1, 1, done=True),
        Part("Step 2", "RUN echo hi; echo err >&2 (cached)", 1, 1, done=True),
        Part("Step 3", "RUN echo b", 0, 1),
    ]
    assert progress.total == 3
    assert progress.fraction == 2 / 3
    assert [step.cached for step in progress.steps] == [False, True, False]


def test_build_ends() -> None:
    """At the end all steps are done and the image is known; each step has its own output."""
    progress = built(*BUILD)
    progress.finish()
    assert (progress.done, progress.error, progress.fraction) == (True, "", 1.0)
    assert progress.image == "sha256:b21477e5b732"
    assert [step.done for step in progress.steps] == [True] * 3
    assert progress.steps[2].output.lines[2:5] == ["hi", "parterr", "ial"]
    assert "Step 9/9 : fake" in progress.steps[2].output.lines
    assert progress.output[-1] == "Successfully tagged foo:1"


def test_build_fails() -> None:
    """An error names the step that it happened in."""
    error = {"errorDetail": {"code": 3, "message": "it returned 3"}, "error": "it returned 3"}
    progress = built(*BUILD[:10], error)
    progress.finish()
    assert progress.error == "Step 3/3: it returned 3"
    assert [step.failed for step in progress.steps] == [False, False, True]
    assert progress.parts[2] == Part("Step 3", "RUN echo b (failed)", 0, 1)
    assert progress.done


def test_pull_within_a_build() -> None:
    """What is pulled for a step stands after it, among the parts."""
    progress = built(*BUILD[:2], *PULL[:6], *BUILD[2:8])
    assert [part.id for part in progress.parts] == [
        "Step 1",
        "aaa",
        "bbb",
        "ccc",
        "Step 2",
        "Step 3",
    ]
    assert progress.fraction == 2 / 3


def test_stages() -> None:
    """A build in stages has an image for each; the last one counts, and steps go on between."""
    first = [text("Step 1/2 : FROM busybox AS one"), {"aux": {"ID": "sha256:1"}}]
    second = [text("Step 2/2 : FROM busybox"), text("\n"), text("out\n")]
    progress = built(*first, *second)
    assert [step.done for step in progress.steps] == [True, False]
    assert progress.steps[1].output.lines == ["", "out"]
    progress.feed({"aux": {"ID": "sha256:2"}})
    assert progress.image == "sha256:2"
    assert progress.fraction == 1


def test_json() -> None:
    """As JSON, a pull and a build have the same shape."""
    pull, build = pulled(*PULL).as_json(), built(*BUILD).as_json()
    assert set(pull) <= set(build)
    assert (pull["kind"], pull["title"]) == ("pull", "nginx:1.27")
    assert (build["kind"], build["image"]) == ("build", "sha256:b21477e5b732")
    assert pull["parts"][0] == {
        "id": "aaa", "text": "Already exists", "current": 0, "total": 0, "done": True,
    }  # fmt: skip


def test_escapes() -> None:
    """Colours and titles are taken out; of a line that is written over, the last state is shown."""
    output = Output()
    output.write("\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b(B\n10 %\r 90 %\r100 %\r\nopen")
    assert output.lines == ["red plain", "100 %", "open"]


def test_output_is_bounded() -> None:
    """Of a long output the latest lines are kept, and of a long line a part."""
    output = Output(limit=3)
    output.write("".join(f"{number}\n" for number in range(10)))
    assert output.lines == ["7", "8", "9"]
    for _ in range(100):
        output.write("x" * 1000)
    assert len(output.lines[-1]) < 10_000


@given(pieces=st.lists(st.sampled_from(["a", "\n", "\r", "\x1b[0m", "\x1b", "[", "é"])))
def test_output_cut_anywhere(pieces: list[str]) -> None:
    """However a text is cut, the same lines come out."""
    cut, whole = Output(), Output()
    for piece in pieces:
        cut.write(piece)
    whole.write("".join(pieces))
    assert cut.lines == whole.lines


values = (
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.dictionaries(st.text(max_size=5), st.integers())
)


@given(st.lists(st.dictionaries(st.sampled_from(["stream", "status", "id", "error"]), values)))
def test_any_message(messages: list[JSON]) -> None:
    """Whatever the texts of a message are, it is taken."""
    for progress in (pulled(*messages), built(*messages)):
        progress.finish()
        assert progress.as_json()["done"]
