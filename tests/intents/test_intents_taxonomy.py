"""The taxonomy: faults are named with their line, decisions of people stay as they are written."""

from __future__ import annotations

import pytest

from touchstone.errors import ConfigurationError
from touchstone.intents.taxonomy import draft, load_taxonomy, promote, write_draft

GOOD = """\
# our intents
version: 3
high_risk_categories: [medical]
intents:
  - id: billing
    name: Billing
    topic: billing
    description: Anything about bills.
    owner_team: payments
    status: active
  # asked most in January
  - id: refund_status
    name: Where is my refund
    topic: billing
    parent: billing
    description: When money comes back.
    owner_team: payments
    high_risk: medical
    target_action: refund_viewed
    expected_entities: [order_id, amount]
    status: active
  - id: card_parcel
    name: card / parcel
    topic: to review
    status: draft
    cluster: c00007
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "taxonomy.yml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_read(path):
    found = load_taxonomy(path)
    assert [one.status for one in found.intents] == ["active", "active", "draft"]
    assert found.by_id()["refund_status"].expected_entities == ("order_id", "amount")
    assert found.unknown(["billing", "else"]) == ["else"]


@pytest.mark.parametrize(
    ("wrong", "right", "line", "said"),
    [
        ("status: draft", "status: drafted", 25, "Did you mean `draft`"),
        ("parent: billing", "parent: biling", 15, "Did you mean `billing`"),
        ("[order_id, amount]", "[order_idd]", 20, "Did you mean `order_id`"),
        ("high_risk: medical", "high_risk: lunar", 18, "unknown category of risk"),
        ("id: card_parcel", "id: billing", 22, "given twice"),
        ("id: card_parcel", "id: card parcel", 22, "not a short name"),
        ("    description: Anything about bills.\n", "", 5, "missing entry"),
        ("topic: to review", "topick: to review", 24, "unknown entry"),
        ("    name: Billing\n", "    name: Billing\n    parent: refund_status\n", 7, "above itself"),
    ],
)
def test_a_fault_is_named_with_its_line(path, wrong, right, line, said):
    path.write_text(GOOD.replace(wrong, right, 1))
    with pytest.raises(ConfigurationError) as caught:
        load_taxonomy(path)
    assert f"line {line}:" in str(caught.value)
    assert said in str(caught.value)
    assert "rubric" not in str(caught.value)


def test_the_version_follows_the_content(path):
    before = load_taxonomy(path).full_version
    path.write_text(GOOD.replace("Where is my refund", "Refund status"))
    assert load_taxonomy(path).full_version != before


def entry(**more):
    return {"id": "virtual_card", "name": "Virtual: card", "topic": "cards", "description": "Wants one.",
            "owner_team": "cards", "status": "active", **more}  # fmt: skip


def test_a_promoted_intent_is_added_and_the_rest_stays(path):
    promote(path, entry())
    text = path.read_text()
    assert text.startswith(GOOD)
    assert load_taxonomy(path).by_id()["virtual_card"].name == "Virtual: card"


def test_the_draft_of_the_cluster_becomes_the_intent(path):
    promote(path, entry(cluster="c00007"))
    found = load_taxonomy(path)
    assert [one.id for one in found.intents] == ["billing", "refund_status", "virtual_card"]
    assert "# asked most in January" in path.read_text()


def test_a_promotion_that_cannot_be_leaves_the_file_alone(path):
    with pytest.raises(ConfigurationError, match=r"taxonomy\.yml, line \d+: .*given twice"):
        promote(path, entry(id="billing"))
    assert path.read_text() == GOOD
    assert [one.name for one in path.parent.iterdir()] == ["taxonomy.yml"]


def test_entries_after_the_list_stay_after_it(path):
    path.write_text(GOOD.replace("version: 3\n", "") + "version: 3\n")
    promote(path, entry())
    assert path.read_text().rstrip().endswith("version: 3")
    assert len(load_taxonomy(path).intents) == 4


def test_a_draft_is_valid_and_never_overwrites(tmp_path):
    clusters = [("c00001", "card / lost", 12), ("c00002", "card / lost", 3), ("c00003", "yes: no # maybe", 1)]
    write_draft(tmp_path / "draft.yml", clusters)
    found = load_taxonomy(tmp_path / "draft.yml")
    assert [one.id for one in found.intents] == ["card_lost", "card_lost_2", "yes_no_maybe"]
    assert found.intents[2].name == "yes: no # maybe"
    with pytest.raises(ConfigurationError, match="stands there already"):
        write_draft(tmp_path / "draft.yml", clusters)


def test_an_empty_draft_takes_its_first_intent(tmp_path):
    path = tmp_path / "draft.yml"
    path.write_text(draft([]))
    promote(path, entry())
    assert [one.id for one in load_taxonomy(path).intents] == ["virtual_card"]
