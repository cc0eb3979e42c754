"""What Amplitude calls the company's customers and their events."""

from __future__ import annotations

import uuid
from typing import Any

from touchstone.sandbox.api.ids import number
from touchstone.sandbox.model import Customer, ProductEvent

PROJECT = 187_520
_PEOPLE = 300_000_000_000


def event_uuid(event_id: str, copy: int) -> str:
    """Amplitude's id of one statement of an event; each copy has its own."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{event_id}:{copy}"))


def person(one: Customer, event: ProductEvent) -> dict[str, Any]:
    """Whom an event names: always the device, not always the user, and some of them with an address.

    No event leaves both out where no helpdesk holds the product's id, so that every person can be found.
    """
    event_number, customer_number = number(event.event_id), number(one.customer_id)
    has_address = event_number % 3 == 0 or customer_number % 12 == 0
    return {
        "user_id": None if event_number % 10 == 1 else one.external_id,
        "device_id": f"device-{customer_number}-{event.properties.get('device', 'web')}",
        "amplitude_id": _PEOPLE + customer_number,
        "user_properties": {"email": one.emails[0]} if has_address else {},
    }
