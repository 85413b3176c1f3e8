"""Wrong answers to the exercises of 13-capstone, as honest beginners give them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import docker

from labkit import archives
from labkit.security.certificates import Authority

Lab = Any
Plan = dict[str, Any]
Learners = Callable[..., Any]
Made = Callable[[Lab], Learners]

STATIONS = ("visitor", "gate", "clerk", "store", "worker", "press")


def again(lab: Lab, plan: Plan, *stations: str) -> None:
    """Throw containers away and make them from the plan."""
    for station in stations:
        name = f"{plan['name']}-{station}"
        with contextlib.suppress(docker.errors.APIError):
            lab.docker.api.remove_container(name, force=True)
        lab.docker.api.create_container_from_config(plan["containers"][name], name)
        for network in plan["cables"][name][1:]:
            lab.docker.networks.get(network).connect(name)
        lab.docker.api.start(name)


def only(right: Any, verb: str) -> Made:
    """Plug in what is missing and pull nothing out, or the other way round."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            found = doctor.wrong_cables(plan)
            for container, network in found["missing" if verb == "connect" else "extra"]:
                getattr(lab.docker.networks.get(network), verb)(container)
            return found

        return mend

    return made


def told_afterwards(right: Any) -> Made:
    """Look only when all is mended."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            doctor.mend_network(plan)
            return doctor.wrong_cables(plan)

        return mend

    return made


def strangers_too(right: Any) -> Made:
    """Pull out every cable to a network that the plan does not have, whoever's it is."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            found = doctor.mend_network(plan)
            for one in lab.docker.containers.list():
                for network in one.attrs["NetworkSettings"]["Networks"]:
                    if network not in plan["networks"]:
                        lab.docker.networks.get(network).disconnect(one)
            return found

        return mend

    return made


def made_anew(right: Any) -> Made:
    """Make what has a wrong cable anew."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            found = doctor.wrong_cables(plan)
            names = {pair[0] for pairs in found.values() for pair in pairs}
            again(lab, plan, *(name.rpartition("-")[2] for name in names))
            return found

        return mend

    return made


def worker_by(right: Any, cure: Callable[[Lab, Plan], object]) -> Made:
    """Tell rightly what is wrong, and do something about it."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            way = doctor.worker(plan)
            if way != "well":
                cure(lab, plan)
            return way

        return mend

    return made


def start(lab: Lab, plan: Plan) -> None:
    """Start it."""
    lab.docker.containers.get(f"{plan['name']}-worker").start()


def restart(lab: Lab, plan: Plan) -> None:
    """Switch it off and on again."""
    lab.docker.containers.get(f"{plan['name']}-worker").restart()


def start_all(lab: Lab, plan: Plan) -> None:
    """Start whatever does not run."""
    store = lab.docker.containers.get(f"{plan['name']}-store")
    store.exec_run(["sh", "-c", "cd /letters; for one in in/00*; do mv $one returned/; done"])
    for one in lab.docker.containers.list(all=True):
        if one.status == "paused":
            one.unpause()
        elif one.status == "exited":
            one.start()


def drop_letter(lab: Lab, plan: Plan) -> None:
    """Throw the letter away that is in the way."""
    store = lab.docker.containers.get(f"{plan['name']}-store")
    store.exec_run(["sh", "-c", "find /letters/in -size 0 -type f -exec rm {} +"])
    worker = lab.docker.containers.get(f"{plan['name']}-worker")
    worker.unpause() if worker.status == "paused" else worker.start()


def status_word(right: Any) -> Made:
    """Tell the engine's word for the state."""

    def made(lab: Lab) -> Learners:
        def mend(plan: Plan) -> Any:
            status = lab.docker.containers.get(f"{plan['name']}-worker").status
            right.BySdk(lab).mend_worker(plan)
            return status

        return mend

    return made


def volume_by(right: Any, script: str) -> Made:
    """Tell rightly what is used up, and run this in the store."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            way = doctor.volume(plan)
            if way != "well":
                doctor.sh(f"{plan['name']}-store", script)
            return way

        return mend

    return made


def bytes_alone(right: Any) -> Made:
    """Know one kind of full."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            return "space" if doctor.mend_volume(plan) == "space" else "well"

        return mend

    return made


def new_volume(right: Any) -> Made:
    """Make the volume anew, and the two that share it."""

    def made(lab: Lab) -> Learners:
        def mend(plan: Plan) -> Any:
            way = right.BySdk(lab).volume(plan)
            [(volume, body)] = plan["volumes"].items()
            for station in ("store", "worker"):
                lab.docker.api.remove_container(f"{plan['name']}-{station}", force=True)
            lab.docker.api.remove_volume(volume)
            lab.raw.post("/volumes/create", json={"Name": volume, **body})
            again(lab, plan, "store", "worker")
            return way

        return mend

    return made


def stamp_by(right: Any, put: Callable[[Lab, str, str], object]) -> Made:
    """Tell rightly what is wrong, and bring the stamp in somehow."""

    def made(lab: Lab) -> Learners:
        def mend(plan: Plan, stamp: str) -> Any:
            way = right.BySdk(lab).secret(plan)
            if way != "well":
                put(lab, f"{plan['name']}-clerk", stamp)
            return way

        return mend

    return made


def by_echo(lab: Lab, clerk: str, stamp: str) -> None:
    """Have a shell write it."""
    script = f"printf %s {stamp} > /run/secrets/stamp; chmod 400 /run/secrets/stamp"
    lab.docker.containers.get(clerk).exec_run(["sh", "-c", script])


def by_archive(*, mode: int = 0o400, end: str = "", name: str = "stamp") -> Any:
    """Put a file."""

    def put(lab: Lab, clerk: str, stamp: str) -> None:
        file = archives.File(f"run/secrets/{name}", f"{stamp}{end}".encode(), mode)
        lab.docker.containers.get(clerk).put_archive("/", archives.pack([file]))

    return put


def only_if_missing(right: Any) -> Made:
    """Not look into it."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan, stamp: str) -> Any:
            way = doctor.secret(plan)
            if way == "missing":
                doctor.mend_secret(plan, stamp)
            return way

        return mend

    return made


def as_a_variable(lab: Lab, clerk: str, stamp: str) -> None:
    """Give it to a new container as a variable and as a file."""
    old = lab.docker.containers.get(clerk)
    networks = list(old.attrs["NetworkSettings"]["Networks"])
    command, labels = old.attrs["Config"]["Cmd"], old.attrs["Config"]["Labels"]
    env = [*old.attrs["Config"]["Env"], f"STAMP={stamp}"]
    old.remove(force=True)
    made = lab.docker.containers.create(
        "busybox", command, name=clerk, environment=env, labels=labels, network=networks[0]
    )
    for network in networks[1:]:
        lab.docker.networks.get(network).connect(made)
    by_archive()(lab, clerk, stamp)
    made.start()


def papers_by(
    right: Any, choose: Callable[[Any, Plan], str], *files: str, mode: int = 0o600
) -> Made:
    """Tell rightly what is wrong, and take another tray."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan) -> Any:
            way, gate = doctor.certificate(plan), f"{plan['name']}-gate"
            if way != "well":
                leaf = doctor.files(gate, choose(doctor, plan))
                tar = [archives.File(f"tls/{name}", leaf[name], mode) for name in files]
                lab.docker.containers.get(gate).put_archive("/", archives.pack(tar))
            return way

        return mend

    return made


def right_tray(doctor: Any, plan: Plan) -> str:
    """The one that is accepted."""
    return next(f"/spare/{n}" for n in range(1, 6) if doctor.greet(plan, f"/spare/{n}") == "ok")


def tray_for_another_host(doctor: Any, plan: Plan) -> str:
    """The one that is valid, of this authority, and for another name."""
    return next(
        f"/spare/{n}" for n in range(1, 6) if "mismatch, cert" in doctor.greet(plan, f"/spare/{n}")
    )


def own_authority(right: Any) -> Made:
    """Issue one, and have the visitor trust it."""

    def made(lab: Lab) -> Learners:
        def mend(plan: Plan) -> Any:
            way, name = right.BySdk(lab).certificate(plan), plan["name"]
            if way != "well":
                authority = Authority()
                leaf = authority.server(f"{name}-gate")
                for station, files in {
                    "gate": {"cert.pem": leaf.cert, "key.pem": leaf.key},
                    "visitor": {"ca.pem": authority.pem},
                }.items():
                    tar = [archives.File(f"tls/{one}", pem, 0o600) for one, pem in files.items()]
                    lab.docker.containers.get(f"{name}-{station}").put_archive(
                        "/", archives.pack(tar)
                    )
            return way

        return mend

    return made


def press_by(
    right: Any,
    *,
    signs_in: bool = True,
    waits: bool = True,
    make: Callable[..., object] | None = None,
) -> Made:
    """Get the image, or not quite, and make the press of it."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan, account: Any) -> None:
            name = f"{plan['name']}-press"
            image = plan["containers"][name]["Image"]
            known = {"username": account[0], "password": account[1]} if account else None
            if waits:
                doctor.pull(image, known if signs_in else None)
            else:
                lab.docker.images.pull(image, auth_config=known)
            (make or run_as_planned)(lab, plan, name)

        return mend

    return made


def run_as_planned(lab: Lab, plan: Plan, name: str) -> None:
    """Make and start it."""
    again(lab, plan, name.rpartition("-")[2])


def created(lab: Lab, plan: Plan, name: str) -> None:
    """Make it, and forget to start it."""
    lab.docker.api.create_container_from_config(plan["containers"][name], name)


def on_the_bridge(lab: Lab, plan: Plan, name: str) -> None:
    """Name no network."""
    body = plan["containers"][name]
    lab.docker.containers.run(body["Image"], body["Cmd"], name=name, detach=True)


def sleeping(lab: Lab, plan: Plan, name: str) -> None:
    """Run something else."""
    body = plan["containers"][name]
    network = plan["cables"][name][0]
    lab.docker.containers.run(
        body["Image"], ["sleep", "600"], name=name, network=network, detach=True
    )


def other_image(lab: Lab) -> Learners:
    """Take an image that is there already."""

    def mend(plan: Plan, account: Any) -> None:
        del account
        name = f"{plan['name']}-press"
        lab.docker.api.create_container_from_config(
            {**plan["containers"][name], "Image": "busybox"}, name
        )
        lab.docker.api.start(name)

    return mend


def hammering(right: Any) -> Made:
    """Try again at once."""

    def made(lab: Lab) -> Learners:
        def mend(plan: Plan, account: Any) -> None:
            name = f"{plan['name']}-press"
            known = {"username": account[0], "password": account[1]} if account else None
            for _ in range(3000):
                with contextlib.suppress(docker.errors.APIError):
                    lab.docker.images.pull(plan["containers"][name]["Image"], auth_config=known)
                    break
            run_as_planned(lab, plan, name)

        return mend

    del right
    return made


def diagnosed(right: Any, change: Callable[[list[str]], Any]) -> Made:
    """Change what a right diagnosis says."""
    return lambda lab: lambda plan: change(right.BySdk(lab).diagnose(plan))


def mends_meanwhile(right: Any) -> Made:
    """Call what mends, for it tells what was wrong."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def diagnose(plan: Plan) -> Any:
            found = doctor.diagnose(plan)
            for fault in ("network", "worker", "volume", "certificate"):
                getattr(doctor, f"mend_{fault}")(plan)
            return found

        return diagnose

    return made


def states_alone(lab: Lab) -> Learners:
    """Look at the list of containers, and no further."""

    def diagnose(plan: Plan) -> Any:
        states = {one.name: one.status for one in lab.docker.containers.list(all=True)}
        found = [] if states[f"{plan['name']}-worker"] == "running" else ["worker"]
        return found + ([] if f"{plan['name']}-press" in states else ["budget"])

    return diagnose


def mends(right: Any, *faults: str) -> Made:
    """Know how to mend these alone."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan, stamp: str, account: Any) -> None:
            found = doctor.diagnose(plan)
            more = {"secret": [stamp], "budget": [account]}
            for fault in faults:
                if fault in found:
                    getattr(doctor, f"mend_{fault}")(plan, *more.get(fault, []))

        return mend

    return made


def all_anew(lab: Lab) -> Learners:
    """Throw the whole mailroom away, and make it from the plan."""

    def mend(plan: Plan, stamp: str, account: Any) -> None:
        del account
        again(lab, plan, *STATIONS[:5])
        by_archive()(lab, f"{plan['name']}-clerk", stamp)

    return mend


def all_restarted(lab: Lab) -> Learners:
    """Switch everything off and on again."""

    def mend(plan: Plan, stamp: str, account: Any) -> None:
        del stamp, account
        for one in lab.docker.containers.list(all=True):
            if one.name in plan["containers"]:
                one.restart()

    return mend


def first_alone(right: Any) -> Made:
    """Mend one, and be done."""

    def made(lab: Lab) -> Learners:
        doctor = right.BySdk(lab)

        def mend(plan: Plan, stamp: str, account: Any) -> None:
            more = {"secret": [stamp], "budget": [account]}
            for fault in doctor.diagnose(plan)[:1]:
                getattr(doctor, f"mend_{fault}")(plan, *more.get(fault, []))

        return mend

    return made


def wrong(right: ModuleType) -> dict[str, dict[str, Made]]:
    """The wrong answers; most are right ones with one thing wrong."""
    both = ("cert.pem", "key.pem")
    every = ("network", "volume", "worker", "secret", "certificate", "budget")
    return {
        "mend-network": {
            "connects alone": only(right, "connect"),
            "disconnects alone": only(right, "disconnect"),
            "told afterwards": told_afterwards(right),
            "strangers too": strangers_too(right),
            "made anew": made_anew(right),
        },
        "mend-worker": {
            "start": worker_by(right, start),
            "restart": worker_by(right, restart),
            "start all": worker_by(right, start_all),
            "letter dropped": worker_by(right, drop_letter),
            "made anew": worker_by(right, lambda lab, plan: again(lab, plan, "worker")),
            "the engine's word": status_word(right),
        },
        "mend-volume": {
            "all of it": volume_by(right, "rm -r /letters/*"),
            "one file": volume_by(right, "rm /letters/core"),
            "printed letters": volume_by(right, "rm /letters/done/*; rm -r /letters/c*"),
            "bytes alone": bytes_alone(right),
            "a new volume": new_volume(right),
        },
        "mend-secret": {
            "echo": stamp_by(right, by_echo),
            "for everybody": stamp_by(right, by_archive(mode=0o644)),
            "end of line": stamp_by(right, by_archive(end="\n")),
            "elsewhere": stamp_by(right, by_archive(name="stamp.txt")),
            "only if missing": only_if_missing(right),
            "a variable": stamp_by(right, as_a_variable),
        },
        "mend-certificate": {
            "another host's": papers_by(right, tray_for_another_host, *both),
            "without its key": papers_by(right, right_tray, "cert.pem"),
            "a key for everybody": papers_by(right, right_tray, *both, mode=0o644),
            "an authority of one's own": own_authority(right),
        },
        "mend-budget": {
            "pulls once": press_by(right, waits=False),
            "never signs in": press_by(right, signs_in=False),
            "hammering": hammering(right),
            "another image": other_image,
            "not started": press_by(right, make=created),
            "on the bridge": press_by(right, make=on_the_bridge),
            "asleep": press_by(right, make=sleeping),
        },
        "diagnose": {
            "mends meanwhile": mends_meanwhile(right),
            "everything": lambda _: lambda _: list(every),
            "nothing": lambda _: lambda _: [],
            "states alone": states_alone,
            "a sentence": diagnosed(right, ", ".join),
            "no certificates": diagnosed(right, lambda found: sorted({*found} - {"certificate"})),
        },
        "mend-all": {
            "no volume": mends(right, *(one for one in every if one != "volume")),
            "no budget": mends(right, *(one for one in every if one != "budget")),
            "all anew": all_anew,
            "all restarted": all_restarted,
            "the first one": first_alone(right),
        },
    }  # fmt: skip
