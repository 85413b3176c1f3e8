"""Honest ways to solve the exercises of 13-capstone, as in ``right_answers``.

Each way is a class that knows how to look and how to mend: by the SDK, and by the raw client.
"""

# ruff: noqa: D102  # a method is called as its exercise, or as its fault

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import docker

from labkit import archives
from labkit.errors import APIError, NotFound
from labkit.mailroom.station import Station
from labkit.security import refusals
from labkit.security.handshake import handshake

Lab = Any
Plan = dict[str, Any]
Learners = Callable[..., Any]

FOLDERS = ("in", "done", "returned")
PAPERS = {
    "expired": "out of date", "mismatch, certificate": "wrong name",
    "issuer": "unknown authority", "key values": "wrong key",
}  # fmt: skip
STAMP = "run/secrets/stamp"


class BySdk:
    """Everything by docker.from_env(), as the lesson does."""

    def __init__(self, lab: Lab) -> None:
        self.client = lab.docker

    def sh(self, container: str, script: str) -> str:
        said = self.client.containers.get(container).exec_run(["sh", "-c", script])
        return str(said.output.decode())

    def files(self, container: str, path: str) -> dict[str, bytes]:
        pieces, _ = self.client.containers.get(container).get_archive(f"{path}/.")
        found = archives.unpack(b"".join(pieces))
        return {name.removeprefix("./"): content for name, content in found.items()}

    def wrong_cables(self, plan: Plan) -> dict[str, list[list[str]]]:
        rows = self.client.api.containers(all=True)
        has = {row["Names"][0][1:]: row["NetworkSettings"]["Networks"] for row in rows}
        wants = {name: one for name, one in plan["cables"].items() if name in has}
        return {
            "missing": [[who, n] for who, some in wants.items() for n in some if n not in has[who]],
            "extra": [[who, n] for who, some in wants.items() for n in has[who] if n not in some],
        }

    def mend_network(self, plan: Plan) -> Any:
        found = self.wrong_cables(plan)
        for container, network in found["missing"]:
            self.client.networks.get(network).connect(container)
        for container, network in found["extra"]:
            self.client.networks.get(network).disconnect(container)
        return found

    def worker(self, plan: Plan) -> str:
        state = self.client.containers.get(f"{plan['name']}-worker").attrs["State"]
        if state["Paused"]:
            return "paused"
        if state["Running"]:
            return "well"
        return "killed" if state["ExitCode"] == 137 else "choked"

    def mend_worker(self, plan: Plan) -> str:
        worker, way = self.client.containers.get(f"{plan['name']}-worker"), self.worker(plan)
        if way == "paused":
            worker.unpause()
        if way == "choked":
            said = re.search(r"/letters/in/\w+", worker.logs(tail=1).decode())
            assert said
            self.sh(f"{plan['name']}-store", f"mv {said[0]} /letters/returned/")
        if way in {"killed", "choked"}:
            worker.start()
        return way

    def volume(self, plan: Plan) -> str:
        for way, option in {"space": "-k", "files": "-i"}.items():
            if self.sh(f"{plan['name']}-store", f"df {option} /letters").split()[-3] == "0":
                return way
        return "well"

    def mend_volume(self, plan: Plan) -> str:
        way, store = self.volume(plan), f"{plan['name']}-store"
        others = {path.split("/")[0] for path in self.files(store, "/letters")} - {*FOLDERS}
        for one in others:
            self.sh(store, f"rm -r /letters/{one}")
        return way

    def secret(self, plan: Plan) -> str:
        kept = self.files(f"{plan['name']}-clerk", "/run/secrets").get("stamp")
        if kept is None:
            return "missing"
        [hashed] = plan["containers"][f"{plan['name']}-store"]["Env"]
        return "well" if hashlib.sha256(kept).hexdigest() in hashed else "stale"

    def mend_secret(self, plan: Plan, stamp: str) -> str:
        way = self.secret(plan)
        if way != "well":
            tar = archives.pack([archives.File(STAMP, stamp.encode(), 0o400)])
            self.client.containers.get(f"{plan['name']}-clerk").put_archive("/", tar)
        return way

    def greet(self, plan: Plan, folder: str = "/tls") -> str:
        gate = f"{plan['name']}-gate"
        shown = self.files(gate, folder)
        ca = self.files(f"{plan['name']}-visitor", "/tls")["ca.pem"]
        return handshake(cert=shown["cert.pem"], key=shown["key.pem"], ca=ca, host=gate)

    def certificate(self, plan: Plan) -> str:
        said = self.greet(plan)
        return next((way for words, way in PAPERS.items() if words in said), "well")

    def mend_certificate(self, plan: Plan) -> str:
        way, gate = self.certificate(plan), f"{plan['name']}-gate"
        if way != "well":
            [right] = [n for n in range(1, 6) if self.greet(plan, f"/spare/{n}") == "ok"]
            leaf = self.files(gate, f"/spare/{right}")
            cert = archives.File("tls/cert.pem", leaf["cert.pem"])
            key = archives.File("tls/key.pem", leaf["key.pem"], 0o600)
            self.client.containers.get(gate).put_archive("/", archives.pack([cert, key]))
        return way

    def budget(self, plan: Plan) -> bool:
        names = [row["Names"][0][1:] for row in self.client.api.containers(all=True)]
        return f"{plan['name']}-press" not in names

    def mend_budget(self, plan: Plan, account: list[str] | None) -> None:
        name = f"{plan['name']}-press"
        body = plan["containers"][name]
        signed = {"username": account[0], "password": account[1]} if account else None
        self.pull(body["Image"], signed)
        made = self.client.api.create_container_from_config(body, name)
        self.client.api.start(made["Id"])

    def pull(self, image: str, signed: dict[str, str] | None) -> None:
        for pause in (0.5, 1, 2, 4, 4, 4):
            try:
                self.client.images.pull(image, auth_config=signed)
            except docker.errors.APIError:
                time.sleep(pause)
            else:
                return

    def diagnose(self, plan: Plan) -> list[str]:
        cables = self.wrong_cables(plan)
        found = ["network"] if cables["missing"] or cables["extra"] else []
        found += [
            fault
            for fault in ("worker", "volume", "secret", "certificate")
            if getattr(self, fault)(plan) != "well"
        ]
        return found + ["budget"] * self.budget(plan)

    def mend_all(self, plan: Plan, stamp: str, account: list[str]) -> None:
        found = self.diagnose(plan)
        for fault, more in (
            ("network", ()), ("volume", ()), ("worker", ()), ("secret", (stamp,)),
            ("certificate", ()), ("budget", (account,)),
        ):  # fmt: skip
            if fault in found:
                getattr(self, f"mend_{fault}")(plan, *more)


class ByRaw(BySdk):
    """Everything by the raw client, other roads where there are any, and with no look first."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.raw = lab.raw

    def sh(self, container: str, script: str) -> str:
        return Station(self.raw, container).run(script)

    def files(self, container: str, path: str) -> dict[str, bytes]:
        return Station(self.raw, container).files(path)

    def wrong_cables(self, plan: Plan) -> dict[str, list[list[str]]]:
        found: dict[str, list[list[str]]] = {"extra": [], "missing": []}
        for name, wanted in plan["cables"].items():
            with contextlib.suppress(NotFound):
                about = self.raw.get(f"/containers/{name}/json").json()
                joined = about["NetworkSettings"]["Networks"].keys()
                found["missing"] += [[name, one] for one in {*wanted} - joined]
                found["extra"] += [[name, one] for one in joined - {*wanted}]
        return found

    def mend_network(self, plan: Plan) -> Any:
        found = self.wrong_cables(plan)
        for verb, pairs in (("disconnect", found["extra"]), ("connect", found["missing"])):
            for container, network in pairs:
                self.raw.post(f"/networks/{network}/{verb}", json={"Container": container})
        return found

    def mend_worker(self, plan: Plan) -> str:
        """Send back every empty letter, then do what may be needed."""
        way = self.worker(plan)
        empty = "find /letters/in -type f -size 0"
        self.sh(
            f"{plan['name']}-store", f"for one in $({empty}); do mv $one /letters/returned/; done"
        )
        for verb in ("unpause", "start"):
            with contextlib.suppress(APIError):
                self.raw.post(f"/containers/{plan['name']}-worker/{verb}")
        return way

    def mend_volume(self, plan: Plan) -> str:
        """Say what is full by trying."""
        store = f"{plan['name']}-store"
        tried = self.sh(
            store, "cd /letters; touch .try && echo made; echo 1 > .try && echo wrote; rm .try"
        )
        way = "files" if "made" not in tried else "space" if "wrote" not in tried else "well"
        keep = "|".join(FOLDERS)
        self.sh(
            store,
            f"cd /letters; for one in *; do case $one in {keep}) ;; *) rm -r $one;; esac; done",
        )
        return way

    def mend_secret(self, plan: Plan, stamp: str) -> str:
        """Put it there in any case."""
        way = self.secret(plan)
        tar = archives.pack([archives.File("stamp", stamp.encode(), 0o600)])
        path = f"/containers/{plan['name']}-clerk/archive"
        self.raw.put(path, params={"path": "/run/secrets"}, data=tar)
        return way

    def certificate(self, plan: Plan) -> str:
        names = {
            "engine certificate out of date": "out of date",
            "unknown engine": "unknown authority",
        }
        refusal = refusals.explain(self.greet(plan))
        return names.get(refusal.name, refusal.name) if refusal else "well"

    def mend_certificate(self, plan: Plan) -> str:
        """Copy within the gate."""
        way = self.certificate(plan)
        for number in range(1, 6):
            if self.greet(plan, f"/spare/{number}") == "ok":
                self.sh(f"{plan['name']}-gate", f"cp -p /spare/{number}/*.pem /tls/")
        return way

    def pull(self, image: str, signed: dict[str, str] | None) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(docker.errors.APIError):
                said = str(list(self.client.api.pull(image, auth_config=signed, stream=True)))
                if "toomanyrequests" not in said:
                    return
            time.sleep(1)


def asks(name: str) -> dict[str, Callable[[Lab], Learners]]:
    """Both ways to answer one exercise."""
    return {
        "sdk": lambda lab: getattr(BySdk(lab), name),
        "raw": lambda lab: getattr(ByRaw(lab), name),
    }


RIGHT: dict[str, dict[str, Callable[[Lab], Learners]]] = {
    name.replace("_", "-"): asks(name)
    for name in (
        "mend_network", "mend_worker", "mend_volume", "mend_secret", "mend_certificate",
        "mend_budget", "diagnose", "mend_all",
    )
}  # fmt: skip
