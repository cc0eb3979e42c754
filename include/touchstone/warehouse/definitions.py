"""Which definition built which relation: what an earlier version built is found, taken out and built again from its inputs.

A relation that is kept by key holds rows of every run since it was made. When its model, or anything that the model reads, is
defined otherwise than when the relation was made, part of its rows would follow the old rule and part the new one. So each
relation is recorded with its definition: a digest of its model's SQL, configuration and columns, of the project's macros,
variables and seeds that it uses, of the registry of metrics where it is made of that, and of the definitions of all models
that it reads.

Rows that sources and scoring have brought are no part of this: `raw_*`, `ops`, `clean`, `scores`, `feedback` and `finance` are never
taken out. Nor is what readers see: `marts` keeps the last publication until the new build has passed its gates.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from touchstone.errors import WarehouseError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Schemas that each dbt step keeps by key, and the watermarks that are taken back when one of their relations is built anew.
CORE_SCHEMAS = ("staging", "core")
MART_SCHEMAS = ("facts", "marts_build")
_MART_STEPS = ("facts", "gaps", "marts")

# Variables that every run passes anew; they decide what a run works on, not how.
_RUN_VARIABLES = frozenset({"as_of", "ledger_id", "definitions", "tests_changes_only"})
_CONFIGURATION = ("materialized", "unique_key", "scope", "scope_columns", "partition_by", "indexes", "column_types")
_KEPT = frozenset({"keyed"})
_STEADY = "steady_view"
_VARIABLE = re.compile(r"""\bvar\(\s*['"](\w+)['"]""")
_REGISTRY = re.compile(r"""\bgraph\.(metrics|semantic_models)\b""")
_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)

_EXISTING = """
    select namespaces.nspname || '.' || classes.relname, classes.relkind::text, built.definition
    from pg_class as classes
    inner join pg_namespace as namespaces on namespaces.oid = classes.relnamespace
    left join ops.built_relations as built on built.relation = namespaces.nspname || '.' || classes.relname
    where namespaces.nspname = any(%s) and classes.relkind in ('r', 'p', 'v', 'm') and not classes.relispartition
    """

# Every view that reads the relations, directly or through another view.
_DEPENDENT_VIEWS = """
    with recursive dependents (relation) as (
        select unnest(%s::text[])::regclass::oid
        union
        select rules.ev_class
        from dependents
        inner join pg_depend as links on links.refobjid = dependents.relation and links.classid = 'pg_rewrite'::regclass
        inner join pg_rewrite as rules on rules.oid = links.objid
    )
    select namespaces.nspname || '.' || classes.relname
    from dependents
    inner join pg_class as classes on classes.oid = dependents.relation
    inner join pg_namespace as namespaces on namespaces.oid = classes.relnamespace
    order by 1
    """


@dataclass(frozen=True)
class Outdated:
    """A relation that this version defines otherwise, or not at all, or that nobody has recorded."""

    relation: str
    kind: str
    reason: str


class Definitions:
    """The definitions of one project.

    Args:
        manifest: What dbt has parsed.
        variables: The project's variables; only those that a model uses count for it.
    """

    def __init__(self, manifest: Manifest, variables: dict[str, Any]) -> None:
        self._manifest = manifest
        self._variables = variables
        self._known: dict[str, str] = {}
        self._macros: dict[str, frozenset[str]] = {}

    @cached_property
    def by_node(self) -> dict[str, str]:
        """Definition of every model that is kept by key, by dbt's id of the node."""
        return {node.unique_id: self._definition(node.unique_id) for node in self._models() if self._is_kept(node)}

    @cached_property
    def by_relation(self) -> dict[str, str]:
        """The same by `schema.table`."""
        nodes = self._manifest.nodes
        return {f"{nodes[name].schema}.{nodes[name].alias}": digest for name, digest in self.by_node.items()}

    @cached_property
    def views(self) -> dict[str, str]:
        """Definition of every steady view with its descriptions, which its comments hold, by dbt's id of the node."""
        return {
            node.unique_id: _digest(
                [
                    self._definition(node.unique_id),
                    node.description,
                    [[c.name, c.description] for c in node.columns.values()],
                ]
            )
            for node in self._models()
            if node.config.materialized == _STEADY
        }

    @property
    def views_of_staging(self) -> list[str]:
        """The steady views that selector staging_tables leaves out, by dbt's id of the node."""
        return [
            name for name in self.views if self._manifest.nodes[name].original_file_path.startswith("models/staging/")
        ]

    def changes_with_runs(self, name: str) -> bool:
        """Whether a view is another one in each run: it reads a variable of the run, or a table that every run makes anew."""
        node = self._manifest.nodes.get(name)
        if node is None or node.resource_type == "seed" or self._is_kept(node):
            return False
        if node.config.materialized not in (_STEADY, "ephemeral"):
            return True
        if _RUN_VARIABLES.intersection(_VARIABLE.findall("\n".join(self._texts(node)))):
            return True
        return any(map(self.changes_with_runs, node.depends_on_nodes))

    def views_stand(self, connection: psycopg.Connection) -> bool:
        """Whether every view over what has landed is there as this version defines it; a build may leave them out then."""
        nodes = self._manifest.nodes
        wanted = {f"{nodes[name].schema}.{nodes[name].alias}": self.views[name] for name in self.views_of_staging}
        standing = connection.execute(
            "select relation, definition from ops.built_relations where relation = any(%s) and to_regclass(relation) is not null",
            [list(wanted)],
        ).fetchall()
        return dict(standing) == wanted

    @cached_property
    def scoped(self) -> frozenset[str]:
        """Relations of which a run builds only what its watermark leaves open; the others are worked out whole every time."""
        return frozenset(f"{n.schema}.{n.alias}" for n in self._models() if self._is_kept(n) and n.config.get("scope"))

    @cached_property
    def data_tests(self) -> str:
        """Digest of the tests of the data, each with its arguments: other ones have to read what earlier ones have passed."""
        tests = {
            node.unique_id: [node.attached_node, node.test_metadata.kwargs, node.config.where]
            for node in self._manifest.nodes.values()
            if node.resource_type == "test" and getattr(node, "test_metadata", None) is not None
        }
        return _digest(tests)

    @cached_property
    def relations(self) -> frozenset[str]:
        """Every relation that the project makes, as `schema.table`."""
        return frozenset(f"{node.schema}.{node.alias}" for node in self._models(seeds=True))

    def seeds(self) -> Iterator[tuple[str, list[str]]]:
        """Relation and columns of each seed, as its file states them."""
        for node in self._models(seeds=True):
            if node.resource_type == "seed":
                with (Path(node.root_path) / node.original_file_path).open(newline="") as file:
                    yield f"{node.schema}.{node.alias}", next(csv.reader(file))

    def _models(self, seeds: bool = False) -> Iterator[Any]:
        kinds = ("model", "seed") if seeds else ("model",)
        return (node for node in self._manifest.nodes.values() if node.resource_type in kinds)

    @staticmethod
    def _is_kept(node: Any) -> bool:
        return node.config.materialized in _KEPT

    def _definition(self, name: str) -> str:
        """Digest of a node and of all that it reads; a source counts by its name."""
        if name not in self._known:
            node = self._manifest.nodes.get(name)
            own = {} if node is None else self._own(node)
            reads = [] if node is None else sorted(set(node.depends_on_nodes))
            self._known[name] = _digest([name, own, [self._definition(parent) for parent in reads]])
        return self._known[name]

    def _own(self, node: Any) -> dict[str, Any]:
        configuration = node.config.to_dict()
        texts = self._texts(node)
        variables = set(_VARIABLE.findall("\n".join(texts))) - _RUN_VARIABLES
        columns = {
            column.name: [column.data_type, sorted(constraint.type for constraint in column.constraints)]
            for column in node.columns.values()
        }
        return {
            "code": texts,
            "variables": {name: self._variables.get(name) for name in variables},
            "configuration": {name: configuration.get(name) for name in _CONFIGURATION},
            "columns": columns if configuration.get("contract", {}).get("enforced") else {},
            **({"registry": self._registry} if any(_REGISTRY.search(text) for text in texts) else {}),
        }

    def _texts(self, node: Any) -> list[str]:
        """The code of a node, or the checksum of a seed, and that of the macros that it uses."""
        own = node.checksum.checksum if node.resource_type == "seed" else _code(node.raw_code)
        used = sorted(self._used_macros(node.depends_on_macros))
        return [own, *(_code(self._manifest.macros[name].macro_sql) for name in used)]

    @cached_property
    def _registry(self) -> dict[str, Any]:
        """What SQL is made of in the registry of metrics; what a metric is called and is for changes no sum."""
        metrics = {
            metric.name: [metric.type, metric.type_params.to_dict(), metric.filter]
            + [metric.config.meta.get(name) for name in ("tier", "unit")]
            for metric in self._manifest.metrics.values()
        }
        semantic_models = {
            semantic.name: [
                semantic.model,
                semantic.defaults.to_dict() if semantic.defaults else None,
                [[dimension.name, dimension.type, dimension.expr] for dimension in semantic.dimensions],
                [[measure.name, measure.agg, measure.expr] for measure in semantic.measures],
            ]
            for semantic in self._manifest.semantic_models.values()
        }
        return {"metrics": metrics, "semantic_models": semantic_models}

    def _used_macros(self, direct: list[str]) -> set[str]:
        """Macros of the project, with those that they call. dbt's own belong to dbt's version, not to a definition."""
        package = f"macro.{self._manifest.metadata.project_name}."
        found: set[str] = set()
        waiting = list(direct)
        while waiting:
            name = waiting.pop()
            if name.startswith(package) and name not in found:
                found.add(name)
                waiting += self._manifest.macros[name].depends_on.macros
        return found


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _code(text: str) -> str:
    """Code without its comments and indentation: what they say builds no other rows."""
    lines = (line.strip() for line in _JINJA_COMMENT.sub("", text).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def outdated(connection: psycopg.Connection, definitions: Definitions, schemas: tuple[str, ...]) -> list[Outdated]:
    """Relations of the schemas that exist, but not as this project defines them, in the order of their names."""
    existing = {
        name: (kind, digest) for name, kind, digest in connection.execute(_EXISTING, [list(schemas)]).fetchall()
    }
    found = []
    for name, (kind, digest) in sorted(existing.items()):
        if name in definitions.by_relation:
            if kind not in ("r", "p"):
                found.append(Outdated(name, kind, "it was a view, and is now kept by key"))
            elif digest is None:
                found.append(Outdated(name, kind, "it was built before definitions were recorded"))
            elif digest != definitions.by_relation[name]:
                found.append(Outdated(name, kind, "its model, or what its model reads, has changed"))
        elif digest is not None and name not in definitions.relations:
            found.append(Outdated(name, kind, "no model builds it any more"))
    return found


def waiting(connection: psycopg.Connection, definitions: Definitions) -> list[Outdated]:
    """What is left to do until readers see what this version builds; nothing in a warehouse that never built anything.

    A killed upgrade has taken relations out, built some of them again and published none: they wait as much as those that it
    has not reached.
    """
    found = outdated(connection, definitions, CORE_SCHEMAS + MART_SCHEMAS)
    if not connection.execute("select exists (select 1 from ops.publications)").fetchone()[0]:
        return found
    built = dict(
        connection.execute(
            """
            select relation, run_id > (select max(ledger_id) from ops.publications) and relation like 'marts\\_build.%%'
            from ops.built_relations where relation = any(%s)
            """,
            [list(definitions.by_relation)],
        ).fetchall()
    )
    named = {entry.relation for entry in found}
    for relation in sorted(set(definitions.by_relation) - named):
        if relation not in built:
            found.append(Outdated(relation, "r", "it has not been built"))
        elif built[relation]:
            found.append(Outdated(relation, "r", "it has not been published"))
    return found


def retire(connection: psycopg.Connection, definitions: Definitions, schemas: tuple[str, ...]) -> list[Outdated]:
    """Take out what an earlier version built, and the watermarks with it, so that the next build works on everything.

    Tables that are worked out whole in every run need no watermark: holidays that are added cost no build of core. A table that
    is new to this version has no rows of earlier runs either, so it counts as one that was taken out.

    The caller commits: either all of it is gone or nothing. A run that is killed after that finds no watermark, and so works
    on everything again.

    Returns:
        What was taken out.

    Raises:
        WarehouseError: A view of somebody else reads one of the relations; it would be dropped with it.
    """
    found = outdated(connection, definitions, schemas)
    if found:
        _drop(connection, definitions, found)
    if _unbuilt(connection, definitions, schemas):
        steps = ["core", "score", "gate_2", *_MART_STEPS] if schemas == CORE_SCHEMAS else list(_MART_STEPS)
        connection.execute("delete from ops.watermarks where step = any(%s)", [steps])
        if schemas == CORE_SCHEMAS:
            connection.execute("delete from ops.watermarks where step = 'intents'")
    return found


def _unbuilt(connection: psycopg.Connection, definitions: Definitions, schemas: tuple[str, ...]) -> set[str]:
    """Relations of the schemas that need a watermark's whole past and that nothing has built yet."""
    built = {name for (name,) in connection.execute("select relation from ops.built_relations").fetchall()}
    return {name for name in definitions.scoped - built if name.split(".", 1)[0] in schemas}


def _drop(connection: psycopg.Connection, definitions: Definitions, found: list[Outdated]) -> None:
    # views of the project go with them, and are made again by the build, which finds them gone
    names = [entry.relation for entry in found]
    readers = [
        name
        for (name,) in connection.execute(_DEPENDENT_VIEWS, [names]).fetchall()
        if name.split(".", 1)[0] not in CORE_SCHEMAS + MART_SCHEMAS
    ]
    if readers:
        raise WarehouseError(
            "a view outside the project reads tables that this version builds anew",
            ", ".join(readers),
            f"Drop it and make it again after the upgrade, or let it read marts. The tables: {', '.join(names)}.",
        )
    for entry in found:
        kind = {"v": "view", "m": "materialized view"}.get(entry.kind, "table")
        connection.execute(
            sql.SQL("drop {} {} cascade").format(sql.SQL(kind), sql.Identifier(*entry.relation.split(".", 1)))
        )
    connection.execute("delete from ops.built_relations where relation = any(%s)", [names])
    connection.execute(
        "delete from ops.mart_deletions where relation = any(%s)",
        [[name.removeprefix("marts_build.") for name in names if name.startswith("marts_build.")]],
    )
    _drop_reshaped_seeds(connection, definitions)


def require_present(connection: psycopg.Connection, definitions: Definitions, schemas: tuple[str, ...]) -> None:
    """Refuse to build on relations of another version, which only the beginning of a cycle can replace.

    Raises:
        WarehouseError: Names the first of them.
    """
    found = outdated(connection, definitions, schemas)
    if found:
        raise WarehouseError(
            f"{found[0].relation} is of another version: {found[0].reason}",
            None,
            "Run `touchstone upgrade`, or the cycle from its step stage on.",
        )


def _drop_reshaped_seeds(connection: psycopg.Connection, definitions: Definitions) -> None:
    """dbt fills a seed's table again but never alters it; where the file's columns have changed it is made anew."""
    for relation, columns in definitions.seeds():
        held = connection.execute(
            """
            select array_agg(attname::text) from pg_attribute
            where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
            """,
            [relation],
        ).fetchone()[0]
        if held is not None and set(held) != set(columns):
            connection.execute(sql.SQL("drop table {} cascade").format(sql.Identifier(*relation.split(".", 1))))
