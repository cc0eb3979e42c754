"""The short form of a report as an e-mail: text and HTML of one message, small, with nothing to load."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from jinja2 import Environment

if TYPE_CHECKING:
    from touchstone.reports.periodic import Summary

MOST_BYTES = 100_000
MOST_LINES, MOST_FIGURES, MOST_LETTERS = 8, 24, 400


def message(summary: Summary, page: str, templates: Environment) -> EmailMessage:
    """A message without sender and recipients, which a mailer adds: RFC 5322 with both alternatives.

    Args:
        summary: What the report says.
        page: File name of the whole page, which the message names.
        templates: Where `mail.html.j2` is; values are escaped there.
    """
    shown = _shortened(summary)
    found = EmailMessage(policy=SMTP)
    found["Subject"] = _one_line(f"{summary.title}: {shown['headline']}")
    found["Date"] = summary.as_of
    found["X-Unsent"] = "1"  # mail programs open it as a draft
    found.set_content(_text(summary, shown, page), cte="quoted-printable")
    html = templates.get_template("mail.html.j2").render(summary=summary, shown=shown, page=page)
    found.add_alternative(html, subtype="html", cte="quoted-printable")
    found.set_boundary(f"=_touchstone_{summary.kind}_{summary.first_day:%Y%m%d}")  # the same figures make the same file
    return found


def _shortened(summary: Summary) -> dict[str, object]:
    """What fits: names that customers or colleagues chose may be of any length."""
    return {
        "headline": _cut(summary.headline),
        "sentences": [_cut(line) for line in summary.sentences[:MOST_LINES]],
        "figures": summary.figures[:MOST_FIGURES],
        "wins": [_cut(line) for line in summary.wins[:MOST_LINES]],
        "declines": [_cut(line) for line in summary.declines[:MOST_LINES]],
    }


def _text(summary: Summary, shown: dict[str, object], page: str) -> str:
    lines = [summary.title, summary.period, "", str(shown["headline"]), ""]
    lines += [f"- {line}" for line in shown["sentences"]]
    for title, name in (("Got better", "wins"), ("Got worse", "declines")):
        if shown[name]:
            lines += ["", title, *(f"- {line}" for line in shown[name])]
    if shown["figures"]:
        width = max(len(figure.label) for figure in shown["figures"])
        lines += ["", "Figures"]
        lines += [f"{figure.label:<{width}}  {figure.value}  {figure.change}".rstrip() for figure in shown["figures"]]
    return "\n".join([*lines, "", f"The whole report: {page}", ""])


def _one_line(text: str) -> str:
    """A header's value: line breaks in a name would begin another header."""
    return _cut(" ".join(text.split()), 160)


def _cut(text: str, most: int = MOST_LETTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
