"""`docs/commands.md`, written from the commands' own help.

python -m harness.cli.page > docs/commands.md
"""

from __future__ import annotations

import sys
from typing import Any

import typer.main

HEAD = """# Commands

`harness COMMAND --help` says the same in a terminal.

Exit codes, of every command: 0 passed, 1 failed, 2 wrong usage or an invalid scenario, 3 unknown, 4 the harness or its environment broke, 130 interrupted.
With `--json`, standard output holds one JSON object and nothing else.

This page is written from the commands: `python -m harness.cli.page > docs/commands.md`.
"""


def page() -> str:
    """The page as Markdown."""
    from harness.cli.app import app

    root: Any = typer.main.get_command(app)
    parts = [HEAD]
    for name, command in root.commands.items():
        parts += _section(f"harness {name}", command)
    return "\n".join(parts)


def _section(words: str, command: Any) -> list[str]:
    group = getattr(command, "commands", None)
    if group:
        return [part for name, one in group.items() for part in _section(f"{words} {name}", one)]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([words, *map(_argument, arguments)])
    lines = [f"## `{usage}`", "", " ".join((command.help or "").split()), ""]
    if options:
        lines += ["| option | default | |", "|---|---|---|", *map(_row, options), ""]
    return lines


def _argument(argument: Any) -> str:
    name = argument.metavar or str(argument.name).upper()
    name += "…" if argument.nargs != 1 else ""
    return name if argument.required else f"[{name}]"


def _row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if not option.is_flag:
        names += f" {option.metavar or str(option.name).removeprefix('as_').upper()}"
    default = option.default
    is_plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    shown = f"`{default}`" if is_plain and default != "" else ""
    return f"| {_cell(names)} | {shown} | {_cell(' '.join((option.help or '').split()))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
