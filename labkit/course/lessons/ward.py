"""A mailroom that a judge breaks and a learner mends, with what lies beside it and must stay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from labkit import wait
from labkit.archives import File
from labkit.course.exercise import Tutor
from labkit.course.stock import LABEL
from labkit.errors import NotFound, WaitTimeout
from labkit.mailroom.mailroom import Mailroom
from labkit.mailroom.plan import FOLDERS, STATIONS, TLS

__all__ = ["Ward"]

JSON = dict[str, Any]


class Ward:
    """A mailroom of the judge's own, named at random, and two strangers beside it.

    One stranger has ended and stays so; the other one runs in a network of its own, the ``attic``.
    """

    def __init__(self, tutor: Tutor, room: Mailroom) -> None:
        self._tutor = tutor
        self.room = room
        self.attic = str(tutor.stock.network().name)
        ended = tutor.stock.run(network=f"{room.name}-back")
        ended.kill()
        ended.wait()
        self._ended = str(ended.name)
        self._guest = str(tutor.stock.run(network=self.attic).name)
        letter = tutor.stock.name()
        room["store"].put(File(f"letters/returned/{letter}", b"No such address\n"))
        self._ids: dict[str, str] = {}
        self._others: set[str] = set()
        self._letters: dict[str, bytes] = {}
        self._trusted: dict[str, bytes] = {}

    @classmethod
    @contextlib.contextmanager
    def admitted(cls, tutor: Tutor) -> Iterator[Ward]:
        """Lay out a mailroom, and take it away again."""
        with Mailroom.open(tutor.raw, tutor.stock.name(), labels={LABEL: "1"}) as room:
            yield cls(tutor, room)

    def ask(self, *more: Any) -> Any:
        """Have the learner's function called with the plan, once it is noted what there is."""
        self._ids, self._letters = self._found(), self.letters()
        self._others = self._things()
        self._trusted = self.room["visitor"].files(TLS)
        return self._tutor.ask(self.room.plan, *more)

    def letters(self) -> dict[str, bytes]:
        """The letters by number, wherever they are."""
        found = self.room["store"].files("/letters")
        return {
            path.partition("/")[2]: text
            for path, text in found.items()
            if path.partition("/")[0] in FOLDERS
        }

    def junk(self) -> list[str]:
        """What lies in the volume and is no letter."""
        found = self.room["store"].files("/letters")
        return sorted(path for path in found if path.partition("/")[0] not in FOLDERS)

    def inspect(self, name: str) -> JSON:
        """The inspect of a container; empty where there is none."""
        with contextlib.suppress(NotFound):
            return dict(self._tutor.raw.get(f"/containers/{name}/json").json())
        return {}

    def expect_cured(self) -> None:
        """A letter is printed, everything is where the plan has it, and nothing else is harmed."""
        self._expect_there()
        self.expect_unharmed()
        self._expect_cables()
        journey = self.room.journey(patience=10)
        self._tutor.expect(
            journey.arrived,
            saw=f"I sent a letter. It is stuck at the {journey.stuck}: {journey.said.get(journey.stuck)}.",
            question="Which container is that, and what do its state, its log, its networks and its files tell?",
        )
        self._tutor.expect(
            not self.junk(),
            saw=f"In the volume there still is {', '.join(self.junk())[:200]}, which is no letter.",
            question="Which files are in none of the three folders for letters?",
        )

    def expect_unharmed(self) -> None:
        """What was there before is there still: containers, letters, strangers, and no more."""
        now = self._found()
        for name, before in self._ids.items():
            self._tutor.expect(
                now.get(name) == before,
                saw=f"{name} is {'not the one that it was' if name in now else 'gone'}.",
                question="Could it be mended without being made anew? What was in it is lost.",
            )
        self._expect_letters()
        self._expect_strangers()
        left = sorted(self._things() - self._others - self.room.plan["containers"].keys())
        gone = sorted(self._others - self._things())
        self._tutor.expect(
            not left and not gone,
            saw=f"There is {', '.join(left) or 'nothing'} that was not there before, and {', '.join(gone) or 'nothing'} is gone.",
            question="Do you take away what you made for your work, and nothing else?",
        )
        self._tutor.expect(
            self.room["visitor"].files(TLS) == self._trusted,
            saw="The visitor trusts another authority than before.",
            question="Whom visitors trust is not yours to change. Which certificate do they accept as it is?",
        )

    def _expect_there(self) -> None:
        for station in STATIONS:
            found = self.room[station]
            state = found.state
            seen = "paused" if state.get("Paused") else state.get("Status", "not there")
            self._tutor.expect(
                seen == "running",
                saw=f"{found.name} does not run: it is {seen}.",
                question="All six run in a healthy mailroom. What does its state say, and its log?",
            )

    def _expect_cables(self) -> None:
        for name, planned in self.room.plan["cables"].items():
            joined = self.inspect(name)["NetworkSettings"]["Networks"]
            self._tutor.expect(
                sorted(joined) == sorted(planned),
                saw=f"{name} is in {', '.join(sorted(joined)) or 'no network'}; by the plan it is in {', '.join(planned)}.",
                question="Which cables are missing, and which are too many?",
            )

    def _expect_letters(self) -> None:
        with contextlib.suppress(WaitTimeout):  # one that is moved while we look is nowhere
            wait.until(lambda: not self._lost(), what="the letters", timeout=2)
        lost = self._lost()
        self._tutor.expect(
            not lost,
            saw=f"These letters were in the volume before, and are not there now as they were: {', '.join(lost)}.",
            question="Whose are they? What did you remove, and does the volume keep its content when nobody uses it?",
        )

    def _lost(self) -> list[str]:
        now = self.letters()
        return [number for number, text in self._letters.items() if now.get(number) != text]

    def _expect_strangers(self) -> None:
        state = self.inspect(self._ended).get("State", {})
        self._tutor.expect(
            state.get("Status") == "exited",
            saw=f"{self._ended}, which had ended and is not in the plan, {'runs' if state else 'is gone'}.",
            question="Does your function touch only what belongs to the plan?",
        )
        guest = self.inspect(self._guest)
        self._tutor.expect(
            guest.get("State", {}).get("Running")
            and list(guest["NetworkSettings"]["Networks"]) == [self.attic],
            saw=f"{self._guest}, which is not in the plan, is not as it was.",
            question="Does your function touch only what belongs to the plan?",
        )

    def _found(self) -> dict[str, str]:
        """The ids of the mailroom's containers, by name."""
        found = {name: self.inspect(name) for name in self.room.plan["containers"]}
        return {name: one["Id"] for name, one in found.items() if one}

    def _things(self) -> set[str]:
        """All containers, networks and volumes, by name."""
        raw = self._tutor.raw
        containers = raw.get("/containers/json", params={"all": True}).json()
        volumes = raw.get("/volumes").json()["Volumes"] or []
        found = {name[1:] for one in containers for name in one["Names"]}
        found |= {f"network {one['Name']}" for one in raw.get("/networks").json()}
        return found | {f"volume {one['Name']}" for one in volumes}
