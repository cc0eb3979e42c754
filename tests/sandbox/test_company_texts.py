"""What is said: varied, in three languages, with the marks of its channel, with personal data, good and bad."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from statistics import mean

import pytest

from touchstone.errors import ConfigurationError
from touchstone.sandbox import book as books
from touchstone.sandbox.book import LANGUAGES, book, common, topics
from touchstone.sandbox.company import build
from touchstone.sandbox.dice import dice
from touchstone.sandbox.grammar import compile_template, lines, render, slots_of
from touchstone.sandbox.knowledge import ARTICLE_SLOTS
from touchstone.sandbox.markup import quoted, to_html, with_typos
from touchstone.sandbox.pii import card, iban, luhn_digit
from touchstone.sandbox.slots import fill_slots
from touchstone.text.redact import redact

FREQUENT = {
    "en": {"the", "and", "to", "is", "you", "for", "it", "in", "we", "your"},
    "es": {"el", "la", "de", "que", "los", "en", "no", "se", "con", "por"},
    "de": {"die", "der", "das", "ist", "und", "sie", "ich", "nicht", "es", "wir"},
}


@pytest.fixture(scope="module")
def company():
    return build(days=60, conversations_per_day=25.0)


def messages(company, **wanted):
    for one in company.conversations:
        for event in one.events:
            if event.kind == "message" and all(getattr(event, name) == value for name, value in wanted.items()):
                yield one, event


@pytest.fixture(scope="module")
def slots(company):
    """The gaps that a conversation can fill."""
    from types import SimpleNamespace

    account, customer = company.accounts[0], company.customers[0]
    case = SimpleNamespace(
        customer=customer,
        household=SimpleNamespace(account=account),
        born=datetime(2026, 3, 2, tzinfo=UTC),
        language="en",
        desk="zendesk",
        topic="sso_setup",
        conversation_id="cnv-000001",
    )
    return fill_slots(None, case, dice(1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_can_be_filled(language, slots):
    phrases = [template for templates in common(language).values() for template in templates]
    for topic in topics():
        everything = book(language)[topic].everything
        phrases += [template for templates in everything.values() for template in templates]
        for name in ("title", "fact", "fact_old", "next"):
            for template in everything.get(name, ()):
                assert slots_of(template) <= set(ARTICLE_SLOTS), f"{language} {topic} {name}"
    assert len(phrases) > 350
    for template in phrases:
        assert slots_of(template) <= set(slots), template


def test_a_template_picks_fills_and_tidies():
    template = lines("{Hello|Hi} <first> {there|}, {all good|<first>} .")[0]
    texts = {render((template,), dice(1, number), {"first": "Ann"}) for number in range(60)}
    assert texts == {
        f"{greeting} Ann{there}, {rest}."
        for greeting in ("Hello", "Hi")
        for there in (" there", "")
        for rest in ("all good", "Ann")
    }


@pytest.mark.parametrize("text", ["{one|two", "one}", "<name", "{a|{b}"])
def test_a_template_with_a_lost_bracket_is_refused(text):
    with pytest.raises(ConfigurationError, match="unbalanced"):
        compile_template(text)


def test_a_topic_without_an_answer_to_a_case_is_refused():
    block = dict.fromkeys(("noun", "answer", "next", "fact", "wrong", "title"), "x") | {"open": "one\ntwo"}
    assert len(books._topic("en test", block).cases) == 2
    with pytest.raises(ConfigurationError, match="case 2"):
        books._topic("en test", block | {"answer": "[1] only the first"})
    with pytest.raises(ConfigurationError, match="pairs"):
        books._topic("en test", block | {"ask": "a\nb", "give": "a"})


def test_an_answer_fits_the_question(company):
    """The third thing that is asked about refunds is answered by what belongs to it, not by another case's answer."""
    for topic in book("en")["billing_refund"], book("en")["crm_sync"]:
        for case in topic.cases:
            assert len(case["answer"]) < len(topic.everything["answer"])
    asked = "charged {0}twice|two times"
    for one, event in messages(company, actor="human_agent"):
        if "You're right: the invoice still counted" in event.text:
            assert not re.search(asked, one.events[0].text)
            assert "seats" in one.events[0].text or "billed" in one.events[0].text or one.truth.contact > 1


def test_texts_are_varied(company):
    texts = [event.text for _, event in messages(company)]
    assert len(texts) > 10_000
    assert len(set(texts)) / len(texts) > 0.85
    long = [text for text in texts if len(text) >= 80]
    assert len(set(long)) / len(long) > 0.97
    openings = [one.events[0].text for one in company.conversations]
    assert len(set(openings)) / len(openings) > 0.95


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_conversation_is_in_its_language(company, language):
    right = []
    for one in company.conversations:
        if one.language != language:
            continue
        public = " ".join(event.text for event in one.events if event.kind == "message" and not event.is_internal)
        words = re.findall(r"[^\W\d_]+", public.lower())
        hits = {other: sum(word in FREQUENT[other] for word in words) for other in LANGUAGES}
        right.append(max(hits, key=hits.get) == language)
    assert len(right) > 50
    assert mean(right) > 0.97


def test_mails_have_markup_signatures_and_quotes(company):
    mails = [event for one, event in messages(company) if one.channel == "email"]
    assert all(event.html and "<p>" in event.html for event in mails)
    assert all(event.html is None for one, event in messages(company) if one.channel != "email")
    customers = [event.text for event in mails if event.actor == "customer"]
    people = [event.text for event in mails if event.actor == "human_agent" and not event.is_internal]
    assert mean("\n> " in text for text in people) > 0.25
    assert any("\n> " in text for text in customers)
    assert mean(bool(re.search(r"\n\n[^\n]{2,30},\n", text)) for text in customers) > 0.3
    assert any("blockquote" in event.html for event in mails)
    assert not [event for event in mails if re.search(r"(?m)^> >", event.text)], "quotes do not nest"


def test_markup_escapes_and_quotes():
    html = to_html("a < b & c\n\n> old\n> older\n\n--\nAnn")
    assert "a &lt; b &amp; c" in html
    assert ">old<br>older</blockquote>" in html
    assert '<div class="signature">--<br>Ann</div>' in html
    text = quoted("Hello\n\nOn some day, Bo wrote:\n\n> earlier", datetime(2026, 3, 2, 9, 5, tzinfo=UTC), "Ann", "de")
    assert text == "Am 02.03.2026 um 09:05 schrieb Ann:\n\n> Hello"


def test_some_people_mistype(company):
    assert with_typos("Please correct the invoice quickly", dice(2)) != "Please correct the invoice quickly"
    texts = [event.text for one, event in messages(company, actor="customer") if one.customer_id[-1] in "37"]
    small = mean(text[0].islower() for text in texts)
    assert small > 0.3


def test_calls_are_short_turns(company):
    calls = [one for one in company.conversations if one.channel == "voice"]
    turns = [sum(event.kind == "message" for event in one.events) for one in calls]
    others = [
        sum(event.kind == "message" for event in one.events) for one in company.conversations if one.channel == "ticket"
    ]
    assert mean(turns) > 1.4 * mean(others)
    for one in calls:
        ends = [
            event.at
            for event in one.events
            if event.kind in ("status", "merge") and event.value not in ("open", "pending")
        ]
        told = [event.at for event in one.events if event.kind == "message" and (not ends or event.at <= ends[0])]
        assert (told[-1] - told[0]).total_seconds() < 3600


def test_card_numbers_and_ibans_pass_their_checks():
    assert luhn_digit("7992739871") == "3"
    for number in range(200):
        digits = re.sub(r"\D", "", card(dice(number)))
        assert len(digits) == 16
        assert luhn_digit(digits[:-1]) == digits[-1]
        account = iban(dice(number, "iban")).replace(" ", "")
        moved = account[4:] + account[:4]
        assert int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def test_personal_data_is_there_for_a_redactor_to_find(company):
    found = Counter()
    for _, event in messages(company, actor="customer"):
        _, pii = redact(event.text)
        found.update(entry["type"] for entry in pii)
    assert {"EMAIL", "PHONE", "CREDIT_CARD", "IBAN"} <= {name.upper() for name in found}, found


def test_people_differ_and_their_texts_show_it(company):
    """Who greets, who guesses, who is rude or gives a secret away follows from how good the truth says it was."""
    marks = {
        "empathy_tone": re.compile(r"\b(sorry|understand|apologi[sz]e|I see)\b", re.I),
        "accuracy": re.compile(r"\b(not sure|hard to say|as far as I know|maybe|perhaps|probably|don't know)\b", re.I),
    }
    shown = defaultdict(lambda: defaultdict(list))
    for one in company.conversations:
        if one.language != "en" or one.is_ai_only or not one.truth.quality:
            continue
        said = " ".join(event.text for event in one.events if event.actor == "human_agent" and not event.is_internal)
        said = re.sub(r"(?m)^>.*$", "", said)
        for dimension, mark in marks.items():
            level = "high" if one.truth.quality[dimension] >= 80 else "low" if one.truth.quality[dimension] < 50 else ""
            shown[dimension][level].append(bool(mark.search(said)))
    assert mean(shown["empathy_tone"]["high"]) > mean(shown["empathy_tone"]["low"]) + 0.3
    assert mean(shown["accuracy"]["low"]) > mean(shown["accuracy"]["high"]) + 0.4
    said = " ".join(event.text for _, event in messages(company, actor="human_agent"))
    for words in ("guarantee", "You should have", "then I can check it", "balance between new functions"):
        assert words in said
