"""Which module reads which source; a connector is imported by the run that needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from touchstone.sources.http.streams import Connector

CONNECTORS = {
    "zendesk": ("touchstone.sources.zendesk", "ZendeskConnector"),
    "hubspot": ("touchstone.sources.hubspot", "HubspotConnector"),
    "mixpanel": ("touchstone.sources.mixpanel", "MixpanelConnector"),
}


def connector(source: str) -> Connector:
    """The connector of a source that is read over HTTP."""
    module, name = CONNECTORS[source]
    return getattr(import_module(module), name)()
