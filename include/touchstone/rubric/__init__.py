"""The scorecard that people and machines both judge by: YAML in, a validated `Rubric` out."""

from touchstone.rubric.loader import DEFAULT_RUBRIC, load_rubric
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
