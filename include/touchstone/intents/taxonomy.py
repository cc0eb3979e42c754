"""The taxonomy: what customers can want, as a file that a company keeps under version control.

    version: 1
    intents:
      - id: refund_status
        name: Where is my refund
        topic: billing
        description: The customer asks when money that was promised back arrives.
        owner_team: payments
        high_risk: payments
        target_action: refund_viewed
        expected_entities: [order_id, amount]
        status: active

Errors point to the line. A draft made from clusters holds their names, no question of a customer; somebody reviews each entry and
moves its status from `draft` to `active`, or to `retired`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from touchstone.errors import ConfigurationError
from touchstone.intents.entities import TYPES
from touchstone.intents.files import write_bytes
from touchstone.rubric.nodes import Document, Reader, suggestion
from touchstone.rubric.words import digest

STATUSES = ("draft", "active", "retired")
RISKS = ("payments", "fraud", "privacy", "legal", "safety", "cancellation", "account_access")
"""Kinds of intents that are handled with more care; a taxonomy may name others under `high_risk_categories`."""
_TOP = ("version", "high_risk_categories", "intents")
_ENTRY = (
    "id",
    "name",
    "topic",
    "parent",
    "description",
    "owner_team",
    "high_risk",
    "target_action",
    "expected_entities",
    "status",
    "cluster",
    "promoted_at",
    "promoted_by",
)
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}\Z")
_START = "Make a draft with `touchstone intents discover TEXTS --out FILE --taxonomy-out taxonomy.yml`."


@dataclass(frozen=True, slots=True)
class Intent:
    """One entry.

    Attributes:
        topic: The group that it is reported under.
        parent: Id of a wider intent; None at the top.
        high_risk: Category of risk; None for an ordinary intent.
        target_action: Event of product analytics that shows success; None where none does.
        expected_entities: Types of `entities.TYPES` that a conversation about it needs.
        cluster: Id of the cluster that it came from; None where somebody wrote it.
    """

    id: str
    name: str
    topic: str
    parent: str | None
    description: str | None
    owner_team: str | None
    high_risk: str | None
    target_action: str | None
    expected_entities: tuple[str, ...]
    status: str
    cluster: str | None
    promoted_at: date | None
    promoted_by: str | None


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """A validated file; `full_version` changes with its content."""

    path: Path
    version: str
    full_version: str
    intents: tuple[Intent, ...]

    def by_id(self) -> dict[str, Intent]:
        return {one.id: one for one in self.intents}

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Names that are no intent of the taxonomy, or a retired one, ascending."""
        known = {one.id for one in self.intents if one.status != "retired"}
        return sorted(set(names) - known)


def load_taxonomy(path: str | Path) -> Taxonomy:
    """Read and validate a taxonomy.

    Raises:
        ConfigurationError: Anything is missing, unknown, doubled, or refers to nothing; the message names file and line.
    """
    document = Document(Path(path), "taxonomy", _START)
    top = Reader(document, (), _TOP)
    version = str(top.take("version", (str, int, float), "the version of this taxonomy"))
    risks = (*RISKS, *top.texts("high_risk_categories", "names of categories", optional=True))
    entries = top.take("intents", list, "a list of intents")
    found: dict[str, Intent] = {}
    for number in range(len(entries)):
        one = _intent(document, number, risks)
        if one.id in found:
            raise document.fault(("intents", number, "id"), "an intent given twice", one.id, "Rename one of the two.")
        found[one.id] = one
    for number, one in enumerate(found.values()):
        place = ("intents", number, "parent")
        if one.parent is not None and one.parent not in found:
            raise document.fault(place, "unknown parent", one.parent, suggestion(one.parent, found))
        if _is_circle(one, found):
            raise document.fault(place, "an intent above itself", one.parent, "Give another parent.")
    content = [[str(getattr(one, name)) for name in _ENTRY] for one in found.values()]
    return Taxonomy(document.path, version, f"{version}-{digest([version, content])}", tuple(found.values()))


def _intent(document: Document, number: int, risks: Sequence[str]) -> Intent:
    reader = Reader(document, ("intents", number), _ENTRY)
    identity = reader.take("id", str, "a short name without blanks")
    if not _IDENTITY.match(identity):
        raise reader.fault("id", "not a short name", "Use up to 128 letters, digits, `_`, `-` and `.`.")
    status = reader.take("status", str, f"one of {', '.join(STATUSES)}")
    if status not in STATUSES:
        raise reader.fault("status", "unknown status", suggestion(status, STATUSES))
    risk = reader.take("high_risk", str, "a category of risk", optional=True)
    if risk is not None and risk not in risks:
        raise reader.fault("high_risk", "unknown category of risk", suggestion(risk, risks))
    entities = ()
    if reader.value.get("expected_entities"):
        entities = reader.texts("expected_entities", "types of entities")
        for one in entities:
            if one not in TYPES:
                raise reader.fault("expected_entities", "unknown type of entity", suggestion(one, TYPES))
    promoted = reader.value.get("promoted_at")
    if promoted is not None and type(promoted) is not date:
        raise reader.fault("promoted_at", "not a day", "Write it as 2026-03-31.")

    def text(key: str, meaning: str) -> str | None:
        return reader.take(key, str, meaning, optional=True)

    active = status == "active"
    return Intent(
        id=identity,
        name=reader.take("name", str, "what people call it"),
        topic=reader.take("topic", str, "the group that it is reported under"),
        parent=text("parent", "the id of a wider intent"),
        description=reader.take("description", str, "what the customer wants, in a sentence", optional=not active),
        owner_team=reader.take("owner_team", str, "who answers for it", optional=not active),
        high_risk=risk,
        target_action=text("target_action", "the event that shows success"),
        expected_entities=entities,
        status=status,
        cluster=text("cluster", "the id of a cluster"),
        promoted_at=promoted,
        promoted_by=text("promoted_by", "who decided"),
    )


def _is_circle(one: Intent, found: dict[str, Intent]) -> bool:
    seen = {one.id}
    above = one.parent
    while above is not None and above in found:
        if above in seen:
            return True
        seen.add(above)
        above = found[above].parent
    return False


# --- writing


def slug(name: str) -> str:
    """A name as an id."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:128] or "intent"


def draft(clusters: Sequence[tuple[str, str, int]]) -> str:
    """A taxonomy to be reviewed, from clusters.

    Args:
        clusters: (id, name, questions), largest first.
    """
    used: set[str] = set()
    lines = [
        "# A draft made from clusters of questions. Review every entry: give it a name that people use, a topic, a description and",
        "# an owner, then set its status to active; or retire it. Entries that mean one thing become one.",
        "version: 1",
        "intents:" if clusters else "intents: []",
    ]
    for cluster, name, questions in clusters:
        base = identity = slug(name)
        number = 2
        while identity in used:
            identity, number = f"{base}_{number}", number + 1
        used.add(identity)
        lines += _entry({"id": identity, "name": name, "topic": "to review", "status": "draft", "cluster": cluster})
        lines[-1] += f"  # {questions:,} questions"
    return "\n".join(lines) + "\n"


def _entry(values: dict[str, Any], indent: int = 2) -> list[str]:
    dumped = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1_000).splitlines()
    blank = " " * indent
    return [f"{blank}- {dumped[0]}", *(f"{blank}  {line}" for line in dumped[1:])]


def write_draft(path: str | Path, clusters: Sequence[tuple[str, str, int]]) -> None:
    """Write a draft where no taxonomy is yet.

    Raises:
        ConfigurationError: A file stands there: people's decisions are not overwritten.
    """
    path = Path(path)
    if path.exists():
        raise ConfigurationError("a taxonomy stands there already", str(path), "Give another --taxonomy-out.")
    write_bytes(path, draft(clusters).encode())
    load_taxonomy(path)


def promote(path: str | Path, values: dict[str, Any]) -> Taxonomy:
    """Add an intent to a taxonomy, or make its draft from the same cluster active; comments and other entries stay as they are.

    Args:
        values: Fields of the entry, `id` and `name` at least.

    Raises:
        ConfigurationError: The entry is not valid, or its id is taken by another one.
    """
    path = Path(path)
    before = load_taxonomy(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    cluster = values.get("cluster")
    replaced = next(
        (at for at, one in enumerate(before.intents) if one.status == "draft" and cluster and one.cluster == cluster),
        None,
    )
    root = yaml.compose("\n".join(lines) + "\n", Loader=yaml.SafeLoader)
    node = next(value for key, value in root.value if key.value == "intents")
    if not node.value:
        raise_at = next(key for key, value in root.value if key.value == "intents").start_mark.line
        lines[raise_at] = "intents:"
        lines[raise_at + 1 : raise_at + 1] = _entry(values)
    elif node.flow_style:
        raise ConfigurationError("the intents stand in brackets", str(path), "Write one intent per `- id:` block.")
    else:
        indent = node.start_mark.column
        ends = [one.start_mark.line for one in node.value[1:]] + [_last_line(node) + 1]
        if replaced is None:
            lines[ends[-1] : ends[-1]] = _entry(values, indent)
        else:
            first = node.value[replaced].start_mark.line
            lines[first : _last_line(node.value[replaced]) + 1] = _entry(values, indent)
    text = "\n".join(lines) + "\n"
    trial = path.with_name(f".{path.name}.trial")
    try:
        trial.write_text(text, encoding="utf-8")
        load_taxonomy(trial)
    except ConfigurationError as error:
        thing = error.thing.replace(str(trial), str(path))
        raise ConfigurationError(thing, error.value, error.remedy) from None
    finally:
        trial.unlink(missing_ok=True)
    write_bytes(path, text.encode())
    return load_taxonomy(path)


def _last_line(node: yaml.Node) -> int:
    """0-based line of the last value inside a node."""
    if isinstance(node, yaml.MappingNode):
        return max((max(_last_line(key), _last_line(value)) for key, value in node.value), default=node.start_mark.line)
    if isinstance(node, yaml.SequenceNode) and node.value:
        return max(_last_line(item) for item in node.value)
    end = node.end_mark
    return end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line
