"""The scorecard that people and machines both judge by: YAML in, a validated `Rubric` out."""

from touchstone.rubric.model import Dimension, Example, Indicator, Rubric, SentimentRules, Tier

__all__ = [
    "DEFAULT_RUBRIC",
    "Dimension",
    "Example",
    "Indicator",
    "Rubric",
    "SentimentRules",
    "Tier",
    "load_rubric",
]


def __getattr__(name: str) -> object:
    # the loader reads word lists and Arrow; the command line names this package before it knows what is asked
    if name in ("load_rubric", "DEFAULT_RUBRIC"):
        from touchstone.rubric import loader

        return getattr(loader, name)
    raise AttributeError(name)
