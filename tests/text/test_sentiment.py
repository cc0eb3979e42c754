"""The figures of `touchstone.text.sentiment` are TextBlob's, to the last bit."""

from __future__ import annotations

import sys
import threading
from importlib import metadata

import numpy as np
import pytest
from textblob import TextBlob

from touchstone.bench import fuzz
from touchstone.bench.sentiment import long_messages, short_turns, star_texts
from touchstone.text import sentiment as module
from touchstone.text.sentiment import SENTIMENT_VERSION, forget, sentiment


def differences(texts: list[str]) -> list[tuple[str, tuple[float, float], tuple[float, float]]]:
    """(text, expected, found) where any bit differs; the sign of a zero counts."""
    polarity, subjectivity = sentiment(texts)
    expected = np.array([tuple(TextBlob(text).sentiment) for text in texts], dtype=np.float64).reshape(-1, 2)
    found = np.column_stack((polarity, subjectivity))
    places = np.flatnonzero((expected.view(np.uint64) != found.view(np.uint64)).any(axis=1))
    return [(texts[place], tuple(expected[place]), tuple(found[place])) for place in places]


def assert_parity(texts: list[str]) -> None:
    different = differences(texts)
    assert not different, f"{len(different)} of {len(texts)} differ, first {different[:3]!a}"


CORNERS = {
    "nothing": ["", " ", "\t", "\n", "\r", "\n\n", "\r\n\r\n", "\u00a0", "\u2003\u2028", "\x00", "\x1f", "\ufeff"],
    "known words": ["good", "GOOD", "Good.", "bad!", "a good and a bad day", "ok", "13th", "f*cking", "open-minded"],
    "words with spaces in the lexicon": ["in good taste", "done with", "used to", "full of life"],
    "negations": [
        "not good",
        "no good",
        "never good",
        "not a good",
        "not the good",
        "not not good",
        "not bad!",
        "no no",
    ],
    "contractions": ["don't like", "isn't good", "can't", "won’t be good", "DON'T good", "n't good", "I'm good", "'d"],
    "modifiers": ["very good", "very not good", "really not good", "really is good", "really the good", "very"],
    "modifier chains": ["very very good", "not very good", "not really very bad", "really really not not good"],
    "modifiers without -ly before a negation": ["very no good", "much no bad", "very not good", "real never good"],
    "modifier then sign": ["really :) good", "very :( bad", "really ♥ good", "really not :)", "very (!) good"],
    "clamps": [
        "extremely very awesome !!!!!!!!",
        "very very very terrible ! ! !",
        "not extremely awesome !",
        "worst !",
    ],
    "exclamation marks": ["!", "! good", "good!", "good !!!", "good word!", "not good!", "good ! not"],
    "sarcasm": [
        "(!)",
        "( ! )",
        "good (!)",
        "(! )",
        "(\n\n!)",
        "( \n\n ! \n\n )",
        "((!))",
        "a(!)b",
        "( END-OF-SENTENCE !)",
    ],
    "emoticons": [
        ":)",
        ":-)",
        ":D",
        "XD",
        "xD",
        "<3",
        "♥",
        ":'(",
        ":'''(",
        ";'(",
        "o.O",
        "o_O",
        "°O°",
        ">.>",
        ":-.",
        "=/",
    ],
    "emoticons in pieces": [": )", ":\n)", ":\n\n)", ": END-OF-SENTENCE )", "> : )", ":- o)", "o. O", "o . O", "o .O"],
    "emoticons at words": [
        "(at 8)",
        "good: )",
        "hello:)",
        "hell:o )",
        "if a < 3 then",
        "a<3",
        "x8 )",
        "maxX D",
        "8:c )",
    ],
    "emoticons with quotes": [": ' (", ":'\n\n(", "good:' (", "' : ' (", "!:'(", ":''' (", ": \n\n' (", ".' ("],
    "overlapping emoticons": [":c)", ":c )", ":c :)", ":):(", ": ) : (", ">:))", ":-))", "8-D )", ":D )", "<3<3"],
    "abbreviations": [
        "Mr. good",
        "e.g. good.",
        "U.S. good.",
        "B|||. good",
        "Bcd.,. x",
        "A.b.c.",
        "x.y.,..",
        "w/ good",
        "Hmm.",
    ],
    "periods": [".", "..", "...", "....", "good...", "good.....!", ".good", "..good..", "good.bad", "a.,.,.", "good…"],
    "quotes": [
        '"good"',
        "'good'",
        "“good” bad",
        "‘not’ good",
        "good\" '",
        ".' good",
        '." good " bad',
        "'''",
        "not 'good'",
    ],
    "line breaks": ["good\nbad", "not\n\ngood", "not\r\ngood", "not\r\n\r\ngood", "very\r\rgood", "very\n \ngood"],
    "its own mark": [
        "END-OF-SENTENCE",
        "not END-OF-SENTENCE good",
        "END-OF-SENTENCE.",
        "(END-OF-SENTENCE)",
        "xEND-OF-SENTENCE",
    ],
    "punctuation only": ["...", "?!", "()[]{}", "(((((", "-----", "~_~", "@#$^&*", "|=|", "%/\\<>"],
    "unicode": [
        "ΟΔΟΣ good",
        "İyi good",
        "ǅ",
        "ß",
        "good\u0301",
        "g̷o̷o̷d̷",
        "مرحبا good",
        "\u202egood",
        "日本語 good",
        "👍 good",
    ],
    "white space": [
        "not\tgood",
        "not\u00a0good",
        "not\u2003good",
        "not\x1cgood",
        "not\x85good",
        "not\u200bgood",
        "good\x0b!",
    ],
    "surrogates and NUL": ["\ud800", "good\udfff", "\ud83d good", "good\x00bad", "\x00 good"],
    "signs of zero": ["not 13th", "not able not 13th", "not above", "never 13th !", "not very 13th"],
}


@pytest.mark.parametrize("texts", CORNERS.values(), ids=CORNERS)
def test_corner_cases_equal_textblob(texts: list[str]) -> None:
    assert_parity(texts)
    # The memo remembers chunks, so the same chunks are also met in new company and order.
    assert_parity([f"{first} {second}" for first in texts for second in texts])


def test_pairs_across_corner_cases_equal_textblob() -> None:
    texts = [text for group in CORNERS.values() for text in group[:4]]
    assert_parity([f"{first}{gap}{second}" for gap in ("", "\n\n") for first in texts for second in texts])


def test_every_word_of_the_lexicon_equals_textblob() -> None:
    words = fuzz.lexicon()
    assert len(words) > 2_800
    assert_parity([frame.format(word) for word in words for frame in ("{}", "not {}!", "really {} good")])


def test_20_000_fuzzed_texts_equal_textblob() -> None:
    texts = list(fuzz.texts(20_000, seed=1))
    polarity, _ = sentiment(texts)
    assert np.count_nonzero(polarity) > 8_000, "the fuzz has to reach the lexicon, or it proves nothing"
    assert_parity(texts)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 105))
def test_250_000_fuzzed_texts_equal_textblob(seed: int) -> None:
    assert_parity(list(fuzz.texts(50_000, seed=seed)))


def test_the_fuzz_is_repeatable() -> None:
    assert list(fuzz.texts(50, seed=3)) == list(fuzz.texts(50, seed=3))
    assert list(fuzz.texts(50, seed=3)) != list(fuzz.texts(50, seed=4))


def test_generated_turns_and_messages_equal_textblob() -> None:
    assert_parity([*short_turns(1_000), *long_messages(2_000)])


def test_star_dialogues_equal_textblob(shared_data) -> None:
    path = shared_data / "star-dev" / "dialogues.jsonl.gz"
    if not path.exists():
        pytest.skip("the STAR dialogues (../shared/data/star-dev) are not beside this checkout")
    texts = [text for _, text in star_texts(path)]
    assert len(texts) > 60_000
    assert_parity(texts)


def test_an_entry_of_the_memo_never_changes_a_result() -> None:
    texts = list(fuzz.texts(3_000, seed=8))
    forget()
    cold = np.column_stack(sentiment(texts))
    warm = np.column_stack(sentiment(texts[::-1]))[::-1]
    assert cold.tobytes() == np.ascontiguousarray(warm).tobytes()


def test_the_memo_is_bounded_in_entries_and_in_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_MEMO_SIZE", 100)
    forget()
    memo = module._engine().memo
    largest = 0
    for start in range(0, 5_000, 50):
        texts = [f"good order #{number} mail{number}@example.com, not bad!" for number in range(start, start + 50)]
        assert_parity(texts)
        largest = max(largest, len(memo))
    assert 0 < largest <= 100
    long_chunk = "z" * (module.CHUNK_MEMO_LENGTH + 1)
    sentiment([long_chunk, long_chunk[:-1]])
    assert long_chunk not in memo
    assert long_chunk[:-1] in memo


HOSTILE = {
    "one word": lambda size: "a" * size,
    "brackets": lambda size: "(" * size,
    "trailing brackets": lambda size: "a" + ")" * size,
    "double quotes": lambda size: '"' * size,
    "quotes after periods": lambda size: ".'" * (size // 2),
    "spread emoticons": lambda size: ": ) " * (size // 4),
    "spread sarcasm": lambda size: "( ! )" * (size // 5),
    "an abbreviation that never ends": lambda size: "B" + "b" * (size // 2) + ".," * (size // 4),
    "initials that never end": lambda size: "a." * (size // 4) + ",." * (size // 4),
    "line breaks": lambda size: "\n" * size,
    "negated modifiers": lambda size: "really not " * (size // 11),
    "chunks that are all different": lambda size: " ".join(f"{number}#" for number in range(size // 6)),
}


def steps(text: str) -> int:
    """Python function calls, C function calls and executed lines that it takes to score a text."""
    count = 0

    def count_line(frame, event, argument):
        nonlocal count
        count += 1
        return count_line

    def count_call(frame, event, argument):
        nonlocal count
        count += 1

    forget()
    previous = sys.gettrace(), sys.getprofile()
    sys.settrace(count_line)
    sys.setprofile(count_call)
    try:
        sentiment([text])
    finally:
        sys.settrace(previous[0])
        sys.setprofile(previous[1])
    return count


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_work_grows_with_the_length_of_a_hostile_text(make) -> None:
    short, long = steps(make(2_000)), steps(make(16_000))
    assert long <= 8.5 * short + 500


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_equal_textblob(make) -> None:
    assert_parity([make(size) for size in (1, 7, 63, 500, 3_000)])


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_of_a_million_characters_has_a_score(make) -> None:
    polarity, subjectivity = sentiment([make(1_000_000)])
    assert -1 <= polarity[0] <= 1
    assert 0 <= subjectivity[0] <= 1


def test_the_result_has_one_double_per_text_in_their_order() -> None:
    polarity, subjectivity = sentiment(["great", "terrible", "table"])
    assert polarity.dtype == subjectivity.dtype == np.float64
    assert polarity.shape == subjectivity.shape == (3,)
    assert polarity[0] > 0 > polarity[1]
    assert polarity[2] == subjectivity[2] == 0
    empty = sentiment([])
    assert [(part.shape, part.dtype) for part in empty] == [((0,), np.float64)] * 2


def test_kinds_of_sequences_and_of_strings_give_the_same() -> None:
    texts = ["very good :)", "not bad", ""]
    expected = np.column_stack(sentiment(texts)).tobytes()
    assert np.column_stack(sentiment(tuple(texts))).tobytes() == expected
    assert np.column_stack(sentiment(np.array(texts))).tobytes() == expected
    assert np.column_stack(sentiment([np.str_(text) for text in texts])).tobytes() == expected


@pytest.mark.parametrize("item", [None, b"good", float("nan"), 1, ["good"]])
def test_an_item_that_is_no_string_is_refused_with_its_place(item: object) -> None:
    with pytest.raises(TypeError, match=rf"texts\[1\] is {type(item).__name__}, not str"):
        sentiment(["good", item])
    with pytest.raises(TypeError):
        TextBlob(item)


@pytest.mark.parametrize("texts", ["good", b"good"])
def test_a_single_string_is_refused(texts: object) -> None:
    with pytest.raises(TypeError, match="single string"):
        sentiment(texts)


def test_threads_share_the_memo_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_MEMO_SIZE", 50)
    texts = list(fuzz.texts(2_000, seed=9))
    expected = np.column_stack(sentiment(texts)).tobytes()
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(np.column_stack(sentiment(texts)).tobytes())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_the_version_names_the_installed_textblob() -> None:
    assert SENTIMENT_VERSION.endswith(metadata.version("textblob"))
