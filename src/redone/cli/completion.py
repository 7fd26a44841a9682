"""`redone completion`: a script that has a shell complete commands, options and their choices, made of the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redone.cli.options import frozen

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Options:
    shell: str


def add(commands: Any) -> None:
    completion = commands.add_parser("completion", help="print a script that completes commands and options in a shell")
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.cli import parser

    top, commands = parser()
    about = {action.dest: action.help or "" for group in top._subparsers._actions for action in _listed(group)}  # type: ignore[union-attr]
    print("\n".join(_fish(commands, about) if options.shell == "fish" else _bash(commands, options.shell == "zsh")))
    return 0


def _listed(action: argparse.Action) -> list[argparse.Action]:
    """Of the action that holds the commands, one for each, with its help."""
    return list(action._get_subactions()) if isinstance(action, argparse._SubParsersAction) else []


def _options(command: argparse.ArgumentParser) -> Iterator[tuple[argparse.Action, str]]:
    """What the command takes by name, each with its long name."""
    for action in command._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            yield action, action.option_strings[-1]


def _choices(command: argparse.ArgumentParser) -> list[str]:
    """Those of what the command takes by its place."""
    return [str(one) for action in command._actions if not action.option_strings for one in action.choices or ()]


def _bash(commands: Mapping[str, argparse.ArgumentParser], zsh: bool) -> Iterator[str]:
    """zsh reads bash's, with what it has for that. Where nothing is known to follow, files are offered."""
    if zsh:
        yield "autoload -U +X compinit bashcompinit && compinit && bashcompinit"
    yield "_redone() {"
    yield '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" offered=""'
    yield f'  if [ "$COMP_CWORD" -eq 1 ]; then offered="{" ".join(commands)} --help --version"; else'
    yield '  case "${COMP_WORDS[1]} $before" in'
    for name, one in commands.items():
        for action, option in _options(one):
            if action.choices:
                yield f'    "{name} {option}") offered="{" ".join(map(str, action.choices))}" ;;'
            elif action.nargs != 0:
                yield f'    "{name} {option}") COMPREPLY=(); return ;;'
    yield '    *) case "${COMP_WORDS[1]}" in'
    for name, one in commands.items():
        words = [*_choices(one), *(option for _, option in _options(one))]
        yield f'      {name}) offered="{" ".join(words)}" ;;'
    yield "    esac ;;"
    yield "  esac; fi"
    yield '  COMPREPLY=($(compgen -W "$offered" -- "$word"))'
    yield "}"
    yield "complete -o bashdefault -o default -F _redone redone"


def _fish(commands: Mapping[str, argparse.ArgumentParser], about: Mapping[str, str]) -> Iterator[str]:
    for name, one in commands.items():
        yield f"complete -c redone -n __fish_use_subcommand -a {name} -d {_quoted(about.get(name, ''))}"
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        if listed := _choices(one):
            yield f"complete -c redone {seen} -a {_quoted(' '.join(listed))}"
        for action, option in _options(one):
            more = f" -xa {_quoted(' '.join(map(str, action.choices)))}" if action.choices else ""
            more = more or (" -r" if action.nargs != 0 else "")
            said = (action.help or "").replace("%%", "%")
            yield f"complete -c redone {seen} -l {option.removeprefix('--')}{more} -d {_quoted(said)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
