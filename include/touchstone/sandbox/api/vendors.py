"""What each vendor's record of a person or an account says: addresses, external ids, domains.

No vendor knows everything. Zendesk keeps addresses as they were typed and lacks a quarter of the external ids, HubSpot writes
addresses in lower case, may hold another one as the first, and lacks a third. What is missing is missing by the number of the
person or account, and never everything that could join two records.
"""

from __future__ import annotations

from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.model import Account, Customer


def zendesk_user(one: Customer) -> dict[str, Any]:
    """Address, ids and settings of a customer's user."""
    number = ids.number(one.customer_id)
    return {
        "email": _as_typed(one.emails[0]) if number % 5 == 0 else one.emails[0],
        "external_id": one.external_id if number % 4 else None,
        "organization_id": ids.zendesk_id(one.account_id) if one.account_id else None,
        "phone": one.phone or None,
        "locale": one.language,
    }


def zendesk_organization(one: Account) -> dict[str, Any]:
    """Name, domains and ids of an account's organization; it names a domain, the CRM's id, or both."""
    number = ids.number(one.account_id)
    has_crm_id = number % 6 != 0
    return {
        "name": one.name,
        "domain_names": [] if has_crm_id and number % 5 == 0 else [one.domain],
        "external_id": one.account_id,
        "crm_id": ids.hubspot_id(one.account_id) if has_crm_id else None,
    }


def intercom_contact(one: Customer) -> dict[str, Any]:
    """Address and ids of a customer's contact; a third lacks the product's id."""
    number = ids.number(one.customer_id)
    return {
        "email": _as_typed(one.emails[0]) if number % 6 == 0 else one.emails[0],
        "email_domain": one.emails[0].partition("@")[2],
        "external_id": one.external_id if number % 3 else None,
        "phone": one.phone or None,
    }


def intercom_company(one: Account) -> dict[str, Any]:
    """Name, ids and website of an account's company; it names a website, the CRM's id, or both."""
    number = ids.number(one.account_id)
    has_crm_id = number % 6 != 0
    found = {
        "name": one.name,
        "company_id": one.account_id,
        "custom_attributes": {"crm_id": ids.hubspot_id(one.account_id)} if has_crm_id else {},
    }
    return found if has_crm_id and number % 5 == 0 else found | {"website": f"https://www.{one.domain}/"}


def hubspot_company(one: Account) -> dict[str, str | None]:
    number = ids.number(one.account_id)
    return {
        "name": one.name,
        "domain": one.domain,
        "hs_additional_domains": f"mail.{one.domain}" if number % 7 == 0 else None,
    }


def hubspot_contact(one: Customer) -> dict[str, str | None]:
    """Addresses and ids of a customer's contact."""
    number = ids.number(one.customer_id)
    addresses = [address.lower() for address in one.emails]
    if number % 2:
        addresses.reverse()
    return {
        "email": addresses[0],
        "hs_additional_emails": ";".join(addresses[1:]) or None,
        "phone": one.phone or None,
        "product_user_id": one.external_id if number % 3 else None,
    }


def mixpanel_person(one: Customer, event_number: int) -> dict[str, str]:
    """What some of a person's events say of them; all, where no helpdesk holds the product's id."""
    found = {}
    if event_number % 3 == 0 or ids.number(one.customer_id) % 12 == 0:
        found["$email"] = one.emails[0]
    if event_number % 4 == 0:
        found["$user_id"] = one.external_id
    return found


def _as_typed(address: str) -> str:
    name, _, domain = address.partition("@")
    return f"{name.title()}@{domain.capitalize()}"
