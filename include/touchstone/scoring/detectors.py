"""What each detector of the catalogue does. Every one judges one side of one conversation.

A detector returns its outcome, the evidence, and whether the outcome rests on something that was measured or can be quoted
(`observed`) rather than on the absence of a phrase, which other wording may have expressed. `RULES_VERSION` in the
catalogue names the behaviour of this module.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace

from touchstone.scoring.conversation import Conversation, Evidence, Turn, hits, whole
from touchstone.text.markers import Question, repeated, similarity

HOLDS, FAILS, NOT_APPLICABLE = "holds", "fails", "not_applicable"
MOST_EVIDENCE = 3
_COMPARED_BACK = 20  # a reply is compared with this many before it, so that cost stays linear in the conversation

Finding = tuple[str, list[Evidence], bool]
Detector = Callable[[Conversation, str, SimpleNamespace], Finding]
_position = attrgetter("position")
_NONE: Finding = (NOT_APPLICABLE, [], True)


def says(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    replies = conversation.replies[subject]
    if len(replies) < p.min_replies or (p.only_last_speaker and conversation.last_speaker != subject):
        return _NONE
    triggers = conversation.customer_hits(p.when) if p.when else []
    if p.when and not triggers:
        return _NONE
    if p.where == "any":
        found = conversation.agent_hits(subject, p.phrases)
    else:
        scope = replies[:1] if p.where == "first" else replies[-1:]
        found = hits(scope, p.phrases)
    if found:
        return HOLDS, found[:MOST_EVIDENCE], True
    if p.unless and not conversation.said.isdisjoint(p.unless):
        return _NONE
    return FAILS, triggers[:MOST_EVIDENCE] if p.where == "any" else whole(scope[0]), False


def responds(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    threshold = p.when_polarity_below
    if conversation.said.isdisjoint(p.when) and (
        threshold is None or not any(turn.polarity < threshold for turn in conversation.customers)
    ):
        return _NONE
    replies = conversation.replies[subject]
    met: list[Evidence] = []
    unmet: list[Evidence] = []
    for turn in conversation.customers:
        trigger = hits((turn,), p.when)
        if not trigger and threshold is not None and turn.polarity < threshold:
            trigger = whole(turn)
        after = turn.reply_after
        if not trigger or after is None:
            continue
        if after.subject != subject:
            if p.handover_counts and after.subject == "human_agent" and replies[0].position < turn.position:
                met += whole(after)
            continue
        next_reply = bisect_right(replies, turn.position, key=_position)
        following = replies[next_reply : next_reply + p.within_replies]
        answer = hits(following, p.phrases)
        if not answer and p.handover_counts and subject == "ai_agent":
            people = conversation.replies.get("human_agent", [])
            taken_over = people[bisect_right(people, turn.position, key=_position) :][:1]
            answer = whole(taken_over[0]) if taken_over else []
        if answer:
            met += answer
        else:
            unmet += trigger
    if not met and not unmet:
        return _NONE
    if unmet and (p.need == "all" or not met):
        return FAILS, unmet[:MOST_EVIDENCE], False
    return HOLDS, met[:MOST_EVIDENCE], True


def never_says(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    found = conversation.agent_hits(subject, p.phrases)
    return (FAILS, found[:MOST_EVIDENCE], True) if found else (HOLDS, [], False)


def keeps_secrets(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    found = conversation.agent_hits(subject, p.phrases)
    for turn in conversation.replies[subject]:
        found += [(turn, entry["start"], entry["end"]) for entry in turn.pii if entry["type"] in p.pii_types]
    found.sort(key=lambda item: (item[0].position, item[1]))
    return (FAILS, found[:MOST_EVIDENCE], True) if found else (HOLDS, [], False)


def answers_questions(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    settled: list[Question] = []  # questions that had a reply before the present turn
    waiting: list[Question] = []
    reply: Turn | None = None
    answered = 0
    faults: list[Evidence] = []
    for turn in conversation.customers:
        if turn.reply_before is not reply:
            settled += waiting
            waiting, reply = [], turn.reply_before
        for question in turn.features.questions(conversation.lists):
            again = repeated(question, settled, conversation.lists)
            waiting.append(question)
            judged = turn.reply_before if again or turn.reply_after is None else turn.reply_after
            if judged is None or judged.subject != subject:
                continue
            if again or turn.reply_after is None:
                faults.append((turn, question.start, question.end))
            else:
                answered += 1
    if faults:
        return FAILS, faults[:MOST_EVIDENCE], True
    return (HOLDS, [], False) if answered else _NONE


def asks_only_once(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    applies = False
    faults: list[Evidence] = []
    for item in p.items:
        asked = conversation.agent_hits(subject, item["asked"])
        if not asked:
            continue
        applies = True
        given = _first_given(conversation, item)
        if given:
            for question in asked:
                if question[0].position > given[0].position:
                    faults += [question, given]
                    break
    if not applies:
        return _NONE
    if faults:
        return FAILS, faults[: 2 * MOST_EVIDENCE], True
    return HOLDS, [], False


def _first_given(conversation: Conversation, item: dict) -> Evidence | None:
    for turn in conversation.customers:
        for entry in turn.pii:
            if entry["type"] in item["given_pii"]:
                return turn, entry["start"], entry["end"]
        found = hits((turn,), item["given"])
        if found:
            return found[0]
    return None


def customer_verdict(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    if conversation.said.isdisjoint(p.positive) and conversation.said.isdisjoint(p.negative):
        return _NONE
    for turn in reversed(conversation.customers[-p.last_messages :]):
        if turn.reply_before is None:
            break
        negative = hits((turn,), p.negative)
        positive = hits((turn,), p.positive)
        if negative or positive:
            if turn.reply_before.subject != subject:
                return _NONE
            if negative:
                return FAILS, negative[:MOST_EVIDENCE], True
            return HOLDS, positive[:MOST_EVIDENCE], True
    return _NONE


def not_disputed(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    if len(conversation.replies[subject]) < p.min_replies:
        return _NONE
    followed = [
        turn
        for turn in conversation.customers
        if turn.reply_before is not None and turn.reply_before.subject == subject
    ]
    disputes = hits(followed, p.phrases) if not conversation.said.isdisjoint(p.phrases) else []
    if p.own_phrases:
        disputes += conversation.agent_hits(subject, p.own_phrases)
    if disputes:
        return FAILS, disputes[:MOST_EVIDENCE], True
    return (HOLDS, [], False) if followed else _NONE


def readable(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    # Automated Readability Index (Smith and Senter, 1967): 4.71 characters per word + 0.5 words per sentence - 21.43
    replies = conversation.replies[subject]
    words = sum(len(turn.features.words) for turn in replies)
    if words < p.min_words:
        return _NONE
    letters = sum(sum(map(len, turn.features.words)) for turn in replies)
    sentences = sum(turn.features.sentence_count for turn in replies if turn.features.words)
    grade = 4.71 * letters / words + 0.5 * words / sentences - 21.43
    if grade <= p.max_grade:
        return HOLDS, [], True
    longest = max(replies, key=lambda turn: (len(turn.features.words) / turn.features.sentence_count, -turn.position))
    return FAILS, whole(longest), True


def not_longer_than(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    limit = conversation.limit(p.max_words)
    long = [turn for turn in conversation.replies[subject] if len(turn.features.words) > limit]
    if long:
        return FAILS, [item for turn in long[:MOST_EVIDENCE] for item in whole(turn)], True
    return HOLDS, [], True


def replies_within(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    limit = conversation.limit(p.max_minutes) * 60
    applies = False
    late: list[Turn] = []
    for turn, reply in conversation.waits:
        if reply.subject == subject:
            applies = True
            if reply.sent_at - turn.sent_at > limit:
                late.append(turn)
    if late:
        return FAILS, [item for turn in late[:MOST_EVIDENCE] for item in whole(turn)], True
    return (HOLDS, [], True) if applies else _NONE


def no_repetition(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    replies = [turn for turn in conversation.replies[subject] if len(turn.features.words) >= p.min_words]
    if len(replies) < 2:
        return _NONE
    faults: list[Evidence] = []
    for number, turn in enumerate(replies):
        for earlier in replies[max(0, number - _COMPARED_BACK) : number]:
            if (
                earlier.features is turn.features
                or similarity(earlier.features.word_set, turn.features.word_set) >= p.similarity
            ):
                faults += whole(turn)
                break
    return (FAILS, faults[:MOST_EVIDENCE], True) if faults else (HOLDS, [], True)


IMPLEMENTATIONS: dict[str, Detector] = {
    function.__name__: function
    for function in (
        says,
        responds,
        never_says,
        keeps_secrets,
        answers_questions,
        asks_only_once,
        customer_verdict,
        not_disputed,
        readable,
        not_longer_than,
        replies_within,
        no_repetition,
    )
}
