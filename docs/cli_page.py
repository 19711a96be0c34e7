"""Write docs/cli.md from the parsers of the command line: run ``python docs/cli_page.py`` after a change.

A test fails while the page differs from what this script writes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from napari_scsam import paths
from napari_scsam.cli import build_parser

PAGE = Path(__file__).with_name("cli.md")

INTRO = """# The command line

Made by `python docs/cli_page.py` from the parsers; change those, not this page. `scsam COMMAND --help` prints the same.

A mistake that you can correct ends in one sentence and exit code 2. Exit code 1 means a fault, or a part that could not be done,
which is named. A stopped command exits with 130. [Examples](examples.md) and the how-to pages show the commands at work.
"""

HIDDEN = ("-h", "--help")
LINKS = {"docs/formats.md": "[formats](formats.md)"}


def page() -> str:
    """Return the whole page."""
    commands = list(find_commands(build_parser()))
    parts = [INTRO, "| command | what it does |\n|---|---|"]
    parts += [f"| [`{name}`](#{anchor(name)}) | {summary(each)} |" for name, each in commands]
    entries = "\n".join("\n".join(entry(*each)) for each in commands)
    return "\n".join(parts) + f"\n\n{entries}\n## Environment variables\n\n{variables()}\n"


def variables() -> str:
    """Return the table of environment variables, which is in the docstring of `paths`."""
    lines = (paths.__doc__ or "").splitlines()
    return "\n".join(line.replace("``", "`") for line in lines if line.startswith("|"))


def find_commands(
    parser: argparse.ArgumentParser, name: str = "scsam"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command that does something, with its full name."""
    below = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for word, child in action.choices.items():
            yield from find_commands(child, f"{name} {word}")


def anchor(name: str) -> str:
    """Return the anchor of a heading."""
    return name.replace(" ", "-")


def summary(parser: argparse.ArgumentParser) -> str:
    """Return the first sentence of what a command does."""
    return (parser.description or "").partition(". ")[0].rstrip(".") + "."


def entry(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the lines of one command."""
    shown = [each for each in parser._actions if not set(each.option_strings) & set(HIDDEN)]
    yield f"## `{name}`\n"
    yield f"{parser.description}\n"
    yield f"```text\n{usage(name, parser, shown)}\n```\n"
    if shown:
        yield "| argument | meaning |\n|---|---|"
    for action in shown:
        yield f"| {call(action)} | {meaning(action)} |"
    yield ""
    if parser.epilog:
        yield f"{parser.epilog}\n"


def usage(name: str, parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> str:
    """Return how a command is called: what it needs, and that there are options."""
    needed = [each for each in actions if each.required]
    groups = [each._group_actions for each in parser._mutually_exclusive_groups if each.required]
    words = [name]
    words += [typed(each) for each in needed]
    words += [f"({' | '.join(map(typed, group))})" for group in groups]
    if len(needed) + sum(map(len, groups)) < len(actions):
        words.append("[options]")
    return " ".join(words)


def typed(action: argparse.Action) -> str:
    """Return an argument as it is typed, by the shortest of its names."""
    return " ".join(filter(None, (*action.option_strings[:1], placeholder(action))))


def placeholder(action: argparse.Action) -> str:
    """Return what stands for the value of an argument; empty for a switch."""
    if action.nargs == 0:
        return ""
    if action.choices:
        return ", ".join(map(str, action.choices))
    name = action.metavar or action.dest.upper()
    return f"{name} ..." if action.nargs == "+" else str(name)


def call(action: argparse.Action) -> str:
    """Return an argument as it is typed."""
    names = ", ".join(f"`{each}`" for each in action.option_strings)
    value = placeholder(action)
    return " ".join(filter(None, (names, f"`{value}`" if value else ""))).replace("|", " or ")


def meaning(action: argparse.Action) -> str:
    """Return the help of an argument, as Markdown."""
    text = (action.help or "") % vars(action)
    for file, link in LINKS.items():
        text = text.replace(file, link)
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
