"""The look of a message: HTML of mails, quoted replies, typing errors."""

from __future__ import annotations

import html
from datetime import datetime

from touchstone.sandbox.dice import Dice

_HEAD = '<div dir="ltr" style="font-family:Arial,sans-serif;font-size:14px">'


def to_html(text: str) -> str:
    """The text as a mail's HTML body: a paragraph for each block, quoted lines in a blockquote."""
    blocks = []
    for block in html.escape(text, quote=False).split("\n\n"):
        lines = block.split("\n")
        quoted = [line[4:].lstrip() for line in lines if line.startswith("&gt;")]
        own = [line for line in lines if not line.startswith("&gt;")]
        if own and own[0] == "--":
            blocks.append(f'<div class="signature">--<br>{"<br>".join(own[1:])}</div>')
        elif own:
            blocks.append(f"<p>{'<br>'.join(own)}</p>")
        if quoted:
            blocks.append(f'<blockquote type="cite" style="margin:0 0 0 .8ex">{"<br>".join(quoted)}</blockquote>')
    return f"{_HEAD}{''.join(blocks)}</div>"


_WROTE = {
    "en": "On {date}, {name} wrote:",
    "es": "El {date}, {name} escribió:",
    "de": "Am {date} schrieb {name}:",
}
_STAMP = {"en": "{0:%Y-%m-%d} at {0:%H:%M}", "es": "{0:%d/%m/%Y} a las {0:%H:%M}", "de": "{0:%d.%m.%Y} um {0:%H:%M}"}


def quoted(previous: str, sent_at: datetime, author: str, language: str) -> str:
    """An earlier message as mail programs quote it below a reply; quotes inside it are left out."""
    own = [line for line in previous.split("\n") if not line.startswith(">")]
    while own and (own[-1] == "" or own[-1].endswith(":")):
        own.pop()
    head = _WROTE[language].format(date=_STAMP[language].format(sent_at), name=author)
    return "\n\n".join((head, "\n".join(f"> {line}" for line in own if line)))


def with_typos(text: str, dice: Dice) -> str:
    """The text with one to three slips of the fingers: swapped, doubled or lost letters, lost capitals."""
    words = text.split(" ")
    for _ in range(dice.whole(1, 3)):
        place = dice.whole(0, len(words) - 1)
        word = words[place]
        if len(word) > 4 and word.isalpha():
            spot = dice.whole(1, len(word) - 3)
            slip = dice.whole(0, 2)
            if slip == 0:
                words[place] = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
            elif slip == 1:
                words[place] = word[:spot] + word[spot] + word[spot:]
            else:
                words[place] = word[:spot] + word[spot + 1 :]
    joined = " ".join(words)
    return joined[:1].lower() + joined[1:] if dice.chance(0.5) else joined
