"""What the rest of the project has to know of a source before it reads it.

A source is a package of `touchstone.sources` with a module `source`, whose `SOURCE` is a `Declaration`. That module is imported
whenever configuration is read, so it imports nothing that only a run needs: the connector is named, and imported by its run.
"""

from __future__ import annotations

from dataclasses import dataclass

from touchstone.sources.options import Entry


@dataclass(frozen=True)
class Declaration:
    """One kind of source.

    Attributes:
        name: As config/sources.yml has it; part of every key.
        options: What an entry of config/sources.yml takes.
        example: An entry of config/sources.yml that would work.
        streams: Its raw tables, `raw_<name>.<stream>`.
        interactions: Those of them whose rows belong to interactions, and carry interaction_id: a changed row names its
            interaction. What else has landed (people, companies, articles, events) is found by its load.
        named_interactions: A query of the interactions that rows name in their payload, or through another row: (instance,
            interaction_id) of the loads %(ids)s.
        connector: `module:class` of what reads it; None for files.
    """

    name: str
    options: type[Entry]
    example: str
    streams: tuple[str, ...]
    interactions: tuple[str, ...] = ()
    named_interactions: str | None = None
    connector: str | None = None

    @property
    def schema(self) -> str:
        """Where its raw tables are."""
        return f"raw_{self.name}"
