"""A template grammar: `{a|b}` picks one of the alternatives (they nest), `<name>` is filled from the case.

Templates are compiled once to nested tuples; rendering walks them with as few calls as possible, since every message of
the company goes through it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from touchstone.errors import ConfigurationError
from touchstone.sandbox.dice import Dice

Node = str | tuple[str, object]
Template = tuple[Node, ...]

_STRAY_SPACE = re.compile(r" +(?=[ ,!?;\n])| +(?=[.:](?:\s|$))")


def compile_template(text: str) -> Template:
    """The template's parts in order: plain text, ("slot", name) or ("pick", tuple of templates).

    Raises:
        ConfigurationError: A brace or an angle bracket has no partner.
    """
    parts, rest = _sequence(text, 0, is_top=True)
    if rest != len(text):
        raise _unbalanced(text)
    return parts


def _sequence(text: str, position: int, *, is_top: bool) -> tuple[Template, int]:
    parts: list[Node] = []
    plain: list[str] = []
    while position < len(text):
        character = text[position]
        if not is_top and character in "|}":
            break
        if character == "}":
            raise _unbalanced(text)
        if character in "{<" and plain:
            parts.append("".join(plain))
            plain = []
        if character == "{":
            options = []
            while True:
                option, position = _sequence(text, position + 1, is_top=False)
                options.append(option)
                if position >= len(text):
                    raise _unbalanced(text)
                if text[position] == "}":
                    break
            parts.append(("pick", tuple(options)))
        elif character == "<":
            end = text.find(">", position)
            if end < 0:
                raise _unbalanced(text)
            parts.append(("slot", text[position + 1 : end]))
            position = end
        else:
            plain.append(character)
        position += 1
    if plain:
        parts.append("".join(plain))
    return tuple(parts), position


def _unbalanced(text: str) -> ConfigurationError:
    return ConfigurationError("unbalanced brackets in a phrase", text, "Close every { with a } and every < with a >.")


def slots_of(template: Template) -> set[str]:
    """Names of all slots that the template may ask for."""
    found: set[str] = set()
    for node in template:
        if isinstance(node, str):
            continue
        kind, content = node
        if kind == "slot":
            found.add(content)
        else:
            for option in content:
                found |= slots_of(option)
    return found


def _render(template: Template, random, slots: Mapping[str, object], into: list[str]) -> None:
    for node in template:
        if node.__class__ is str:
            into.append(node)
        elif node[0] == "pick":
            options = node[1]
            _render(options[int(random() * len(options))], random, slots, into)
        else:
            value = slots[node[1]]
            if value.__class__ is str:
                into.append(value)
            else:  # templates: rendered anew at each place
                _render(value[int(random() * len(value))], random, slots, into)


def render(templates: tuple[Template, ...], dice: Dice, slots: Mapping[str, object]) -> str:
    """The text of one of the templates.

    Raises:
        KeyError: The template names a slot that `slots` lacks.
    """
    into: list[str] = []
    random = dice.random
    _render(templates[int(random() * len(templates))], random, slots, into)
    return _STRAY_SPACE.sub("", "".join(into)).strip()  # an alternative that is empty leaves its spaces behind


def lines(text: str) -> tuple[Template, ...]:
    """The templates of a block, one a line; `\\n` in a line is a line break, empty lines are skipped."""
    return tuple(compile_template(line.replace("\\n", "\n")) for line in text.splitlines() if line.strip())
