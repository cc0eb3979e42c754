"""Groups of questions: their number is found, their ids stay, their names quote nobody."""

from __future__ import annotations

import json

import numpy as np
import pytest
from intents_world import INTENTS, new_questions, questions, wordings
from sklearn.metrics import normalized_mutual_info_score
from typer.testing import CliRunner

from touchstone.cli import app
from touchstone.errors import ConfigurationError, SourceError, TouchstoneError
from touchstone.intents import groups as grouping
from touchstone.intents.discover import discover, load_state, regrouped, save_state
from touchstone.intents.files import Question, Questions
from touchstone.intents.names import name_of, terms_of


def as_questions(texts, first=1):
    return Questions([Question(at, str(at), text) for at, text in enumerate(texts, first)])


@pytest.fixture(scope="module")
def rows():
    return questions(30)


@pytest.fixture(scope="module")
def grouped(rows):
    return discover(as_questions([text for text, _ in rows]), "first.csv", vectors="static")


def test_groups_are_the_intents(rows, grouped):
    value = normalized_mutual_info_score([intent for _, intent in rows], grouped.columns["cluster_id"])
    assert value > 0.75
    assert len(INTENTS) <= len(grouped.state.ids) <= 4 * len(INTENTS)


def test_transformer_vectors_find_them_too(rows):
    few = rows[:90]
    done = discover(as_questions([text for text, _ in few]), "first.csv")
    assert normalized_mutual_info_score([intent for _, intent in few], done.columns["cluster_id"]) > 0.75


def test_later_questions_leave_old_groups_as_they_are(rows, grouped, tmp_path):
    out = tmp_path / "clusters.parquet"
    save_state(grouped.state, out)
    state = load_state(out)
    ids, names = list(state.ids), list(state.names)
    later = [text for text, _ in questions(60, seed=4)][:40]
    done = discover(as_questions(later, 1_000), "later.csv", previous=state, vectors="static")
    assert done.state.ids[: len(ids)] == ids
    assert done.state.names[: len(names)] == names
    taken = [one for one in done.columns["cluster_id"] if one in set(ids)]
    assert len(taken) > 0.8 * len(later)


def test_questions_of_a_new_kind_become_a_new_group_once_there_are_enough(grouped, tmp_path):
    out = tmp_path / "clusters.csv"
    save_state(grouped.state, out)
    state = load_state(out)
    known = len(state.ids)
    two = discover(as_questions(new_questions(2)), "monday.csv", previous=state, vectors="static")
    assert len(two.state.ids) == known
    assert two.columns["cluster_id"] == [None, None]
    assert len(two.state.waiting) == 2
    more = discover(as_questions(new_questions(14)[2:]), "tuesday.csv", previous=two.state, vectors="static")
    assert len(more.state.ids) > known
    # those that waited are told, too
    told = [at for at, file in enumerate(more.columns["file"]) if file == "monday.csv"]
    assert len(told) + sum(file == "monday.csv" for file, _, _ in more.state.waiting) == 2
    assert all(more.columns["cluster_id"][at] in more.state.ids[known:] for at in told)


def test_ids_survive_a_new_grouping_of_everything(rows, grouped):
    texts = [text for text, _ in rows]
    had = dict(zip(grouped.columns["id"], grouped.columns["cluster_id"], strict=True))
    done = regrouped(as_questions([*texts, *new_questions(9)]), "all.csv", grouped.state, had)
    kept = set(done.state.ids) & set(grouped.state.ids)
    assert len(kept) >= 0.8 * len(grouped.state.ids)
    fresh = set(done.state.ids) - set(grouped.state.ids)
    assert all(int(one[1:]) >= grouped.state.next_id for one in fresh)


def test_a_group_goes_on_the_one_that_it_shares_most_with():
    assert grouping.carried_over([0, 0, 0, 1, 1, 1], [5, 5, 5, 2, 2, 5]) == {5: 0, 2: 1}
    assert grouping.carried_over([0, 0, 0, 0], [1, 2, 3, 4]) == {1: 0}
    assert grouping.carried_over([], []) == {}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_questions_are_grouped_too(count):
    texts = [text for name in INTENTS for text in wordings(*INTENTS[name])[:1]][:count]
    done = discover(as_questions(texts), "few.csv", vectors="static")
    assert len(done.columns["cluster_id"]) == count
    assert done.state.groups.sizes.sum() == count


def test_equal_questions_are_one_group():
    done = discover(as_questions(["where is it?"] * 7), "same.csv", vectors="static")
    assert len(done.state.ids) == 1


def test_no_question_is_an_error_that_says_so():
    with pytest.raises(TouchstoneError, match="no question can be grouped"):
        discover(Questions(), "none.csv", vectors="static")


def test_names_hold_what_several_share_and_nothing_of_one_customer():
    shared = ["my parcel from Zorbania is late, I am Kim Novak", *[f"the parcel is late {n}" for n in "abc"]]
    own = [terms_of(text) for text in shared]
    name = name_of(own, {"parcel": 3, "late": 3}, 100)
    assert set(name.split(" / ")) == {"parcel", "late"}
    assert name_of(own[:2], {}, 100) is None


def test_personal_data_are_no_terms():
    found = terms_of("my mail is kim.novak@example.com, call 415-555-0100, password is hunter2, refund please")
    assert "refund" in found
    assert not found & {"kim", "novak", "example", "hunter"}


def test_names_are_no_sentences_of_customers(rows, grouped):
    texts = [text.lower() for text, _ in rows]
    for name in grouped.state.names:
        terms = name.split(" / ")
        assert len(terms) <= 4
        assert len(terms) < 2 or not any(" ".join(terms) == text for text in texts)


def test_the_centre_of_no_other_question_moves_the_result():
    generator = np.random.default_rng(0)
    one = grouping.units(generator.standard_normal((40, 16)).astype(np.float32))
    again = grouping.tree_groups(one)
    assert (again == grouping.tree_groups(one.copy())).all()
    assert again[0] == 0


def test_the_commands_discover_draft_and_promote(tmp_path, rows):
    texts, out, taxonomy = tmp_path / "texts.jsonl", tmp_path / "clusters.parquet", tmp_path / "taxonomy.yml"
    texts.write_text("".join(json.dumps({"id": f"q{n}", "text": text}) + "\n" for n, (text, _) in enumerate(rows)))
    runner = CliRunner()
    command = ["intents", "discover", str(texts), "--out", str(out), "--vectors", "static"]
    done = runner.invoke(app, [*command, "--taxonomy-out", str(taxonomy)])
    assert done.exit_code == 0, done.output
    draft = taxonomy.read_text()
    assert "status: draft" in draft
    again = runner.invoke(app, [*command, "--taxonomy-out", str(taxonomy)])
    assert isinstance(again.exception, ConfigurationError)
    cluster, labels = load_state(out).ids[0], tmp_path / "more.csv"
    options = {
        "--taxonomy": taxonomy, "--clusters": out, "--id": "lost_card", "--name": "Lost card", "--topic": "cards",
        "--description": "Lost a card.", "--owner": "cards", "--by": "QA", "--on": "2026-03-31", "--high-risk": "fraud",
        "--entity": "account", "--texts": texts, "--labels-out": labels,
    }  # fmt: skip
    done = runner.invoke(
        app, ["intents", "promote", cluster, *(str(part) for pair in options.items() for part in pair)]
    )
    assert done.exit_code == 0, done.output
    assert "id: lost_card" in taxonomy.read_text()
    assert labels.read_text().count("lost_card") >= 3
    checked = runner.invoke(app, ["intents", "taxonomy", str(taxonomy)])
    assert "1 active" in checked.output


def test_earlier_groups_without_their_folder_are_an_error_with_the_remedy(tmp_path):
    with pytest.raises(SourceError, match=r"Keep FILE\.groups"):
        load_state(tmp_path / "clusters.parquet")
