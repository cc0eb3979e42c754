"""HubSpot: the CRM, and the tickets of its helpdesk with their conversations."""

from touchstone.sources.hubspot.connector import HubspotConnector

__all__ = ["HubspotConnector"]
