"""What `touchstone judge check` looks at: whether the configured judge answers, keeps to the schema, quotes exactly and may spend."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from touchstone.judge.answers import read
from touchstone.judge.cases import FAILS, HOLDS
from touchstone.judge.endpoint import Endpoint, EndpointFault
from touchstone.judge.probe import conversations
from touchstone.judge.prompt import build
from touchstone.judge.settings import PREFIX, JudgeSettings
from touchstone.judge.store import Store

_REMEDIES = {
    "budget_spent": f"Wait until tomorrow (UTC) or raise the caps {PREFIX}TOKENS_PER_DAY, COST_PER_DAY, ..._PER_RUN.",
    "unavailable": f"Check {PREFIX}BASE_URL, the network and the state of the endpoint.",
    "rejected": f"Check {PREFIX}API_KEY, {PREFIX}MODEL, {PREFIX}PARAMETERS, {PREFIX}RESPONSE_FORMAT and {PREFIX}OUTPUT_LIMIT.",
    "too_long": "Choose a model with a longer context.",
    "refused": "Choose another model; this one refuses an ordinary conversation.",
    "unreadable": f"Raise {PREFIX}MAX_OUTPUT_TOKENS, declare the {PREFIX}RESPONSE_FORMAT that the endpoint knows, or choose another model.",
    "quote_not_found": "Choose another model; this one does not copy text exactly.",
}


def run_checks(settings: JudgeSettings, store: Store, run_id: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, verdict, and the remedy of a check that does not hold. Asks the endpoint once, about a made-up conversation."""
    key = "with a key" if settings.api_key else "without a key"
    yield "settings", f"{settings.model} at {settings.base_url}, {settings.response_format}, {key}", None
    case = next(case for case in conversations() if case.interaction_key == "kind")
    prompt = build(case, case.questions, secrets.token_hex(16), settings.response_format)
    started = time.monotonic()
    try:
        with Endpoint(settings, store, run_id) as endpoint:
            reply = endpoint.complete(prompt)
    except EndpointFault as fault:
        said = f'; it says: "{fault.said}"' if fault.said else ""
        yield "endpoint", f"{fault}{said}", _REMEDIES[fault.why]
    else:
        yield "endpoint", f"answers in {time.monotonic() - started:.1f} s, {reply.tokens:,} tokens", None
        accepted, rejected = read(reply.content, case, case.questions)
        if rejected:
            name, (why, detail) = next(iter(rejected.items()))
            yield "answer", f"{len(accepted)} of {len(case.questions)} usable; {name}: {detail}", _REMEDIES[why]
        else:
            yield "answer", f"{len(accepted)} of {len(accepted)} keep to the schema and quote exactly", None
        plain = [question for question in case.questions if question.choices == (HOLDS, FAILS, "not_applicable")]
        wrong = [
            one.id for one in plain if one.id in accepted and accepted[one.id].outcome != case.rules[one.id].outcome
        ]
        if wrong:
            yield "judgement", f"wrong about {', '.join(wrong)} in a plain case", "Choose a stronger model."
        elif accepted:
            yield "judgement", "right about a plain case", None
    yield "budget", store.left(run_id, settings) + " today", None
