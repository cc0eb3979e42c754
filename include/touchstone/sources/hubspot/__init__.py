"""HubSpot: the CRM, and the tickets of its helpdesk with their conversations."""
