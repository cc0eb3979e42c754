"""Characters that JSON allows and PostgreSQL cannot hold: U+FFFD stands for each of them, and they are counted."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

UNFIT = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> tuple[Any, int]:
    """The value with U+FFFD for each NUL and lone surrogate, and their number."""
    if type(value) is str:
        return UNFIT.subn("\ufffd", value)
    if type(value) is list:
        pairs = [storable(item) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if type(value) is dict:
        total, result = 0, {}
        for key, item in value.items():
            new_key, key_count = storable(key)
            result[new_key], item_count = storable(item)
            total += key_count + item_count
        return result, total
    return value, 0


def decoded(body: bytes) -> tuple[Any, int]:
    """The value of a JSON body, and how many characters U+FFFD stands for.

    Raises:
        ValueError: The body is not JSON, or ends in the middle of it.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson takes no lone surrogate; the standard library does, and still refuses what is cut
        return storable(json.loads(body.decode("utf-8")))
    return storable(value) if b"\\u0000" in body else (value, 0)
