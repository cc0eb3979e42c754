"""What each detector of the catalogue does. Every one judges one side of one conversation.

A detector returns a `Finding`. The version that the catalogue gives a detector names the behaviour of its function here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import NamedTuple

from touchstone.scoring.behaviour import behaviour_hits
from touchstone.scoring.conversation import Conversation, Evidence, Turn, hits, whole
from touchstone.scoring.knowledge import CONTRADICTED, SUPPORTED, claims
from touchstone.scoring.languages import is_near, language_of
from touchstone.text.markers import Question, repeated, similarity
from touchstone.text.phrases import WORD

HOLDS, FAILS, NOT_APPLICABLE = "holds", "fails", "not_applicable"
MOST_EVIDENCE = 3
_COMPARED_BACK = 20  # a reply is compared with this many before it, so that cost stays linear in the conversation
_MOST_CHECKED = 60  # sentences of one side that are held against the library
_position = attrgetter("position")


class Finding(NamedTuple):
    """The outcome of an indicator for one side.

    Attributes:
        evidence: (turn, start, end) of what is quoted.
        observed: Whether the outcome rests on something that was measured or can be quoted, rather than on the absence of
            a phrase, which other wording may have expressed.
        due: Of a failure, the message in which the behaviour was due or went wrong.
        references: What each quote was held against, as `<article key>@<version>`; empty where nothing was.
    """

    outcome: str
    evidence: Sequence[Evidence] = ()
    observed: bool = True
    due: Turn | None = None
    references: tuple[str, ...] = ()


Detector = Callable[[Conversation, str, SimpleNamespace], Finding]
NOT_DUE = Finding(NOT_APPLICABLE)
_CLEAN = Finding(HOLDS, [], False)
_MEASURED = Finding(HOLDS)


def says(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    replies = conversation.replies[subject]
    if len(replies) < p.min_replies or (p.only_last_speaker and conversation.last_speaker != subject):
        return NOT_DUE
    triggers = conversation.customer_hits(p.when) if p.when else []
    if p.when and not triggers:
        return NOT_DUE
    if p.where == "any":
        found = conversation.agent_hits(subject, p.phrases)
    else:
        scope = replies[:1] if p.where == "first" else replies[-1:]
        found = hits(scope, p.phrases)
    if found:
        return Finding(HOLDS, found[:MOST_EVIDENCE])
    if p.unless and not conversation.said.isdisjoint(p.unless):
        return NOT_DUE
    if p.where != "any":
        return Finding(FAILS, whole(scope[0]), False, scope[0])
    due = _reply_after(replies, triggers[0][0]) if triggers else replies[-1]
    return Finding(FAILS, triggers[:MOST_EVIDENCE], False, due)


def _reply_after(replies: list[Turn], turn: Turn) -> Turn:
    """The first reply after a turn, else the last reply."""
    return replies[min(bisect_right(replies, turn.position, key=_position), len(replies) - 1)]


def responds(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    threshold = p.when_polarity_below
    if conversation.said.isdisjoint(p.when) and (
        threshold is None or not any(turn.polarity < threshold for turn in conversation.customers)
    ):
        return NOT_DUE
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
        return NOT_DUE
    if unmet and (p.need == "all" or not met):
        return Finding(FAILS, unmet[:MOST_EVIDENCE], False, _reply_after(replies, unmet[0][0]))
    return Finding(HOLDS, met[:MOST_EVIDENCE])


def never_says(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    if p.when and conversation.said.isdisjoint(p.when):
        return NOT_DUE
    found = conversation.agent_hits(subject, p.phrases)
    return Finding(FAILS, found[:MOST_EVIDENCE], True, found[0][0]) if found else _CLEAN


def keeps_secrets(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    found = conversation.agent_hits(subject, p.phrases)
    for turn in conversation.replies[subject]:
        if turn.pii:
            own = turn.features.lower
            found += [
                (turn, entry["start"], entry["end"])
                for entry in turn.pii
                if entry["type"] in p.pii_types and own[entry["start"] : entry["end"]].strip()
            ]
    found.sort(key=lambda item: (item[0].position, item[1]))
    return Finding(FAILS, found[:MOST_EVIDENCE], True, found[0][0]) if found else _CLEAN


def answers_questions(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    settled: list[Question] = []  # questions that had a reply before the present turn
    waiting: list[Question] = []
    reply: Turn | None = None
    answered = 0
    faults: list[Evidence] = []
    due: Turn | None = None
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
                due = due or (judged if again else turn)
            else:
                answered += 1
    if faults:
        return Finding(FAILS, faults[:MOST_EVIDENCE], True, due)
    return _CLEAN if answered else NOT_DUE


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
        return NOT_DUE
    if faults:
        return Finding(FAILS, faults[: 2 * MOST_EVIDENCE], True, faults[0][0])
    return _CLEAN


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
        return NOT_DUE
    for turn in reversed(conversation.customers[-p.last_messages :]):
        if turn.reply_before is None:
            break
        negative = hits((turn,), p.negative)
        positive = hits((turn,), p.positive)
        if negative or positive:
            if turn.reply_before.subject != subject:
                return NOT_DUE
            if negative:
                return Finding(FAILS, negative[:MOST_EVIDENCE], True, turn.reply_before)
            return Finding(HOLDS, positive[:MOST_EVIDENCE])
    return NOT_DUE


def not_disputed(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    if len(conversation.replies[subject]) < p.min_replies:
        return NOT_DUE
    followed = [
        turn
        for turn in conversation.customers
        if turn.reply_before is not None and turn.reply_before.subject == subject
    ]
    disputes = hits(followed, p.phrases) if not conversation.said.isdisjoint(p.phrases) else []
    due = disputes[0][0].reply_before if disputes else None
    if p.own_phrases:
        disputes += conversation.agent_hits(subject, p.own_phrases)
    if disputes:
        return Finding(FAILS, disputes[:MOST_EVIDENCE], True, due or disputes[0][0])
    return _CLEAN if followed else NOT_DUE


_VOWELS = {"de": "aeiouy", "es": "aeiou"}


def readable(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    replies = [turn for turn in conversation.replies[subject] if turn.features.words]
    words = sum(len(turn.features.words) for turn in replies)
    if words < p.min_words:
        return NOT_DUE
    for turn in replies:
        if len(turn.features.words) > p.max_sentence_words:
            for start, end in turn.features.sentences:
                if len(WORD.findall(turn.features.lower, start, end)) > p.max_sentence_words:
                    return Finding(FAILS, [(turn, start, end)], True, turn)
    sentences = sum(turn.features.sentence_count for turn in replies)
    if conversation.language == "en":
        # Automated Readability Index (Smith and Senter, 1967): 4.71 letters per word + 0.5 words per sentence - 21.43
        letters = sum(len(word) for turn in replies for word in turn.features.words)
        is_easy = 4.71 * letters / words + 0.5 * words / sentences - 21.43 <= p.max_grade
    else:
        is_easy = _ease(replies, words, sentences, conversation.language) >= (
            p.min_ease.get(conversation.language, p.min_ease["default"]) if p.min_ease else 0
        )
    if is_easy:
        return _MEASURED
    hardest = max(replies, key=lambda turn: (len(turn.features.words) / turn.features.sentence_count, -turn.position))
    return Finding(FAILS, whole(hardest), True, hardest)


def _ease(replies: list[Turn], words: int, sentences: int, language: str) -> float:
    """Reading ease, about 0 (hard) to 100 (easy): Amstad (1978) for German, Fernandez Huerta (1959) for Spanish.

    Syllables are counted as groups of vowels.
    """
    vowels = _VOWELS[language]
    syllables = 0
    for turn in replies:
        was_vowel = False
        for char in turn.features.lower:
            is_vowel = char in vowels
            syllables += is_vowel and not was_vowel
            was_vowel = is_vowel
    if language == "de":
        return 180 - words / sentences - 58.5 * syllables / words
    return 206.84 - 60 * syllables / words - 1.02 * words / sentences


def same_language(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    if sum(len(turn.features.lower) for turn in conversation.customers) < p.min_letters:
        return NOT_DUE
    replies = conversation.replies[subject]
    answered = language_of((turn.features.lower for turn in replies), p.min_letters)
    if answered is None:
        return NOT_DUE
    if is_near(answered, conversation.language):
        return _MEASURED
    longest = max(replies, key=lambda turn: (len(turn.features.words), -turn.position))
    return Finding(FAILS, whole(longest), True, longest)


def not_longer_than(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    limit = conversation.limit(p.max_words)
    long = [turn for turn in conversation.replies[subject] if len(turn.features.words) > limit]
    if long:
        return Finding(FAILS, [item for turn in long[:MOST_EVIDENCE] for item in whole(turn)], True, long[0])
    return _MEASURED


def replies_within(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    limit = conversation.limit(p.max_minutes) * 60
    applies = False
    late: list[tuple[Turn, Turn]] = []
    waits = conversation.waits
    if p.which != "all":
        waits = waits[:1] if p.which == "first" else waits[1:]
    for turn, reply in waits:
        if reply.subject == subject:
            applies = True
            if reply.sent_at - turn.sent_at > limit:
                late.append((turn, reply))
    if late:
        quotes = [item for turn, _ in late[:MOST_EVIDENCE] for item in whole(turn)]
        return Finding(FAILS, quotes, True, late[0][1])
    return _MEASURED if applies else NOT_DUE


def no_repetition(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    replies = [turn for turn in conversation.replies[subject] if len(turn.features.words) >= p.min_words]
    if len(replies) < 2:
        return NOT_DUE
    faults: list[Turn] = []
    for number, turn in enumerate(replies):
        for earlier in replies[max(0, number - _COMPARED_BACK) : number]:
            if (
                earlier.features is turn.features
                or similarity(earlier.features.word_set, turn.features.word_set) >= p.similarity
            ):
                faults.append(turn)
                break
    if faults:
        return Finding(FAILS, [item for turn in faults[:MOST_EVIDENCE] for item in whole(turn)], True, faults[0])
    return _MEASURED


def escalates(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    if conversation.said.isdisjoint(p.demands) and conversation.said.isdisjoint(p.failures):
        return NOT_DUE
    replies = conversation.replies[subject]
    failed = 0
    for turn in conversation.customers:
        reason = hits((turn,), p.demands)
        if not reason and turn.reply_before is not None and turn.reply_before.subject == subject:
            failure = hits((turn,), p.failures)
            failed += bool(failure)
            reason = failure if failed >= p.failed_answers else []
        if not reason or turn.reply_after is None:
            continue
        return _handed_over(conversation, subject, p, replies, turn, reason)
    return NOT_DUE


def _handed_over(
    conversation: Conversation,
    subject: str,
    p: SimpleNamespace,
    replies: list[Turn],
    turn: Turn,
    reason: list[Evidence],
) -> Finding:
    """Whether the side whose move it was let the case go in time, once `turn` made that due."""
    after = turn.reply_after
    held = turn.reply_before
    if after.subject != subject:
        # somebody else took over at once: to the credit of the side that had it
        is_ours = held is not None and held.subject == subject
        return Finding(HOLDS, whole(after)) if is_ours else NOT_DUE
    if held is not None and (held.subject, held.agent_key) != (after.subject, after.agent_key):
        return Finding(HOLDS, whole(after))
    place = bisect_right(replies, turn.position, key=_position)
    in_time = hits(replies[place : place + p.within_replies], p.phrases)
    if in_time:
        return Finding(HOLDS, in_time[:MOST_EVIDENCE])
    late = replies[place + p.within_replies :]
    last = replies[min(place + p.within_replies, len(replies)) - 1]
    following = conversation.turns[last.position + 1 :]
    for reply in following:
        if reply.subject is None:
            continue
        is_somebody_else = (reply.subject, reply.agent_key) != (last.subject, last.agent_key)
        if is_somebody_else and (not late or reply.position <= late[0].position):
            return Finding(HOLDS, whole(reply))
        break
    return Finding(FAILS, (reason + hits(late, p.phrases))[:MOST_EVIDENCE], False, after)


def grounded(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    library = conversation.context.library if conversation.context else None
    if library is None or library.kinds.isdisjoint(p.kinds):
        return NOT_DUE
    met: list[tuple[Evidence, str]] = []
    faults: list[tuple[Evidence, str]] = []
    known: set[tuple[str, str]] = set()
    checked = 0
    for turn in conversation.turns:
        if turn.subject is None:
            known.update((one.kind, one.value) for one in claims(turn.features.lower))
            continue
        if turn.subject != subject or checked >= _MOST_CHECKED:
            continue
        for start, end in turn.features.sentences:
            checked += 1
            for verdict in library.check(
                turn.features.lower,
                start,
                end,
                turn.sent_at,
                conversation.language,
                p.kinds,
                p.min_overlap,
                frozenset(known),
            ):
                quote = (turn, verdict.claim.start, verdict.claim.end), verdict.reference
                if verdict.outcome == SUPPORTED:
                    met.append(quote)
                elif p.need == "supported" or verdict.outcome == CONTRADICTED:
                    faults.append(quote)
    found = (faults or met)[:MOST_EVIDENCE]
    if not found:
        return NOT_DUE
    quotes, references = [one[0] for one in found], tuple(one[1] for one in found)
    if faults:
        return Finding(FAILS, quotes, True, quotes[0][0], references)
    return Finding(HOLDS, quotes, True, None, references)


def within_expected(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    usual = conversation.context.usual(conversation, subject, p.min_n) if conversation.context else None
    if usual is None:
        return NOT_DUE
    spent, expected = usual
    if spent.handle_minutes <= max(p.tolerance * expected.handle_minutes, 1.0) and spent.turns <= max(
        p.tolerance * expected.turns, 1.0
    ):
        return _MEASURED
    last = conversation.replies[subject][-1]
    return Finding(FAILS, whole(last), True, last)


def behaviour(conversation: Conversation, subject: str, p: SimpleNamespace) -> Finding:
    is_due, found, due = behaviour_hits(conversation, subject, p)
    if not is_due:
        return NOT_DUE
    if p.expect == "present":
        return Finding(HOLDS, found[:MOST_EVIDENCE]) if found else Finding(FAILS, [], False, due)
    return Finding(FAILS, found[:MOST_EVIDENCE], True, found[0][0]) if found else _CLEAN


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
        same_language,
        not_longer_than,
        replies_within,
        no_repetition,
        escalates,
        grounded,
        within_expected,
        behaviour,
    )
}
