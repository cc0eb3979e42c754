"""What happens to a conversation hours, days and weeks after its end: ratings, reopenings, late replies, closing,
corrections, redactions, deletions, system updates, and merges of two that are about one matter."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from touchstone.sandbox import effects, human
from touchstone.sandbox.letters import write_agent, write_customer
from touchstone.sandbox.markup import to_html
from touchstone.sandbox.model import Event
from touchstone.sandbox.script import Script
from touchstone.sandbox.staff import has_left

TICKET_BASE = 1000  # number of the helpdesk's ticket of conversation 0, which its merge comments name
SCRUBBED = "SCRUBBED"
_SECRET = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,6}(?: ?[A-Z0-9]{1,4})?|\b\d(?:[ -]?\d){12,18}\b")
_MASK = "▇▇▇▇"
_DONE = ("solved", "closed")


def rate(script: Script) -> None:
    """The customer rates, sooner or later; what is rated is mostly whether it was solved, then how."""
    case, dice = script.case, script.dice
    scores = script.scores()
    if not scores:
        return
    content = (
        0.48 * script.is_solved
        + 0.52 * effects.total(scores) / 100
        + dice.normal(0.11 if case.desk == "zendesk" else 0.19)
    )
    if case.desk == "zendesk":
        value = 5 if content > 0.6 else 1
    else:
        value = 1 + sum(content > bound for bound in (0.3, 0.48, 0.66, 0.84))
    comment = ""
    if script.chance(0.45):
        mood = "good" if value > 3 else "mixed" if value == 3 else "bad"
        comment = script.say(f"customer_rating_{mood}")
    if case.channel in ("chat", "voice") and script.chance(0.8):
        after = dice.seconds(20, 1200)
    else:
        after = dice.seconds(1800, 9 * 86_400)
    script.events.append(_by_customer(script, "rate", script.at + after, value, comment))
    if script.chance(0.03):  # changes the rating later
        value = 5 if value == 1 else 1
        script.events.append(_by_customer(script, "rate", script.at + after + dice.seconds(600, 200_000), value, ""))


def _by_customer(script: Script, kind: str, at: datetime, value: int, text: str) -> Event:
    return Event(kind, at, "customer", script.case.customer.customer_id, text=text, value=value)


def afterwards(script: Script) -> None:
    """Everything later; the events come out in the order of time, and nothing follows a deletion but its traces."""
    case = script.case
    if case.mode != "ai" and script.status_now in _DONE:
        if script.chance(0.05):
            _reopen(script)
        elif script.chance(0.035):
            _late_reply(script)
    _corrections(script)
    ended = _close(script)
    _redact(script, ended)
    _touch(script, ended)
    _delete(script, ended)
    script.events.sort(key=lambda event: event.at)


def _reopen(script: Script) -> None:
    script.wait_days(0.1, 3.2)
    script.wait_waking(60, 9000)
    write_customer(script, script.say("customer_reopen"))
    script.status("open")
    script.tag("reopened")
    human.reopened_part(script)
    if script.chance(0.8):
        script.pause()
        write_customer(script, script.say("customer_thanks"))
    script.wait_working(300, 9000)
    script.status("solved", script.agent.agent_id)


def _late_reply(script: Script) -> None:
    """A word days later, on a case that is still not closed for good."""
    longest = 25 if script.case.desk == "hubspot" else _patience(script).days - 0.3
    script.wait_days(1.5, longest)
    script.wait_waking(60, 3000)
    if script.case.desk == "zendesk" and script.chance(0.3) and not has_left(script.agent, script.at):
        script.human(script.write("note_late"), is_internal=True)
        return
    write_customer(script, script.say("customer_late"))
    script.wait_working(600, 20_000)
    if has_left(script.agent, script.at):
        return
    write_agent(script, [script.say("close")])


def _patience(script: Script) -> timedelta:
    """How long a solved case at the zendesk desk can be reopened."""
    if script.case.channel in ("chat", "voice") or script.case.mode == "ai":
        return timedelta(days=4)
    return timedelta(days=28 if script.case.number % 10 == 0 else 10)


def _corrections(script: Script) -> None:
    for kind, after, value in script.late:
        script.events.append(Event(kind, script.case.born + after, value=value))
    if script.chance(0.03):
        script.events.append(Event("tag", script.at + script.dice.seconds(9000, 1_500_000), value="qa_reviewed"))


def _close(script: Script) -> datetime:
    """The moment from which only system updates follow; at the zendesk desk a solved case closes by itself."""
    if script.case.desk == "zendesk" and script.status_now == "solved":
        closes = script.at + _patience(script) + script.dice.seconds(0, 3600)
        script.events = [event for event in script.events if event.at < closes]
        script.events.append(Event("status", closes, "system", value="closed"))
        return closes
    return max(event.at for event in script.events) + timedelta(days=1)


def _redact(script: Script, ended: datetime) -> None:
    """Somebody takes a card number or an account number out of a message, or the whole message."""
    dice = script.dice
    sent = [event for event in script.events if event.kind == "message"]
    risky = [event for event in sent if event.actor == "customer" and _SECRET.search(event.text)]
    if risky and script.chance(0.4):
        message = risky[0]
        text = _SECRET.sub(_MASK, message.text)
    elif script.chance(0.008):
        message = dice.pick(sent)
        text = _MASK
    else:
        return
    least = message.at if message.visible_at is None else message.visible_at
    at = least + dice.seconds(300, 50 * 86_400)
    if at < ended:
        at = min(at, ended - timedelta(seconds=1))
    html = None if message.html is None else to_html(text)
    script.events.append(
        Event(
            "redact",
            max(at, least + timedelta(seconds=60)),
            "system",
            message_id=message.message_id,
            text=text,
            html=html,
        )
    )


def _touch(script: Script, ended: datetime) -> None:
    """The system rewrites a field that nobody reads; the record's own time of update does not move."""
    if script.chance(0.16):
        at = ended
        for _ in range(script.dice.whole(1, 3)):
            at += script.dice.seconds(3600, 30 * 86_400)
            script.events.append(Event("touch", at, "system"))


def _delete(script: Script, ended: datetime) -> None:
    if script.case.has_twin or not script.chance(0.008):
        return
    at = script.at + timedelta(seconds=600 + int(script.dice.random() ** 2 * 40 * 86_400))  # most of them soon
    actor = script.agent.agent_id if script.agent is not None else ""
    script.events = [event for event in script.events if event.at < at or event.kind == "touch"]
    script.events.append(Event("delete", at, "human_agent" if actor else "system", actor))
    if script.chance(0.35):
        script.events.append(Event("redact", at + timedelta(days=30), "system", text=SCRUBBED))


def merge_twin(first: Script, second: Script) -> bool:
    """Close the second conversation into the first one, once somebody who works on the first has seen both.

    Returns:
        False when there is no moment at which the first one was in a person's hands and still open.
    """
    assigned = [event for event in first.events if event.kind == "assign"]
    done = [event.at for event in first.events if event.kind == "status" and event.value in _DONE]
    if not assigned:
        return False
    at = max(second.at, assigned[-1].at) + first.dice.seconds(120, 5400)
    if done and at >= done[0]:
        return False
    actor = assigned[-1].value
    if first.case.desk == "zendesk":
        numbers = [TICKET_BASE + script.case.number for script in (first, second)]
        last = next(event.text for event in reversed(second.events) if event.actor == "customer")
        second.at = at
        second.system(f"This request was closed and merged into request #{numbers[0]}.")
        second.tag("closed_by_merge")
        head = f"Request #{numbers[1]} was closed and merged into this request. Last comment in request #{numbers[1]}:"
        first.insert_note(at, f"{head}\n\n{last}")
    second.events.append(Event("merge", at, "human_agent", actor, value=first.case.conversation_id))
    second.events.sort(key=lambda event: event.at)
    return True
