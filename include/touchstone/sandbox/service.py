"""The simulated vendors of this checkout: started for one cycle, or served until somebody ends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from touchstone.sandbox.api import Credentials, Sandbox, SandboxOptions, serve
from touchstone.sandbox.company import FIRST_DAY, build
from touchstone.settings import Settings
from touchstone.sources.config import load_sources
from touchstone.sources.sandbox import is_simulated, server_file
from touchstone.statefiles import private_dir, write_json

SEED = 7
CONVERSATIONS_PER_DAY = 50.0


@contextmanager
def serving(
    now: datetime,
    settings: Settings | None = None,
    *,
    seed: int = SEED,
    conversations_per_day: float = CONVERSATIONS_PER_DAY,
    vendors: tuple[str, ...] | None = None,
) -> Iterator[Sandbox]:
    """Have the company's vendors answer as of a moment, and tell every process of this checkout where.

    Args:
        now: The virtual clock; the company is built for the days until then.
        vendors: Whose APIs are served; None: the ones that config/sources.yml reads.
    """
    # what happens on a day is built as a whole, so the last day is the one that the clock has entered
    days = max(1, (now - timedelta(microseconds=1)).date().toordinal() - FIRST_DAY.toordinal() + 1)
    recipe = partial(build, seed=seed, conversations_per_day=conversations_per_day, days=days)
    told = server_file(settings)
    folder = private_dir(told.parent)
    vendors = vendors or tuple(dict.fromkeys(one.source for one in load_sources(settings) if is_simulated(one)))
    with serve(recipe, SandboxOptions(clock=now, vendors=vendors), log=folder / "server.log") as sandbox:
        accepted = secrets(sandbox.credentials)
        write_json(told, {"url": sandbox.url, "credentials": {vendor: accepted[vendor] for vendor in vendors}})
        try:
            yield sandbox
        finally:
            told.unlink(missing_ok=True)


def secrets(accepted: Credentials) -> dict[str, dict[str, str]]:
    """What the vendors accept, by source, under the names that its connector gives its credentials."""
    return {
        "zendesk": {
            "email": accepted.zendesk.email,
            "api_token": accepted.zendesk.api_token,
            "ai_agents_key": accepted.zendesk.ai_api_key,
        },
        "hubspot": {"token": accepted.hubspot.token},
        "mixpanel": {"user": accepted.mixpanel.user, "secret": accepted.mixpanel.secret},
        "intercom": {"token": accepted.intercom.token},
        "freshdesk": {"api_key": accepted.freshdesk.api_key},
        "salesforce": {
            "client_id": accepted.salesforce.client_id,
            "client_secret": accepted.salesforce.client_secret,
        },
        "posthog": {"api_key": accepted.posthog.api_key},
        "amplitude": {"api_key": accepted.amplitude.api_key, "secret_key": accepted.amplitude.secret_key},
        "langfuse": {
            "public_key": accepted.langfuse.public_key,
            "secret_key": accepted.langfuse.secret_key,
        },
        "rt": {"token": accepted.rt.token},
    }
