"""What belongs to a mailroom: networks, a volume and six containers, as the API's request bodies.

::

    visitor ──▶ gate ──▶ clerk ──▶ store ──▶ worker ──▶ press
    └────────── front ─────────┘                             front and back are networks;
                         └───────────── back ─────────────┘  store and worker share a volume

A letter is a line of text with a number. The clerk stamps it, the store keeps it in the volume, the
worker takes it from there to the press, which prints it into its log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

__all__ = ["FOLDERS", "IMAGE", "PORT", "SPARE", "STAMP", "STATIONS", "TLS", "plan"]

STATIONS = ("visitor", "gate", "clerk", "store", "worker", "press")
"""The six, in the order in which a letter passes them."""

FOLDERS = ("in", "done", "returned")
"""Where letters are in the volume: those that wait, those that are printed, those sent back."""

IMAGE = "busybox"
PORT = 25
STAMP = "/run/secrets/stamp"
TLS = "/tls"
SPARE = "/spare"

JSON = dict[str, Any]

_CABLES = {
    "visitor": ["front"], "gate": ["front"], "clerk": ["front", "back"],
    "store": ["back"], "worker": ["back"], "press": ["back"],
}  # fmt: skip

# A station listens, reads one line, says what it does with it, and hands it to the next one, whose
# words it passes back.
_LISTEN = ["nc", "-ll", "-p", str(PORT), "-e", "sh", "-c"]
_SAY = 'say() { echo "$1" | tee /dev/stderr; }'
_NEXT = 'timeout 4 nc -w 2 "$NEXT" 25 2> /dev/null || say "I do not reach $NEXT"'
_GATE = f"""{_SAY}
read -r letter
echo "I took it"
echo "$letter" | {_NEXT}
"""
_CLERK = f"""{_SAY}
read -r letter
stamp=$(cat {STAMP} 2> /dev/null) || {{ say "I can't stamp it: there is no {STAMP}"; exit; }}
echo "I stamped it"
echo "$stamp $letter" | {_NEXT}
"""
_STORE = f"""{_SAY}"""
_STORE += """
read -r stamp number text
seen=$(printf %s "$stamp" | sha256sum | cut -c -64)
[ "$seen" = "$STAMP_SHA256" ] || { say "I refuse it: the stamp is not valid"; exit; }
mkdir -p /letters/in 2> /dev/null
new=/letters/.$number
if said=$({ echo "$text" > "$new"; } 2>&1)
then mv "$new" "/letters/in/$number" && echo "I keep it"
else rm -f "$new"; say "I can't keep it: ${said##*: }"
fi
"""
_WORKER = """
cd /letters && mkdir -p in done returned
while true; do
    for letter in in/*; do
        [ -e "$letter" ] || continue
        [ -s "$letter" ] || { echo "There is nothing in /letters/$letter. I give up"; exit 3; }
        echo "I took ${letter#in/}"
        text="${letter#in/} $(cat "$letter")"
        if echo "$text" | timeout 4 nc -w 2 "$NEXT" 25 2> /dev/null | grep -q printed
        then mv "$letter" done/
        else echo "I do not reach $NEXT"; sleep 1
        fi
    done
    sleep 0.3
done
"""
_PRESS = 'read -r letter; echo "$letter" >&2; echo printed'


def plan(name: str, *, stamp: str, labels: Mapping[str, str] | None = None) -> JSON:
    """Plan a mailroom: what to ask of the Engine API to have it, and nothing secret.

    ``networks``, ``volumes`` and ``containers`` are request bodies by name; ``cables`` are the
    networks that each container is in, the first of them from its beginning.

    :param name: what all names begin with: ``mail`` has ``mail-gate``, ``mail-front`` and so on.
    :param stamp: the secret; the plan has its SHA-256 alone.
    :param labels: labels for everything in it.
    """
    marks = {"mailroom": name, **(labels or {})}
    volume = f"{name}-letters"
    stations = {
        "visitor": _body(["sleep", "86400"]),
        "gate": _body([*_LISTEN, _GATE], NEXT=f"{name}-clerk"),
        "clerk": _body([*_LISTEN, _CLERK], NEXT=f"{name}-store"),
        "store": _body([*_LISTEN, _STORE], STAMP_SHA256=hashlib.sha256(stamp.encode()).hexdigest()),
        "worker": _body(["sh", "-c", _WORKER], NEXT=f"{name}-press"),
        "press": _body([*_LISTEN, _PRESS]),
    }
    for station, body in stations.items():
        shared = [f"{volume}:/letters"] if station in {"store", "worker"} else []
        first = f"{name}-{_CABLES[station][0]}"
        body |= {"Labels": marks, "HostConfig": {"NetworkMode": first, "Binds": shared}}
    return {
        "name": name,
        "networks": {
            f"{name}-front": {"Labels": marks, "CheckDuplicate": True},
            f"{name}-back": {"Labels": marks, "CheckDuplicate": True, "Internal": True},
        },
        "volumes": {volume: _small_volume(marks)},
        "containers": {f"{name}-{station}": body for station, body in stations.items()},
        "cables": {
            f"{name}-{station}": [f"{name}-{tier}" for tier in tiers]
            for station, tiers in _CABLES.items()
        },
    }


def _small_volume(labels: JSON) -> JSON:
    """A volume in memory, with room for so many bytes and so many files."""
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=256k,nr_inodes=64"}
    return {"Driver": "local", "DriverOpts": options, "Labels": labels}


def _body(command: list[str], **environment: str) -> JSON:
    """A container that ends at once when it is told to."""
    return {
        "Image": IMAGE, "Cmd": command, "StopSignal": "KILL",
        "Env": [f"{key}={value}" for key, value in environment.items()],
    }  # fmt: skip
