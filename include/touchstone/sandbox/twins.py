"""A second conversation about the same matter, which is merged into the first one."""

from __future__ import annotations

from touchstone.sandbox import human
from touchstone.sandbox.aftermath import afterwards, merge_twin
from touchstone.sandbox.case import Case
from touchstone.sandbox.script import Script
from touchstone.sandbox.story import auto_reply, end, open_case
from touchstone.sandbox.world import World


def tell_twin(world: World, case: Case, told: list[Script]) -> Script:
    """The second conversation; where the first one leaves no moment to merge it, somebody answers it as any other.

    Args:
        told: The day's conversations so far, the first one among them.
    """
    first = next(script for script in told if script.case.conversation_id == case.twin_of)
    script = Script(world, case, like=first)
    open_case(script, is_second=True)
    auto_reply(script)
    if merge_twin(first, script):
        script.is_solved = first.is_solved
        return script
    human.human_part(script)
    end(script)
    afterwards(script)
    return script
