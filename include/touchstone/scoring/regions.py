"""Which words of a message are its author's own: quoted history, signatures and canned text are blanked, offsets kept.

Everything works on text in lower case without accents (`lower_in_place`), in English, Spanish and German forms, and in time
linear in the text: every expression is anchored to the beginning of a line and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from touchstone.text.phrases import WORD, PhraseMatcher, lower_in_place

_QUOTED = re.compile(r"^[ \t]*>[^\n]*", re.MULTILINE)
# What stands above a quoted message: "On ... wrote:", the block of a forwarded mail, a line drawn by the mail program.
_HISTORY = re.compile(
    r"^[ \t]*(?:"
    r"(?:on|am|el)\b[^\n]{4,160}(?:wrote|schrieb|escribio)[^\n]{0,80}:[ \t]*$"
    r"|-{2,}[ \t]?(?:original message|forwarded message|ursprungliche nachricht|weitergeleitete nachricht"
    r"|mensaje original|mensaje reenviado)[^\n]{0,20}$"
    r"|(?:from|von|de):[^\n]{1,160}\n[ \t]*(?:sent|date|to|gesendet|datum|an|enviado|fecha|para):"
    r"|begin forwarded message:"
    r")",
    re.MULTILINE,
)
_HISTORY_WORDS = ("wrote", "schrieb", "escribio", "from:", "von:", "de:", "message", "nachricht", "mensaje")
_DELIMITER = re.compile(r"^--[ \t]*$", re.MULTILINE)
_DEVICE = re.compile(
    r"^[ \t]*(?:sent from my|sent via|get outlook for|gesendet von meine[mr]|von meinem \w+ gesendet|enviado desde mi)[^\n]{0,80}$",
    re.MULTILINE,
)
_SIGN_OFF = re.compile(
    r"^[ \t]*(?:(?:many |with |kind |best |warm |warmest )*(?:regards|wishes)|best|all the best|sincerely(?: yours)?|yours"
    r"(?: sincerely| faithfully| truly)?|cheers|thanks|thank you|respectfully|have a (?:good|great|nice) (?:day|week|one|weekend)"
    r"|take care"
    r"|(?:mit )?(?:freundlichen|besten|herzlichen|vielen)(?: grußen| grussen| grüßen)|(?:viele|beste|liebe|herzliche|freundliche)"
    r" (?:gruße|grusse)|mfg|lg|vg"
    r"|(?:un |muchos )?(?:cordial(?:es)? |atentos? |afectuosos? )?saludos?(?: cordial(?:es)?)?|atentamente|cordialmente)"
    r"[ \t]*[,.!]*[ \t]*$",
    re.MULTILINE,
)
_MOST_SIGNATURE_LINES = 7
_LONGEST_SIGNATURE_LINE = 90
_OPENING = 160  # code points in which an automatic message says what it is
_AUTOMATIC = re.compile(
    r"(?:this is an? (?:automated|automatic|auto[- ]generated)|automatic(?:ally generated)? (?:reply|response|message|notification)"
    r"|auto[- ]?reply|(?:please )?do not reply to this (?:e-?mail|message)|out of (?:the )?office"
    r"|dies ist eine automatisch|automatisch (?:erstellte|generierte|versandte)|automatische (?:antwort|benachrichtigung)"
    r"|abwesenheitsnotiz|bitte antworten sie nicht auf diese"
    r"|este es un (?:mensaje|correo) automatico|respuesta automatica|mensaje generado automaticamente"
    r"|no responda a este (?:mensaje|correo)|fuera de la oficina)"
)
_AUTOMATIC_WORDS = ("auto", "do not reply", "office", "abwesenheit", "nicht auf diese", "no responda", "oficina")
_SHORTEST_TEMPLATE = 5
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]{0,60}\}\}|\{[^{}\n]{0,60}\}|\[[A-Z_ ]{2,40}\]|%\w{1,30}%|<<[^<>\n]{0,60}>>")
_SENTENCE = re.compile(r"[^.!?\n]+")


def own_words(lower: str) -> str:
    """The text with what its author has not written for this occasion replaced by blanks, at the same length.

    Args:
        lower: From `lower_in_place`.
    """
    if ">" in lower:
        lower = _QUOTED.sub(_blank, lower)
    if "\n" not in lower:
        return lower
    if any(word in lower for word in _HISTORY_WORDS):
        lower = _without_history(lower)
    for delimiter in _DELIMITER.finditer(lower):
        lower = lower[: delimiter.start()] + " " * (len(lower) - delimiter.start())
        break
    lower = _DEVICE.sub(_blank, lower)
    return _without_sign_off(lower)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _without_history(lower: str) -> str:
    for header in _HISTORY.finditer(lower):
        rest = lower[header.end() :]
        if header.group().rstrip().endswith(":") and not rest.strip():
            return lower[: header.start()] + " " * (len(lower) - header.start())  # quoted lines are blank already
        if "\n" in header.group() or "--" in header.group() or "forwarded" in header.group():
            return lower[: header.start()] + " " * (len(lower) - header.start())
        # an answer may stand between or below quoted lines: those are blank, the rest is its author's
        lower = lower[: header.start()] + " " * len(header.group()) + rest
    return lower


def _without_sign_off(lower: str) -> str:
    for match in [*_SIGN_OFF.finditer(lower)][-_MOST_SIGNATURE_LINES - 1 :]:
        below = [line.strip() for line in lower[match.end() :].split("\n") if line.strip()]
        if (
            0 < len(below) <= _MOST_SIGNATURE_LINES
            and all(len(line) <= _LONGEST_SIGNATURE_LINE for line in below)
            and not any(line.endswith(("?", "!")) for line in below)
        ):
            return lower[: match.start()] + " " * (len(lower) - match.start())
    return lower


def is_automatic(lower: str) -> bool:
    """Whether a message says of itself, at its beginning, that a machine sent it unasked."""
    head = lower[:_OPENING]
    return any(word in head for word in _AUTOMATIC_WORDS) and _AUTOMATIC.search(head) is not None


class Templates:
    """Canned texts of the helpdesk (macros, snippets): their sentences neither earn nor lose.

    Args:
        texts: As the helpdesk stores them; placeholders such as `{{ticket.id}}` split a sentence. Stretches of fewer than
            five words are too common to be anybody's canned text.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        pieces: dict[str, None] = {}
        for text in texts:
            for stretch in _PLACEHOLDER.split(text):
                for sentence in _SENTENCE.findall(lower_in_place(stretch)):
                    words = WORD.findall(sentence)
                    if len(words) >= _SHORTEST_TEMPLATE:
                        pieces[" ".join(words)] = None
        self._matcher = PhraseMatcher({"template": pieces}) if pieces else None

    def without(self, lower: str, words: Sequence[str]) -> str:
        """The text with canned sentences replaced by blanks."""
        if self._matcher is None:
            return lower
        for start, end in self._matcher.find(lower, words).get("template", ()):
            lower = lower[:start] + " " * (end - start) + lower[end:]
        return lower
