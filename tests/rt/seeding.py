"""What people do in a real Request Tracker, over REST2, and the record of it that core is held against."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from request_tracker import ROOT_PASSWORD, RequestTracker

PASSWORD = "a long password"
STAFF = {"ann": "human_agent", "bob": "human_agent", "nova": "ai_agent", "flow": "system"}
QUEUES = ("General", "Billing", "Technical")
FIELDS = ("Topic", "Language", "Way", "CSAT")
STATUSES = {"open": "open", "stalled": "pending", "resolved": "solved", "rejected": "closed"}
SECRET = "the word Rumpelstilz"
REPLACEMENT = "the word XXXXX"

INITIAL_DATA = """
our @Queues = (map {{ Name => $_ }} qw(Billing Technical));
our @CustomFields = (
    map {{ Name => $_, Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => 0 }}
        qw(Topic Language Way CSAT)
);
our @ACL = (
    (map {{ GroupDomain => 'SystemInternal', GroupType => 'Privileged', Right => $_ }} qw(
        OwnTicket ShowTicket ModifyTicket CommentOnTicket ReplyToTicket SeeQueue ShowTicketComments SeeCustomField
        ModifyCustomField DeleteTicket CreateTicket StealTicket TakeTicket)),
    (map {{ GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_ }}
        qw(CreateTicket ReplyToTicket SeeQueue)),
);
our @Final = (sub {
    my $owner = RT::User->new(RT->SystemUser);
    $owner->Load('root');
    my $token = RT::AuthToken->new(RT->SystemUser);
    my ($ok, $said, $secret) = $token->Create(Owner => $owner->Id, Description => 'test');
    print "TOKEN $secret\\n";
});
1;
"""


@dataclass
class Seeded:
    """A ticket as it has to be in core.

    Attributes:
        said: (actor, whether internal, text) in the order in which it was said, here and not where it was merged into.
    """

    ticket_id: str
    customer: str
    status: str = "new"
    owner: str | None = None
    queue: str = "General"
    topic: str | None = None
    language: str | None = None
    way: str = "ticket"
    rating: int | None = None
    is_deleted: bool = False
    merged_into: str | None = None
    said: list[tuple[str, bool, str]] = field(default_factory=list)


class Desk:
    """Accounts of a Request Tracker, and everything that they have done."""

    def __init__(self, rt: RequestTracker, seed: int = 7) -> None:
        self.rt = rt
        self.tickets: dict[str, Seeded] = {}
        self.requests = 0
        self._dice = random.Random(seed)
        self._clients: dict[str, httpx.Client] = {}
        self._customers = [f"customer{number}" for number in range(1, 13)]
        for name in (*STAFF, *self._customers):
            self.call(
                "root",
                "POST",
                "/user",
                Name=name,
                RealName=name.title(),
                EmailAddress=f"{name}@example.test",
                Password=PASSWORD,
                Privileged=int(name in STAFF),
            )

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def call(self, who: str, method: str, path: str, **body: Any) -> Any:
        """A request in somebody's name."""
        client = self._clients.setdefault(
            who,
            httpx.Client(auth=(who, ROOT_PASSWORD if who == "root" else PASSWORD), timeout=120),
        )
        self.requests += 1
        answer = client.request(method, f"{self.rt.url}/REST/2.0{path}", json=body or None)
        assert answer.status_code < 300, (who, method, path, body, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    # --- what people do

    def begin(self, number: int) -> Seeded:
        customer = self._customers[number % len(self._customers)]
        text = f"Question {number}: my report shows a wrong total, äöü €."
        fields = {"Topic": ("reports", "login", "sync")[number % 3], "Language": ("en", "de")[number % 2]}
        by_staff = number % 10 == 0
        made = self.call(
            "ann" if by_staff else customer,
            "POST",
            "/ticket",
            Queue="General",
            Subject=f"Case {number}",
            Requestor=f"{customer}@example.test",
            Content=text,
            ContentType="text/plain",
        )
        one = Seeded(str(made["id"]), customer)
        one.said.append(("human_agent" if by_staff else "customer", False, text))
        self.tickets[one.ticket_id] = one
        self.call("ann", "PUT", f"/ticket/{one.ticket_id}", CustomFields=fields)
        one.topic, one.language = fields["Topic"], fields["Language"]
        if number % 4 == 0:
            self.call("ann", "PUT", f"/ticket/{one.ticket_id}", CustomFields={"Way": "chat"})
            one.way = "chat"
        return one

    def write(self, one: Seeded, who: str, text: str, *, internal: bool = False, **how: Any) -> None:
        """A reply or a comment; what is stated of a ticket's status after it is the test's own to say."""
        kind = "comment" if internal else "correspond"
        self.call(
            who, "POST", f"/ticket/{one.ticket_id}/{kind}", **{"Content": text, "ContentType": "text/plain"} | how
        )
        one.said.append((STAFF.get(who, "customer"), internal, text))

    def talk(self, one: Seeded, number: int) -> None:
        """What follows in a ticket, of every kind."""
        who = ("ann", "bob", "nova")[number % 3]
        self.write(one, who, f"Answer {number} to case {one.ticket_id}: please try it again.")
        if number % 2 == 0:
            self.write(one, one.customer, f"Reply {number}: it is still wrong in case {one.ticket_id}.")
        if number % 3 == 0:
            self.write(one, "bob", f"Note {number} on case {one.ticket_id}: a known fault.", internal=True)
        if number % 11 == 0:
            self.write(one, "flow", f"Notice {number}: case {one.ticket_id} waits.")
        if number % 7 == 0:
            text = f"In HTML {number} of case {one.ticket_id}: a < b & c"
            html = f"<div><p>In HTML <b>{number}</b> of case {one.ticket_id}: a &lt; b &amp; c</p></div>"
            self.write(one, "ann", text, Content=html, ContentType="text/html")
        if number % 13 == 0:
            files = [
                _file("log.txt", "text/plain", b"nobody said this\n" * 400),
                _file("shot.png", "image/png", bytes(range(256)) * 60),
            ]
            self.write(one, one.customer, f"Files {number} of case {one.ticket_id}.", Attachments=files)
        if number % 17 == 0:
            self.write(one, one.customer, f"Case {one.ticket_id}, {number}: {SECRET} is between us.")

    def move(self, one: Seeded, number: int) -> None:
        """Who has a ticket, and where it stands: the last is what has to be."""
        if number % 3:
            one.owner = ("ann", "bob")[number % 2]
            self.change(one, "root", Owner=one.owner)  # who may take it from another
        if number % 5 == 0:
            one.queue = QUEUES[1 + number % 2]
            self.change(one, Queue=one.queue)
        if number % 8 == 0:
            one.rating = 1 + number % 5
            self.change(one, CustomFields={"CSAT": str(one.rating)})
        status = ("open", "stalled", "resolved", "resolved", "rejected")[number % 5]
        self.change(one, Status=status)
        one.status = STATUSES[status]

    def change(self, one: Seeded, who: str = "ann", **fields: Any) -> None:
        said = self.call(who, "PUT", f"/ticket/{one.ticket_id}", **fields)
        assert not any(re.search("not|only|denied|invalid", line, re.IGNORECASE) for line in said), (fields, said)

    def merge(self, loser: Seeded, survivor: Seeded) -> None:
        said = self.call("root", "PUT", f"/ticket/{loser.ticket_id}", MergeInto=int(survivor.ticket_id))
        assert said == ["Merge Successful"], said
        loser.merged_into = survivor.ticket_id

    def delete(self, one: Seeded, *, by_status: bool = False) -> None:
        if by_status:
            self.change(one, Status="deleted")
        else:
            self.call("root", "DELETE", f"/ticket/{one.ticket_id}")
        one.is_deleted = True

    def restore(self, one: Seeded) -> None:
        self.change(one, who="root", Status="open")
        one.is_deleted, one.status = False, "open"

    def forget(self) -> None:
        """The administrator's command that replaces words in what was written."""
        self.rt.command("rt-munge-attachments-5", f"--search={SECRET}", f"--replace={REPLACEMENT}")
        for one in self.tickets.values():
            one.said = [(actor, internal, text.replace(SECRET, REPLACEMENT)) for actor, internal, text in one.said]

    def living(self, fits: Callable[[Seeded], bool] = lambda one: True) -> list[Seeded]:
        """Tickets that are neither deleted nor merged, nor merged into, in an order that the seed draws."""
        taken = {one.merged_into for one in self.tickets.values()}
        found = [
            one
            for one in self.tickets.values()
            if not (one.is_deleted or one.merged_into or one.ticket_id in taken) and fits(one)
        ]
        self._dice.shuffle(found)
        return found

    def root(self, one: Seeded) -> Seeded:
        """Where a ticket has ended up through all merges."""
        while one.merged_into:
            one = self.tickets[one.merged_into]
        return one


def _file(name: str, kind: str, content: bytes) -> dict[str, str]:
    return {"FileName": name, "FileType": kind, "FileContent": base64.b64encode(content).decode()}
