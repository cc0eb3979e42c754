"""What one run of a source read and landed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class IngestResult:
    """Rows by what became of them; rows_in is the sum of the others.

    A conversation file's header is one row and each of its messages one more; a record that is refused as a whole is one
    row. Over HTTP every record of a page is one row. `conversations` and `messages` count what a file run read and accepted;
    files that were passed over add nothing.

    Attributes:
        as_of: As given, else the end of the UTC day of the newest accepted message of this input (of all that ever landed
            where this input holds none); None where nothing ever landed.
        skipped_files: Files whose content was landed before.
        ignored_files: Files that hold no conversations by their name.
        detail: What a source of its kind has to tell beside: requests, waits, changes of schema.
    """

    run_id: int
    as_of: datetime | None
    rows_in: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_quarantined: int = 0
    conversations: int = 0
    messages: int = 0
    newest_message_at: datetime | None = None
    replaced_characters: int = 0
    skipped_files: list[str] = field(default_factory=list)
    ignored_files: list[str] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)
