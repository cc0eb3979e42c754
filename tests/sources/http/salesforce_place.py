"""Salesforce as the simulated company's server shows it, for tests of its connector."""

from __future__ import annotations

from typing import Any

from places import Place

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.streams import Stream
from touchstone.sources.salesforce.connector import SalesforceConnector

FIELDS = {
    "account": {
        "tier": "Tier__c",
        "segment": "Segment__c",
        "arr": "ARR__c",
        "renewal_month": "Renewal_Month__c",
        "churned_on": "Churned_On__c",
    },
    "contact": {"external_id": "Product_User_Id__c", "emails": "Other_Emails__c"},
    "opportunity": {"arr_before": "ARR_Before__c", "arr_after": "ARR_After__c"},
    "case": {
        "topic": "Topic__c",
        "product_area": "Product_Area__c",
        "language": "Language__c",
        "tags": "Tags__c",
        "rating": "CSAT__c",
        "rated_at": "CSAT_At__c",
        "handoff_reason": "Handoff_Reason__c",
    },
}


class SomeOfSalesforce(SalesforceConnector):
    """Salesforce with the streams that a test is about."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def streams(self, source: SourceInstance) -> list[Stream]:
        return [stream for stream in super().streams(source) if not self._names or stream.name in self._names]


class SalesforcePlace(Place):
    source_name = "salesforce"
    plenty: dict[str, float] = {"default": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/salesforce", "fields": FIELDS}

    def connector(self, *streams: str) -> SalesforceConnector:
        return SomeOfSalesforce(*streams)

    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.salesforce
        return {"client_id": known.client_id, "client_secret": known.client_secret}
