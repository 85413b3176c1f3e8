"""What a machine's agent says is a stranger's word: of any answer something clear is made."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.engine.vm.agent import Agent
from labkit.errors import EngineError

Answer = Callable[[str], bytes]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[Answer], Agent]]:
    """Yield what puts somebody into the agent's place, who answers one request."""
    threads, listeners = list[threading.Thread](), list[socket.socket]()

    def put(answer: Answer) -> Agent:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "agent.sock"))
        listener.listen()

        def serve() -> None:
            end, _ = listener.accept()
            with end, end.makefile("rb") as stream:
                mark = json.loads(stream.readline())["id"]
                try:
                    end.sendall(answer(mark))
                    end.recv(1)
                except OSError:
                    pass

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        listeners.append(listener)
        return Agent(tmp_path / "agent.sock")

    yield put
    for thread, listener in zip(threads, listeners, strict=True):
        thread.join()
        listener.close()


def _told(mark: str, size: object, content: bytes = b"") -> bytes:
    return json.dumps({"id": mark, "code": 0, "size": size}).encode() + b"\n" + content


def test_what_is_not_meant_for_us_is_passed_over(
    answering: Callable[[Answer], Agent],
) -> None:
    """An answer to one who was killed may still be on its way."""
    agent = answering(lambda mark: _told("another", 0) + _told(mark, 4, b"good"))
    assert agent.ask("ready", patience=5) == (0, b"good")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda mark: _told(mark, -1), "something else answered"),
        (lambda mark: _told(mark, 10**12), "something else answered"),
        (lambda mark: _told(mark, {}), "something else answered"),
        (lambda mark: b'["' + mark.encode() + b'"]\n', "something else answered"),
        (lambda mark: b'"' + mark.encode() + b'" is no JSON\n', "something else answered"),
        (lambda _: b"x" * 200_000, "something else answered"),
        (lambda mark: _told(mark, 9, b"short"), "nothing answered in 1 s"),
        (lambda _: b"\n" * 100, "nothing answered in 1 s"),
    ],
    ids=["a size below none", "a giant", "no size", "a list", "no JSON", "no line", "too short",
         "nothing at all"],
)  # fmt: skip
def test_a_stranger_gets_no_further(
    answering: Callable[[Answer], Agent], answer: Answer, words: str
) -> None:
    """It ends in time, with an error of the kit's own."""
    with pytest.raises(EngineError, match=words):
        answering(answer).ask("ready", patience=1)
