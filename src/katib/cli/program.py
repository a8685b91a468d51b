"""The program: which commands there are, and the module of each."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
import typer.core

#: Command → module:function. The module is imported when the command is run or its help is asked
#: for.
COMMANDS = {
    "run": ("katib.cli.run:run", "Run experiments to their optimum."),
    "up": ("katib.cli.up:up", "Serve a home to kubectl, the SDKs and katib run."),
    "down": ("katib.cli.down:down", "Stop the server of a home."),
    "status": ("katib.cli.status:status", "Say whether a home is served, and what it does."),
    "get": ("katib.cli.get:get", "List experiments, suggestions or trials, or show one."),
    "describe": ("katib.cli.describe:describe", "Show everything about one resource."),
    "suspend": ("katib.cli.halting:suspend", "Let an experiment make no new trials for now."),
    "resume": (
        "katib.cli.halting:resume",
        "Let an experiment go on that was suspended or stopped.",
    ),
    "stop": ("katib.cli.halting:stop", "End an experiment with the trials that it has."),
    "delete": ("katib.cli.delete:delete", "Delete an experiment or a trial, with all it owns."),
    "logs": ("katib.cli.logs:logs", "Print what a trial's program wrote."),
    "metrics": ("katib.cli.metrics:metrics", "Print a trial's observation log."),
    "nas": ("katib.cli.nas:nas", "Write the network that an architecture search has found."),
    "explain": ("katib.cli.explain:explain", "Say what an experiment waits for or why it failed."),
    "export": ("katib.cli.export:export", "Write an experiment and its trials to a file."),
    "import": (
        "katib.cli.import_trials:import_trials",
        "Make an experiment of trials that ended elsewhere.",
    ),
    "ui": ("katib.cli.ui:ui", "Show experiments in a browser."),
    "operator": ("katib.cli.operator:operator", "Run the experiments of a Kubernetes cluster."),
    "suggestion": (
        "katib.cli.suggestion:suggestion",
        "Serve the search algorithms over gRPC, as Katib's suggestion images do.",
    ),
    "early-stopping": (
        "katib.cli.early_stopping:early_stopping",
        "Serve the early stopping algorithms over gRPC, as Katib's early stopping images do.",
    ),
    "db-manager": (
        "katib.cli.db_manager:db_manager",
        "Serve observation logs over gRPC, as Katib's database manager does.",
    ),
    "db": ("katib.cli.db:db", "Make or upgrade the table of observation logs in a database."),
    "metrics-collector": (
        "katib.cli.metrics_collector:metrics_collector",
        "Read and report the metrics of one trial, as Katib's sidecar images do.",
    ),
    "install": (
        "katib.cli.install:install",
        "Print what an installation in a Kubernetes cluster consists of.",
    ),
    "validate": ("katib.cli.validate:validate", "Check files without running anything."),
    "convert": ("katib.cli.convert:convert", "Turn v1alpha3 documents into v1beta1."),
    "render": ("katib.cli.render:render", "Print the manifest that a trial would get."),
}

HELP = """Tune the parameters of any program: an Experiment says what to optimise, over which search
space, with which algorithm; Katib runs its trials and finds the optimum.

Start with [bold]katib run FILE[/bold], then look with [bold]katib get[/bold] and
[bold]katib explain[/bold]."""


class _Lazy(typer.core.TyperGroup):
    """A group whose commands are imported when they are needed."""

    _is_listing = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._is_listing = True
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        if self._is_listing:
            _, help = COMMANDS[cmd_name]
            return typer.core.TyperCommand(cmd_name, help=help)
        return load_command(cmd_name)


def load_command(name: str) -> Any:
    """The command of that name, imported."""
    place, help = COMMANDS[name]
    module, _, function = place.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    callback = getattr(import_module(module), function)
    app.command(name, help=_help(help, callback.__doc__))(callback)
    command: Any = typer.main.get_command(app)
    command.name = name
    return command


def build_program() -> Any:
    """The command line, ready to be called."""
    app = typer.Typer(
        cls=_Lazy,
        name="katib",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    return app


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from katib import __version__

        typer.echo(f"katib {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_print_version
    ),
) -> None:
    pass


def _help(head: str, more: str | None) -> str:
    _, _, rest = (more or "").partition("\n")
    lines = [line.strip() for line in rest.strip().splitlines()]
    return head + ("\n\n" + "\n".join(lines) if lines else "")
