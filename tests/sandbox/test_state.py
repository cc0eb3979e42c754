"""How a conversation stands at a moment, by hand-made events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from touchstone.errors import SourceError
from touchstone.sandbox.model import Account, Agent, Article, ArticleVersion, Conversation, Deal, Event, Truth
from touchstone.sandbox.state import account_at, agent_at, article_at, events_at, fold, moments

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def said(number: int, at: float, text: str, actor: str = "customer", **fields) -> Event:
    return Event("message", minute(at), actor, "cus-000001", f"msg-000001-{number:03d}", text, **fields)


def conversation(*events: Event) -> Conversation:
    return Conversation(
        conversation_id="cnv-000001",
        desk="zendesk",
        account_id="acc-00001",
        customer_id="cus-000001",
        channel="email",
        language="en",
        subject="A question",
        product_area="Billing",
        created_at=START,
        is_ai_only=False,
        events=[said(1, 0, "My card is 4111 1111 1111 1111", html="<p>My card</p>"), *events],
        truth=Truth("billing_refund", True, {}, "simple", "calm"),
    )


def test_nothing_stands_before_the_beginning():
    with pytest.raises(SourceError, match="cnv-000001"):
        fold(conversation(), START - timedelta(seconds=1))


def test_fields_hold_the_latest_value_by_then():
    one = conversation(
        Event("priority", minute(0), value="normal"),
        Event("topic", minute(1), value="plan_change"),
        Event("assign", minute(2), value="agt-001", team="frontline"),
        Event("handoff", minute(5), value="agt-002", team="billing", text="wrong_team", actor_id="agt-001"),
        Event("assign", minute(5), value="agt-002", team="billing"),
        Event("topic", minute(6), value="billing_refund"),
        Event("tag", minute(7), value="vip"),
        Event("tag", minute(8), value="refund"),
        Event("tag", minute(9), value="vip"),
    )
    early = fold(one, minute(2))
    assert (early.topic, early.assignee_id, early.team, early.tags) == ("plan_change", "agt-001", "frontline", [])
    late = fold(one, minute(60))
    assert (late.topic, late.assignee_id, late.team) == ("billing_refund", "agt-002", "billing")
    assert (late.priority, late.tags, late.status) == ("normal", ["vip", "refund"], "new")


def test_a_reopening_counts_and_clears_the_end():
    one = conversation(
        Event("status", minute(1), value="open"),
        Event("status", minute(10), value="solved"),
        Event("status", minute(20), value="open"),
        Event("status", minute(30), value="solved"),
        Event("status", minute(40), value="closed"),
    )
    assert fold(one, minute(10)).solved_at == minute(10)
    again = fold(one, minute(20))
    assert (again.status, again.reopens, again.solved_at, again.closed_at) == ("open", 1, None, None)
    end = fold(one, minute(99))
    assert (end.status, end.reopens, end.solved_at, end.closed_at) == ("closed", 1, minute(30), minute(40))


def test_a_touch_is_stated_but_leaves_the_time_of_update():
    state = fold(conversation(Event("status", minute(3), value="open"), Event("touch", minute(50))), minute(60))
    assert (state.updated_at, state.stated_at) == (minute(3), minute(50))


def test_a_message_counts_from_when_it_shows():
    one = conversation(said(2, 5, "late", visible_at=minute(8)), said(3, 6, "soon"))
    assert [message.text for message in fold(one, minute(7)).messages][1:] == ["soon"]
    assert fold(one, minute(7)).stated_at == minute(6)
    shown = fold(one, minute(8))
    assert [message.text for message in shown.messages][1:] == ["late", "soon"]
    assert (shown.updated_at, shown.stated_at) == (minute(6), minute(8))
    assert moments(one) == [minute(0), minute(6), minute(8)]
    assert len(events_at(one, minute(7))) == 2


def test_a_redaction_replaces_text_and_markup_from_then_on():
    one = conversation(
        said(2, 1, "Thanks"),
        Event("redact", minute(9), message_id="msg-000001-001", text="My card is ▇", html="<p>My card is ▇</p>"),
    )
    assert fold(one, minute(8)).messages[0].text.endswith("1111")
    state = fold(one, minute(9))
    assert (state.messages[0].text, state.messages[0].html) == ("My card is ▇", "<p>My card is ▇</p>")
    assert state.messages[0].redacted_at == minute(9)
    assert (state.messages[1].text, state.messages[1].redacted_at) == ("Thanks", None)
    assert one.events[0].text.endswith("1111"), "the company itself stays as it is"


def test_a_deletion_hides_and_a_scrub_replaces_every_text():
    one = conversation(said(2, 1, "Thanks"), Event("delete", minute(5)), Event("redact", minute(9), text="SCRUBBED"))
    assert fold(one, minute(4)).deleted_at is None
    state = fold(one, minute(9))
    assert state.deleted_at == minute(5)
    assert {message.text for message in state.messages} == {"SCRUBBED"}
    assert state.messages[0].html == "<p>SCRUBBED</p>"


def test_a_merge_closes():
    state = fold(conversation(Event("merge", minute(4), value="cnv-000000")), minute(5))
    assert (state.merged_into, state.merged_at) == ("cnv-000000", minute(4))
    assert (state.status, state.closed_at) == ("closed", minute(4))


def test_the_latest_rating_holds():
    one = conversation(
        Event("rate", minute(4), value=1, text="slow"), Event("rate", minute(9), value=5, text="solved after all")
    )
    assert fold(one, minute(3)).rating is None
    assert fold(one, minute(5)).rating.value == 1
    last = fold(one, minute(9)).rating
    assert (last.value, last.comment, last.rated_at) == (5, "solved after all", minute(9))


def test_an_account_shows_only_what_is_past():
    deal = Deal(
        "deal-00001",
        "acc-00001",
        "renewal",
        "agt-001",
        1200.0,
        0.0,
        minute(10),
        date(2026, 3, 9),
        [(minute(10), "open"), (minute(90), "lost")],
    )
    account = Account(
        account_id="acc-00001",
        name="Northwind",
        domain="northwind.example",
        tier="standard",
        segment="smb",
        industry="retail",
        country="IE",
        owner_id="agt-001",
        created_at=minute(0),
        renewal_month=3,
        churned_at=minute(90),
        tiers=[(minute(0), "standard"), (minute(50), "business")],
        arr=[(minute(0), 1200.0), (minute(90), 0.0)],
        deals=[deal],
    )
    assert account_at(account, minute(-1)) is None
    early = account_at(account, minute(20))
    assert (early.tier, early.churned_at, early.arr) == ("standard", None, [(minute(0), 1200.0)])
    assert early.deals[0].stages == [(minute(10), "open")]
    late = account_at(account, minute(90))
    assert (late.tier, late.churned_at, late.arr[-1][1]) == ("business", minute(90), 0.0)
    assert account.deals == [deal], "the company itself stays as it is"


def test_an_agent_and_an_article_show_only_what_is_past():
    agent = Agent(
        "agt-001",
        "Ann Poe",
        "ann@firm.example",
        "human_agent",
        minute(0),
        minute(80),
        [(minute(0), "billing", "agent"), (minute(60), "access", "agent")],
    )
    assert agent_at(agent, minute(-1)) is None
    assert (agent_at(agent, minute(59)).left_at, len(agent_at(agent, minute(59)).teams)) == (None, 1)
    assert (agent_at(agent, minute(80)).left_at, len(agent_at(agent, minute(80)).teams)) == (minute(80), 2)
    versions = [ArticleVersion(minute(number * 30), "t", str(number), "agt-001") for number in range(3)]
    article = Article("art-0001", "sso_setup", "Accounts", "en", minute(0), minute(70), versions)
    assert article_at(article, minute(-1)) is None
    assert [version.body for version in article_at(article, minute(30)).versions] == ["0", "1"]
    assert article_at(article, minute(69)).archived_at is None
    assert article_at(article, minute(70)).archived_at == minute(70)
