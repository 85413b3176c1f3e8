"""``labkit``: the lab on the command line."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import humanize
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labkit import doctor as medicine
from labkit import jupyter
from labkit.course import command as course_command
from labkit.course import kernel
from labkit.engine import drivers, fleet, image, private
from labkit.engine.engine import Engine
from labkit.engine.found import Companion, Found
from labkit.errors import EngineError, LabError
from labkit.grading import command as grading_command
from labkit.hub import command as hub_command

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Real Docker Engines to learn on, started in a second and thrown away after use.",
)
cli.add_typer(hub_command.cli, name="hub")
cli.command()(course_command.release)
cli.command()(course_command.progress)
cli.command()(grading_command.grade)
screen = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

AsJSON = Annotated[bool, typer.Option("--json", help="For machines.")]
Name = Annotated[str, typer.Option(help="The engine's name.")]
Version = Annotated[str, typer.Option(help=f"The Docker version: {', '.join(image.OFFERED)}.")]


def app() -> None:
    """Run the command line; an error of ours is a message and exit code 1, not a traceback."""
    try:
        cli()
    except LabError as error:
        errors.print(f"[red]{escape(error.message)}[/]")
        if error.hint:
            errors.print(f"What to do: {escape(error.hint)}")
        sys.exit(1)
    except OSError as error:
        errors.print(f"[red]{escape(str(error))}[/]")
        errors.print("What to do: labkit doctor checks disk and rights.")
        sys.exit(1)


def progress(message: str) -> None:
    """Say on stderr what takes long."""
    errors.print(f"… {escape(message)}")


@cli.command()
def up(
    name: Name = "lab",
    version: Version = image.DEFAULT,
    *,
    tcp: Annotated[bool, typer.Option(help="Also listen on TCP with mutual TLS.")] = False,
    hub: Annotated[bool, typer.Option("--hub", help="Pull from the running lab hub.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Start an engine that stays until `labkit down`."""
    running = {found.name: found for _, found in drivers.engines()}
    if name in running and (running[name].spec.version, running[name].spec.tcp) != (version, tcp):
        raise EngineError(
            f"The engine {name} runs already, with Docker {running[name].spec.version}"
            f"{' and TLS' if running[name].spec.tcp else ''}.",
            hint=f"labkit down {name} first, or choose another --name.",
        )
    start = hub_command.start_engine if hub else Engine.start
    engine = (
        Engine.attach(name)
        if name in running
        else start(name=name, version=version, tcp=tcp, keep=True, say=progress)
    )
    described = {"name": engine.name, "version": engine.version, "socket": str(engine.socket)}
    if tcp:
        described["tcp"] = engine.tls.url
    if as_json:
        print(json.dumps(described))
        return
    screen.print(f"{engine.name}: Docker {engine.version} at {escape(described['socket'])}")
    screen.print('Point your terminal at it: eval "$(labkit env)"')


@cli.command()
def down(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all without.")] = None,
    *,
    images: Annotated[bool, typer.Option(help="Remove the engine images, too.")] = False,
    as_json: AsJSON = False,
) -> None:
    """End engines, and all that they left; without names also the private Docker."""
    for name in names or []:
        Engine.attach(name).stop()
    gone, private_too = list(names or []), False
    if not names:
        gone, private_too = _everything_down(images=images)
    if as_json:
        print(json.dumps({"removed": gone, "private_docker_stopped": private_too}))
        return
    screen.print(f"Removed: {escape(', '.join(gone)) or 'no engine was there'}.")
    if private_too:
        kept = "" if images else " Its images stay for the next start; --images removes them."
        screen.print(f"The private Docker is stopped.{kept}")


def _everything_down(*, images: bool) -> tuple[list[str], bool]:
    gone = drivers.down(images=images)
    stopped = private.stop()
    if images:
        private.purge()
    return gone, stopped


@cli.command()
def status(*, as_json: AsJSON = False) -> None:
    """Show the engines that run, and where."""
    rows = [_describe(found) for _, found in drivers.engines()]
    rows += [_describe_companion(found) for found in drivers.companions()]
    if as_json:
        print(json.dumps(rows))
        return
    _print_table(
        "No engine runs. labkit up starts one.",
        rows,
        {"name": str, "version": str, "socket": str, "started": _age, "owner": str},
    )


def _describe_companion(found: Companion) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.kind,
        "socket": f"http://127.0.0.1:{found.port}" if found.port else "",
        "started": found.created,
        "owner": _whose(found.owner, keep=found.keep, orphan=found.orphan),
        "tcp": True,
    }


def _whose(owner: str, *, keep: bool, orphan: bool) -> str:
    if orphan:
        return "nobody any more"
    return "kept until labkit down" if keep else f"process {owner.split(':')[-2]}"


def _describe(found: Found) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.spec.version,
        "socket": str(fleet.folder(found.name) / "docker.sock"),
        "started": found.created,
        "owner": _whose(found.owner, keep=found.spec.keep, orphan=found.orphan)
        + ("" if found.running else " (it has ended)"),
        "tcp": found.spec.tcp,
    }


def _age(seconds: float) -> str:
    return humanize.naturaltime(time.time() - seconds)


@cli.command()
def reset(name: Annotated[str, typer.Argument(help="The engine's name.")] = "lab") -> None:
    """Make an engine pristine again, at the same socket."""
    Engine.attach(name).reset()
    screen.print(f"{escape(name)} is as new.")


@cli.command()
def env(
    name: Annotated[str | None, typer.Argument(help="The engine; the newest without.")] = None,
) -> None:
    """Print what points a terminal at an engine: eval "$(labkit env)"."""
    names = [found.name for _, found in drivers.engines() if found.running]
    if not names or (name and name not in names):
        raise EngineError(
            f"There is no engine{f' {name}' if name else ''}.",
            hint=f"labkit up starts one. Running: {', '.join(names) or 'none'}.",
        )
    socket = fleet.folder(name or names[-1]) / "docker.sock"
    for variable, value in kernel.variables(socket).items():
        print(f"export {variable}={shlex.quote(value)}" if value else f"unset {variable}")


@cli.command()
def doctor(*, as_json: AsJSON = False) -> None:
    """Check this machine, with a remedy for each finding; exit code 1 if something is bad."""
    findings = medicine.examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        marks = {"good": "[green]✓[/]", "warning": "[yellow]![/]", "bad": "[red]✗[/]"}
        for finding in findings:
            screen.print(f"{marks[finding.rating]} {finding.check}: {escape(finding.seen)}")
            if finding.remedy:
                screen.print(f"    What to do: {escape(finding.remedy)}")
    if any(finding.rating == "bad" for finding in findings):
        raise typer.Exit(1)


@cli.command()
def prepare(
    versions: Annotated[list[str] | None, typer.Argument(help="Docker versions.")] = None,
) -> None:
    """Make sure that a Docker can be had, and build the engine images once."""
    driver = drivers.choose(say=progress)
    for number in versions or [image.DEFAULT]:
        driver.prepare(image.offered(number).number, say=progress)
    progress(f"Engines can be started ({driver.words}).")


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    *,
    workspace: Annotated[Path, typer.Option(help="Your copies of the notebooks.")] = Path(
        "workspace"
    ),
    course: Annotated[Path, typer.Option(help="The course's notebooks.")] = Path("notebooks"),
) -> None:
    """Open JupyterLab on the lessons; further options are JupyterLab's."""
    prepare([image.DEFAULT])
    jupyter.open_lab(course, workspace, context.args, say=progress)


@cli.command("app")
def manage(
    name: Annotated[str | None, typer.Argument(help="The engine; lab or the only one.")] = None,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in it.")] = True,
) -> None:
    """Manage an engine's containers in the browser, until Ctrl-C."""
    from labkit.app import command  # noqa: PLC0415 - half a second, which only this command needs

    command.run(name, port=port, browser=browser, say=lambda text: screen.print(escape(text)))


def _print_table(
    nothing: str, rows: list[dict[str, Any]], columns: dict[str, Callable[..., str]]
) -> None:
    if not rows:
        screen.print(nothing)
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != "socket", overflow="fold")
    for row in rows:
        table.add_row(*(escape(show(row[column])) for column, show in columns.items()))
    screen.print(table)
