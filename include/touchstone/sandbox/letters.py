"""How a side's words become messages in its channel: split turns on the phone, signatures and quotes in mails."""

from __future__ import annotations

from touchstone.sandbox.markup import quoted, with_typos
from touchstone.sandbox.script import Script
from touchstone.sandbox.world import load

_MARKS = ".,:;!?)"


def write_customer(script: Script, *parts: str) -> str:
    """Send the customer's words in order, the empty ones left out; returns the id of the last message."""
    case, dice = script.case, script.dice
    words = _joined([part for part in parts if part], case.language)
    text = " ".join(words)
    if case.channel == "voice":
        if script.chance(0.3):
            text = f"{script.say('customer_voice_filler')} {text[:1].lower() + text[1:]}"
        return script.customer(text)
    if case.customer.customer_id[-1] in "37":  # some people type in haste, in all that they write
        text = with_typos(text, dice)
    if case.channel == "chat" and len(words) > 1 and script.chance(0.3):
        script.customer(text[: len(words[0])])
        script.wait(3, 25)
        return script.customer(text[len(words[0]) :].strip())
    if case.channel != "email":
        return script.customer(text)
    previous = next((event for event in reversed(script.events) if event.kind == "message"), None)
    is_first = previous is None
    body = [words[0], " ".join(words[1:])] if words[1:] and words[0].endswith(",") else [text]
    if is_first or script.chance(0.45):
        body.append(script.say("customer_signature"))
    elif script.chance(0.6):
        body.append(script.slots["first"])
    if not is_first and previous.actor != "customer" and not previous.is_internal and script.chance(0.45):
        author = script.slots["agent_name"] if previous.actor != "system" else "Support"
        body.append(quoted(previous.text, previous.at, author, case.language))
    return script.customer("\n\n".join(body))


def write_agent(script: Script, parts: list[str]) -> None:
    """Send the agent's words: in one go, or in turns on the phone and often in chats."""
    words = _joined([part for part in parts if part], script.case.language)
    channel = script.case.channel
    if not words:
        return
    if channel == "voice":
        for place, part in enumerate(words):
            if place and script.chance(0.3):
                script.wait(1, 4)
                script.customer(script.say("customer_backchannel"))
            script.wait(2, 9)
            script.human(part)
    elif channel == "chat" and len(words) > 2 and script.chance(0.45):
        middle = len(words) // 2
        script.human(" ".join(words[:middle]))
        script.wait(4, 40)
        script.human(" ".join(words[middle:]))
    elif channel == "email":
        script.human(_letter(script, words))
    else:
        script.human(" ".join(words))


def _joined(words: list[str], language: str) -> list[str]:
    """Parts that can stand side by side: each ends in a mark, and after a comma a sentence goes on in small letters."""
    told: list[str] = []
    for word in words:
        if told and told[-1].endswith(","):
            word = _going_on(word, language)
        told.append(word if word[-1] in _MARKS else f"{word}.")
    return told


def _going_on(text: str, language: str) -> str:
    first = text.split(" ", 1)[0]
    if language == "de":
        return text[0].lower() + text[1:] if first in load("cast")["small_in_german"] else text
    if first[0] in "¿¡":
        return first[0] + text[1].lower() + text[2:]
    if first.isalpha() and first != "I" and not first.isupper():
        return text[0].lower() + text[1:]
    return text


def _letter(script: Script, words: list[str]) -> str:
    """A mail: the greeting on its own line, a signature, and often the mail that it answers."""
    head = [words[0]] if words[0].endswith(",") else []
    rest = words[len(head) :]
    middle = (len(rest) + 1) // 2
    body = [*head, " ".join(rest[:middle])]
    if rest[middle:]:
        body.append(" ".join(rest[middle:]))
    body.append(script.say("sign_off"))
    previous = next((event for event in reversed(script.events) if event.actor == "customer"), None)
    if previous is not None and script.chance(0.4):
        case = script.case
        author = f"{case.customer.name} <{case.customer.emails[0]}>"
        body.append(quoted(previous.text, previous.at, author, case.language))
    return "\n\n".join(body)
