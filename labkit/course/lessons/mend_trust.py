"""More exercises of 13-capstone: a secret, a certificate, and a budget of pulls."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from docker.errors import APIError

from labkit.course.exercise import Tutor
from labkit.course.lessons.mend_mailroom import WELL, expect_told, lesson, shuffled
from labkit.course.lessons.ward import Ward
from labkit.events import timestamp
from labkit.mailroom.faults import FAULTS, break_one, spend_budget
from labkit.mailroom.journey import greet
from labkit.mailroom.plan import STAMP, TLS

__all__ = ["account_of", "budgets", "expect_secret_kept", "lesson", "now"]

ACCOUNT, PULLS = "student", 200
_SOON = "8s"
_MOST_TRIES = 40  # within that window; one a second would be 8
_OTHERS = 0o077  # what the file's mode may not give to anybody but its owner


@lesson.exercise(
    "mend-secret",
    points=2,
    hints=(
        "Is the file there, and does it have the right content? The plan knows no more than a hash; you were given the stamp itself.",
        "Put it there as a file: a tar with archives.File('run/secrets/stamp', stamp.encode(), 0o400) to the path /. Nothing of this is kept in an inspect, or told by an event.",
        "Read before you write: files(clerk, '/run/secrets/.').get('./stamp') is None where it is missing. client.containers.get(clerk).put_archive('/', archives.pack([…])).",
    ),
)
def mend_secret(tutor: Tutor) -> None:
    """The function brings the secret into its container, where nobody can read it on the way."""
    words = {
        WELL: "The stamp was right",
        "missing": "There was no stamp",
        "stale": "The stamp was an old one",
    }
    with Ward.admitted(tutor) as ward:
        for way in shuffled([*FAULTS["secret"], WELL]):
            if way != WELL:
                break_one(ward.room, "secret", way)
            since = now(tutor)
            answer = ward.ask(ward.room.stamp)
            expect_told(tutor, answer, way, happened=words[way])
            expect_secret_kept(tutor, ward, since)
            ward.expect_cured()


def now(tutor: Tutor) -> str:
    """The engine's own time."""
    return str(timestamp(tutor.raw.get("/info").json()["SystemTime"]))


def expect_secret_kept(tutor: Tutor, ward: Ward, since: str) -> None:
    """The stamp is a file for its owner alone, and is told nowhere else."""
    clerk, secret = ward.room["clerk"], ward.room.stamp
    kept = clerk.files(STAMP.rpartition("/")[0]).get("stamp", b"").decode(errors="replace")
    content = f"{len(kept)} characters" if kept.strip() != secret else "more in it than the stamp"
    tutor.expect(
        kept == secret,
        saw=f"{STAMP} in the clerk has {content}, and is not the stamp."
        if kept
        else f"There is no {STAMP} in the clerk.",
        question="Is it the stamp that you were given, all of it, and not even the end of a line besides?",
    )
    _expect_mode(tutor, ward, "clerk", STAMP)
    with tutor.raw.events(since=since, until=now(tutor)) as events:
        telling = [event["Action"].partition(":")[0] for event in events if secret in str(event)]
    tutor.expect(
        not telling,
        saw=f"The stamp can be read in the engine's events, in an {', '.join(telling)}.",
        question="Everybody who may read events knows it now. How else does a file get into a container than by a command that has it in it?",
    )
    rows = tutor.raw.get("/containers/json", params={"all": True}).json()
    for row in rows:
        found = tutor.raw.get(f"/containers/{row['Id']}/json").json()
        tutor.expect(
            secret not in json.dumps(found),
            saw=f"The stamp can be read in the inspect of {row['Names'][0][1:]}.",
            question="Who may read an inspect? What is in it of a container's environment, labels and command?",
        )


def _expect_mode(tutor: Tutor, ward: Ward, station: str, path: str) -> None:
    """Only its owner may read a file."""
    found = ward.room[station]
    mode = found.run(f"stat -c %a {path}").strip() if found.state.get("Running") else "0"
    tutor.expect(
        mode.isdigit() and not int(mode, 8) & _OTHERS,
        saw=f"{path} has the mode {mode:.20}.",
        question="Who but its owner may read it so? archives.File takes a mode.",
    )


@lesson.exercise(
    "mend-certificate",
    points=2,
    hints=(
        "handshake says what is wrong with what the gate shows now, and would say the same of each of the five trays. Try them all.",
        "shown = files(gate, '/tls/.'), ca = files(visitor, '/tls/.')['./ca.pem']; then handshake(cert=shown['./cert.pem'], key=shown['./key.pem'], ca=ca, host=gate). The trays are in files(gate, '/spare/.'), './1/cert.pem' and so on.",
        "for number in range(1, 6): the tray whose handshake says 'ok' is the one. Put both files: archives.pack([archives.File('tls/cert.pem', cert), archives.File('tls/key.pem', key, 0o600)]) to '/'. For the word: look for 'expired', 'mismatch, certificate', 'issuer' and 'key values' in what the handshake said.",
    ),
)
def mend_certificate(tutor: Tutor) -> None:
    """The function gives the gate the one certificate that its visitors accept."""
    with Ward.admitted(tutor) as ward:
        gate, visitor = ward.room["gate"], ward.room["visitor"]
        for way in shuffled([*FAULTS["certificate"], WELL]):
            if way != WELL:
                break_one(ward.room, "certificate", way)
            said = greet(gate, visitor)
            answer = ward.ask()
            expect_told(tutor, answer, way, happened=f"The visitor said: {said}")
            said = greet(gate, visitor)
            tutor.expect(
                said == "ok",
                saw=f"The visitor still refuses the gate's certificate: {said.rstrip('.')}.",
                question="Which of the trays has a certificate for this host, valid now, by the authority in the visitor's ca.pem, and with its own key? Is it cert.pem in the gate's /tls now?",
            )
            _expect_mode(tutor, ward, "gate", f"{TLS}/key.pem")
            ward.expect_cured()


@lesson.exercise(
    "mend-budget",
    points=2,
    hints=(
        "Pull the image, then make the container as the plan has it, and start it. With an account the pull is somebody else's budget; without one there is nothing but to wait and come again.",
        "client.images.pull(image, auth_config={'username': …, 'password': …}). Without an account: a loop that catches docker.errors.APIError, sleeps a second, then two, then four at most, and tries again.",
        "body = plan['containers'][name]; the image is body['Image']. lab.raw.post('/containers/create', params={'name': name}, json=body), and lab.raw.post(f'/containers/{name}/start').",
    ),
)
def mend_budget(tutor: Tutor) -> None:
    """The function gets the press's image in spite of a spent budget, and the press runs."""
    with budgets(tutor), Ward.admitted(tutor) as ward:
        name = f"{ward.room.name}-press"
        for signs_in in shuffled(["", "yes"]):
            image = spend_budget(ward.room, tutor.hub, window="6h" if signs_in else _SOON)
            before = tutor.hub.refusals
            ward.ask(account_of(tutor) if signs_in else None)
            _expect_image(tutor, image)
            tries = tutor.hub.refusals - before
            tutor.expect(
                tries <= _MOST_TRIES,
                saw=f"The hub refused {tries} requests before one got through.",
                question="How long does your function wait between two tries? A registry that is busy has better things to do.",
            )
            _expect_as_planned(tutor, ward, name)
            ward.expect_cured()


def account_of(tutor: Tutor) -> list[str]:
    """Name and password of who may sign in at the hub."""
    return [ACCOUNT, tutor.hub.accounts[ACCOUNT].password]


@contextlib.contextmanager
def budgets(tutor: Tutor) -> Iterator[None]:
    """Give the hub an account to sign in with; afterwards it has its own budgets, all new."""
    before = tutor.hub.settings
    tutor.hub.change(accounts={ACCOUNT: PULLS})
    try:
        yield
    finally:
        tutor.hub.change(limit=before.limit, window=before.window, accounts=before.accounts)
        for image in tutor.docker.api.images():
            for tag in image["RepoTags"] or ():
                if "/press-" in tag:
                    with contextlib.suppress(APIError):
                        tutor.docker.api.remove_image(tag, force=True)


def _expect_image(tutor: Tutor, image: str) -> None:
    tags = {tag for one in tutor.docker.api.images() for tag in one["RepoTags"] or ()}
    tutor.expect(
        image in tags,
        saw=f"{image} is not on the engine.",
        question="What does the engine say to a pull now? With an account, did you sign in with the pull; without one, did you come again until the window was over?",
    )


def _expect_as_planned(tutor: Tutor, ward: Ward, name: str) -> None:
    """The press was made with all that the plan says of it."""
    planned = ward.room.plan["containers"][name]
    about = ward.inspect(name)
    tutor.expect(about, saw=f"There is no {name}.", question="By which name is it made?")
    found = about["Config"]
    found["Labels"] = {
        key: found["Labels"].get(key) for key in planned["Labels"]
    }  # the image has some, too
    for key in ("Image", "Cmd", "StopSignal", "Labels"):
        tutor.expect(
            found.get(key) == planned[key],
            saw=f"{name} has the {key} {str(found.get(key))[:200]}, by the plan {str(planned[key])[:200]}.",
            question="Is the whole body in the plan sent to /containers/create?",
        )
