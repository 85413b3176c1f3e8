"""``labkit hub``: start a hub, read a registry's limit, keep a log of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from labkit.engine import drivers
from labkit.engine.engine import Engine
from labkit.engine.found import Companion
from labkit.errors import BadForm, EngineError
from labkit.hub import watch as watching
from labkit.hub.hub import NAME, Hub, engine
from labkit.hub.limits import DOCKER_HUB, Registry
from labkit.hub.watch import Sample

cli = typer.Typer(no_args_is_help=True, help="A registry with Docker Hub's limits, and its limit.")
screen = Console(highlight=False, soft_wrap=True)

RealHub = Annotated[bool, typer.Option("--docker-hub", help="Ask the real Docker Hub.")]
Url = Annotated[str, typer.Option(help="Ask this registry, such as https://registry.example.")]
AsJSON = Annotated[bool, typer.Option("--json", help="For machines.")]
_WIDTH = 30


@cli.command()
def up(
    *,
    limit: Annotated[int, typer.Option(min=0, help="Pulls in a window; 0 is no limit.")] = 100,
    window: Annotated[str, typer.Option(help="How long it is: 60s, 10m, 6h.")] = "6h",
    account: Annotated[
        list[str] | None, typer.Option(help="NAME=PULLS: who can sign in; 0 is no limit.")
    ] = None,
) -> None:
    """Start a lab hub that stays until labkit down."""
    accounts = dict(map(_account, account or []))
    hub = Hub.start(limit=limit or None, window=window, accounts=accounts, keep=True)
    screen.print(f"The lab hub answers at {hub.url} on this machine; engines call it {NAME}.")
    screen.print("labkit up --hub starts an engine that pulls from it.")
    for one in hub.accounts.values():
        if one.name in accounts:
            screen.print(f"Account {escape(one.name)}, password {one.password}")


@cli.command()
def limits(*, docker_hub: RealHub = False, url: Url = "", as_json: AsJSON = False) -> None:
    """Print limit, remaining, window and source; it costs no pull."""
    registry = _registry(url, docker_hub=docker_hub)
    sample = Sample.of(registry.limit(), moment=watching.SystemClock().now())
    if as_json:
        print(json.dumps(asdict(sample)))  # noqa: T201 - a command line
        return
    screen.print(f"{registry.url}: {_told(sample)}")


@cli.command()
def watch(  # the options of a command line
    log: Annotated[Path, typer.Argument(help="Where to: a .csv, or a .db for SQLite.")],
    *,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two samples.")] = 60,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    textfile: Annotated[
        Path | None, typer.Option(help="Also for Prometheus: a .prom of node_exporter.")
    ] = None,
    docker_hub: RealHub = False,
    url: Url = "",
) -> None:
    """Keep a log of the limit until Ctrl-C; labkit hub draw makes a picture of it."""
    registry = _registry(url, docker_hub=docker_hub)
    clock = watching.SystemClock()
    for sample in watching.samples(registry.limit, every=every, count=count, clock=clock):
        watching.append(log, sample)
        if textfile:
            watching.write_metrics(textfile, sample)
        screen.print(f"{sample.time}  {_bar(sample)}  {_told(sample)}")


@cli.command()
def draw(
    log: Annotated[Path, typer.Argument(help="What labkit hub watch wrote.")],
    picture: Annotated[Path, typer.Argument(help="A .png or .svg.")],
) -> None:
    """Draw a log of the limit."""
    watching.draw(log, picture)
    screen.print(f"Drawn: {escape(str(picture))}")


def _registry(url: str, *, docker_hub: bool) -> Registry:
    if url or docker_hub:
        return Registry(url.rstrip("/") or DOCKER_HUB)
    return Registry(f"http://127.0.0.1:{running().port}")


def start_engine(**options: Any) -> Engine:
    """Start an engine that pulls from the running lab hub, plain names too.

    :param options: those of :meth:`Engine.start`.
    :raises EngineError: no hub runs.
    """
    return engine(running().address, mirror=True, **options)


def running() -> Companion:
    """The lab hub that runs; of several one that stays before a lesson's own, then the newest.

    :raises EngineError: none does.
    """
    hubs = [one for one in drivers.companions() if one.kind == Hub.kind and one.port]
    if not hubs:
        raise EngineError("No lab hub runs.", hint="labkit hub up starts one; or --docker-hub.")
    return max(hubs, key=lambda one: (one.keep, one.created))


def _account(text: str) -> tuple[str, int | None]:
    name, _, pulls = text.partition("=")
    if not (name.isalnum() and pulls.isdecimal()):
        raise BadForm(f"--account {text!r} can't be read.", field="account", hint="student=200")
    return name, int(pulls) or None


def _told(sample: Sample) -> str:
    if sample.error:
        return f"[red]{escape(sample.error)}[/]"
    if sample.limit is None:
        return "no limit (no ratelimit-limit header)"
    left = "?" if sample.remaining is None else sample.remaining
    source = f", counted for {escape(sample.source)}" if sample.source else ""
    return f"{left} of {sample.limit} pulls left in {sample.window or '?'} s{source}"


def _bar(sample: Sample) -> str:
    full = round(_WIDTH * (sample.remaining or 0) / sample.limit) if sample.limit else 0
    return f"[green]{'█' * full}[/]{'░' * (_WIDTH - full)}"
