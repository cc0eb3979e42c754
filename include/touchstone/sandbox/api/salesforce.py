"""Salesforce: REST queries, Bulk API 2.0 query jobs, descriptions of objects, and the log of what was deleted."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from touchstone.sandbox.api import oauth
from touchstone.sandbox.api.calls import NUL_MARK, SURROGATE_MARK, Answer, Call, Endpoint, Refusal, falls, html
from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.desk import Desk
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.api.salesforce_cases import Cases
from touchstone.sandbox.api.salesforce_records import (
    Row,
    Table,
    accounts,
    contacts,
    opportunities,
    queues,
    stages,
    stamp,
    users,
)
from touchstone.sandbox.api.salesforce_soql import Condition, Malformed, Query, parse
from touchstone.sandbox.model import Company

PAGE = 2000
URL_MOST = 16_384
DATA = "/services/data/v{version}"
_COMPOUND = ("address", "location", "base64")


@dataclass
class Locator:
    """A query that was asked: what it found, and when."""

    query: Query
    places: list[int]
    all_rows: bool
    asked_at: datetime


class Salesforce:
    """One organisation: its CRM, and its service desk."""

    prefix = "/salesforce"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        desk = Desk(company, "zendesk")
        first = min(
            [datetime.combine(company.first_day, datetime.min.time(), UTC), *(one.hired_at for one in company.agents)]
        )
        tables = [
            accounts(company),
            contacts(company),
            opportunities(company),
            stages(first),
            users(company, desk),
            queues(company, first),
            *Cases(company, desk).tables(),
        ]
        self._tables = {table.name: table for table in tables}
        self._locators: dict[str, Locator] = {}
        self._jobs: dict[str, Locator] = {}
        self._counted = 0

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("salesforce.token", "POST", "/services/oauth2/token", self.token, is_open=True),
            Endpoint("salesforce.limits", "GET", f"{DATA}/limits", self.limits),
            Endpoint("salesforce.query", "GET", f"{DATA}/query", self.query),
            Endpoint("salesforce.query_all", "GET", f"{DATA}/queryAll", self.query),
            Endpoint("salesforce.more", "GET", f"{DATA}/query/{{locator}}", self.more),
            Endpoint("salesforce.describe", "GET", f"{DATA}/sobjects/{{name}}/describe", self.describe),
            Endpoint("salesforce.deleted", "GET", f"{DATA}/sobjects/{{name}}/deleted", self.deleted),
            Endpoint("salesforce.job", "POST", f"{DATA}/jobs/query", self.begin_job),
            Endpoint("salesforce.job_state", "GET", f"{DATA}/jobs/query/{{job}}", self.job_state),
            Endpoint("salesforce.job_results", "GET", f"{DATA}/jobs/query/{{job}}/results", self.job_results),
        ]

    # --- manners

    def authorise(self, call: Call) -> None:
        known = call.credentials.salesforce
        if not oauth.is_good(call.bearer(), known.client_secret, call.now):
            raise Refusal(_error(401, "INVALID_SESSION_ID", "Session expired or invalid"))
        if len(str(call.request.url)) > URL_MOST:
            raise Refusal(html(414, "414 Request-URI Too Large"))
        self._counted += 1
        most = call.traps.salesforce_daily_requests
        if most is not None and self._counted > most:
            raise Refusal(_error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))

    def token(self, call: Call) -> Answer:
        """An access token; how long it is good, the answer does not say."""
        known, asked = call.credentials.salesforce, oauth.form(call)
        kind = asked.get("grant_type")
        is_client = (asked.get("client_id"), asked.get("client_secret")) == (known.client_id, known.client_secret)
        if known.is_revoked:
            return Answer({"error": "invalid_grant", "error_description": "expired access/refresh token"}, 400)
        if kind == "refresh_token":
            is_good = is_client and asked.get("refresh_token") == known.refresh_token
        else:
            is_good = kind == "client_credentials" and is_client
        if not is_good:
            words = f"invalid client credentials: {asked.get('client_id')}"
            return Answer({"error": "invalid_client", "error_description": words}, 400)
        ends = call.now + timedelta(seconds=call.traps.oauth_lifetime_seconds)
        return Answer(
            {
                "access_token": oauth.access_token(known.client_secret, ends),
                "instance_url": call.url(""),
                "token_type": "Bearer",
                "issued_at": str(micros(call.now) // 1000),
            }
        )

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        """Salesforce has no limit of a minute; a gateway in front of it may."""
        answer = _error(429, "REQUEST_RATE_EXCEEDED", "Too many requests.")
        if retry_after is not None:
            answer.headers["Retry-After"] = str(math.ceil(retry_after))
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        return {}

    def failure(self, status: int) -> Answer:
        if status in (502, 504):
            return html(status, f"{status} gateway")
        return _error(status, "SERVER_UNAVAILABLE", "We are down for maintenance.")

    def unknown(self, path: str) -> Answer:
        return _error(404, "NOT_FOUND", "The requested resource does not exist")

    # --- endpoints

    def limits(self, call: Call) -> Answer:
        most = call.traps.salesforce_daily_requests or 100_000
        return Answer({"DailyApiRequests": {"Max": most, "Remaining": max(0, most - self._counted)}})

    def describe(self, call: Call) -> Answer:
        table = self._table(call, call.path["name"])
        is_unfilterable = table.name in call.traps.salesforce_unfilterable
        fields = [
            {
                "name": name,
                "type": kind,
                "custom": name.endswith("__c"),
                "calculated": name in table.formulas,
                "filterable": kind not in ("textarea", "anyType", *_COMPOUND)
                and not (is_unfilterable and name == "SystemModstamp"),
                "sortable": kind not in ("textarea", "anyType", *_COMPOUND),
            }
            for name, kind in self._types(call, table).items()
        ]
        return Answer(
            {
                "name": table.name,
                "queryable": table.name not in call.traps.salesforce_unqueryable,
                "replicateable": table.name not in ("OpportunityStage", "CaseHistory"),
                "fields": fields,
            }
        )

    def query(self, call: Call) -> Answer:
        all_rows = call.endpoint.name == "salesforce.query_all"
        query = self._parsed(call, call.query.get("q", ""))
        found = self._found(call, query, all_rows=all_rows)
        if query.aggregates:
            return Answer({"totalSize": 1, "done": True, "records": [self._aggregated(call, query, found)]})
        locator = f"01g{call.number:012d}AAA"
        self._locators[locator] = Locator(query, found, all_rows, call.now)
        return self._page(call, locator, 0)

    def more(self, call: Call) -> Answer:
        locator, _, start = call.path["locator"].partition("-")
        known = self._locators.get(locator)
        is_expired = falls(call.options.seed, f"{locator}-{start}", call.traps.salesforce_expired_locators)
        if known is None or is_expired or not start.isdigit():
            raise Refusal(_error(404, "INVALID_QUERY_LOCATOR", "invalid query locator"))
        return self._page(call, locator, int(start))

    def _page(self, call: Call, locator: str, start: int) -> Answer:
        known = self._locators[locator]
        size = call.traps.salesforce_page_rows or PAGE
        stop = start + size
        records = [self._shown(call, known.query, place, call.now) for place in known.places[start:stop]]
        content: dict[str, Any] = {
            "totalSize": len(known.places),
            "done": stop >= len(known.places),
            "records": records,
        }
        if stop < len(known.places):
            version = call.path["version"]
            content["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{stop}"
        return Answer(content)

    def deleted(self, call: Call) -> Answer:
        """What was deleted for good within 15 days; what lies in the recycling bin is told by queries."""
        table = self._table(call, call.path["name"])
        start, end = _moment(call, "start"), _moment(call, "end")
        if end - start < timedelta(minutes=1):
            raise Refusal(_error(400, "INVALID_REPLICATION_DATE", "endDate must be at least a minute after startDate"))
        earliest = call.now - timedelta(days=15)
        if start < call.now - timedelta(days=30):
            raise Refusal(_error(400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago"))
        logged = [] if call.traps.salesforce_deleted_log_lost else call.traps.salesforce_purged
        found = [
            {"id": one, "deletedDate": stamp(call.now - timedelta(minutes=5))} for one in logged if one in table.place
        ]
        return Answer(
            {
                "deletedRecords": found,
                "earliestDateAvailable": stamp(call.now if call.traps.salesforce_deleted_log_lost else earliest),
                "latestDateCovered": stamp(min(end, call.now)),
            }
        )

    # --- bulk

    def begin_job(self, call: Call) -> Answer:
        asked = call.json()
        if not isinstance(asked, dict) or asked.get("operation") not in ("query", "queryAll"):
            raise Refusal(_error(400, "INVALIDJOB", "operation must be query or queryAll"))
        query = self._parsed(call, asked.get("query", ""), is_bulk=True)
        all_rows = asked["operation"] == "queryAll"
        job = f"750{call.number:012d}AAA"
        found = self._found(call, query, all_rows=all_rows)
        # rows come in no order at all
        found.sort(key=lambda place: (place * 7919) % 10_007)
        self._jobs[job] = Locator(query, found, all_rows, call.now)
        return Answer({"id": job, "state": "UploadComplete", "operation": asked["operation"], "contentType": "CSV"})

    def _job(self, call: Call) -> Locator:
        job = self._jobs.get(call.path["job"])
        if job is None:
            raise Refusal(_error(404, "NOT_FOUND", "The requested resource does not exist"))
        return job

    def job_state(self, call: Call) -> Answer:
        job = self._job(call)
        return Answer({"id": call.path["job"], "state": "JobComplete", "numberRecordsProcessed": len(job.places)})

    def job_results(self, call: Call) -> Answer:
        job = self._job(call)
        start = int(call.query.get("locator", "0"))
        size = min(int(call.query.get("maxRecords", PAGE)), call.traps.salesforce_page_rows or PAGE)
        places = job.places[start : start + size]
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(job.query.fields)
        for place in places:
            row = self._shown(call, job.query, place, job.asked_at)
            writer.writerow([_csv_value(row[name]) for name in job.query.fields])
        following = str(start + size) if start + size < len(job.places) else "null"
        headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(len(places))}
        # NUL stands in such a file as it is; a lone surrogate is no UTF-8
        body = text.getvalue().replace(NUL_MARK, "\x00").replace(SURROGATE_MARK, "\ufffd")
        return Answer(body.encode(), 200, headers, "text/csv")

    # --- queries

    def _table(self, call: Call, name: str) -> Table:
        if name not in self._tables or name in call.traps.salesforce_missing:
            raise Refusal(_error(404, "NOT_FOUND", "The requested resource does not exist"))
        return self._tables[name]

    def _types(self, call: Call, table: Table) -> dict[str, str]:
        return table.types | ({"Sentiment__c": "double"} if call.traps.drift.new_field and table.name == "Case" else {})

    def _parsed(self, call: Call, text: str, *, is_bulk: bool = False) -> Query:
        try:
            query = parse(text)
        except Malformed as fault:
            raise Refusal(_error(400, "MALFORMED_QUERY", str(fault))) from None
        if query.table not in self._tables or query.table in (
            *call.traps.salesforce_missing,
            *call.traps.salesforce_unqueryable,
        ):
            raise Refusal(_error(400, "INVALID_TYPE", f"sObject type '{query.table}' is not supported."))
        table = self._tables[query.table]
        types = self._types(call, table)
        used = query.where.fields() if query.where else set()
        asked = {*query.fields, *used, *query.order, *(one for _, _, one in query.aggregates)}
        for name in sorted(asked - types.keys()):
            raise Refusal(_error(400, "INVALID_FIELD", f"No such column '{name}' on entity '{table.name}'."))
        banned = {name for name in used if types[name] in ("textarea", "anyType", *_COMPOUND)}
        if table.name in call.traps.salesforce_unfilterable:
            banned |= {"SystemModstamp"} & used
        for name in sorted(banned):
            raise Refusal(_error(400, "INVALID_FIELD", f"field '{name}' can not be filtered in a query call"))
        if is_bulk and any(types[name] in _COMPOUND for name in query.fields):
            raise Refusal(_error(400, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk"))
        return query

    def _found(self, call: Call, query: Query, *, all_rows: bool) -> list[int]:
        """Positions of what a query finds, in its order."""
        table = self._tables[query.table]
        delay = call.traps.salesforce_late_commit_seconds
        changed = table.changed(call.now, delay)
        there = changed > 0
        where = query.where or Condition("and")
        bound = where.bound(table.stamp)
        if bound is not None:
            there &= changed >= int(datetime.fromisoformat(bound).timestamp())
        purged = set(call.traps.salesforce_purged)
        found = []
        for place in np.flatnonzero(there).tolist():
            if table.ids[place] in purged:
                continue
            record: Row = {}

            def read(name: str, place: int = place, record: Row = record) -> Any:
                if name == "Id":
                    return table.ids[place]
                if name == table.stamp and table.stamp == "SystemModstamp":
                    return stamp(datetime.fromtimestamp(int(changed[place]), UTC))
                if not record:
                    record.update(table.show(place, table.seen_at(place, call.now, delay), call.traps.drift))
                return record[name]

            if where.holds(read) and (all_rows or not read("IsDeleted")):
                found.append(place)
        if query.order:
            names = list(query.order)
            found.sort(key=lambda place: [table.ids[place] if name == "Id" else int(changed[place]) for name in names])
        return found

    def _aggregated(self, call: Call, query: Query, found: list[int]) -> Row:
        table = self._tables[query.table]
        changed = table.changed(call.now, call.traps.salesforce_late_commit_seconds)
        shown: Row = {"attributes": {"type": "AggregateResult"}}
        for alias, function, _ in query.aggregates:
            if function == "COUNT":
                shown[alias] = len(found)
            else:
                newest = max((int(changed[place]) for place in found), default=None)
                shown[alias] = None if newest is None else stamp(datetime.fromtimestamp(newest, UTC))
        return shown

    def _shown(self, call: Call, query: Query, place: int, now: datetime) -> Row:
        table = self._tables[query.table]
        seen = table.seen_at(place, now, call.traps.salesforce_late_commit_seconds)
        record = table.show(place, seen, call.traps.drift)
        url = f"/services/data/v{call.path['version']}/sobjects/{table.name}/{table.ids[place]}"
        return {"attributes": {"type": table.name, "url": url}} | {name: record.get(name) for name in query.fields}


def _csv_value(value: Any) -> str:
    """A value as Bulk writes it: text all over, moments with Z."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.removesuffix("+0000") + "Z" if isinstance(value, str) and _is_moment(value) else str(value)


def _is_moment(value: str) -> bool:
    return len(value) == 28 and value.endswith(".000+0000")


def _moment(call: Call, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(call.query[name])
    except (KeyError, ValueError):
        raise Refusal(_error(400, "INVALID_REPLICATION_DATE", f"{name} is no date and time")) from None
    if found.tzinfo is None:
        raise Refusal(_error(400, "INVALID_REPLICATION_DATE", f"{name} has no zone"))
    return found


def _error(status: int, code: str, message: str) -> Answer:
    return Answer([{"message": message, "errorCode": code}], status)
