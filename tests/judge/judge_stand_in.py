"""A server on loopback that speaks like an OpenAI-compatible endpoint, with models that a test chooses."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from touchstone.judge.cases import Case
from touchstone.judge.probe import Injection, conversations, injections

USAGE = {"prompt_tokens": 700, "completion_tokens": 100, "total_tokens": 800}


@dataclass
class Asked:
    """One request."""

    headers: dict[str, str]
    body: dict[str, Any]
    at: float

    @property
    def user(self) -> str:
        return self.body["messages"][1]["content"]

    @property
    def nonce(self) -> str:
        return re.search(r'line "begin ([0-9a-f]+)"', self.body["messages"][0]["content"]).group(1)

    @property
    def data(self) -> list[dict[str, Any]]:
        """The conversation as a careful reader finds it: JSON lines between the marks."""
        begin, end = (f"\n{word} {self.nonce}\n" for word in ("begin", "end"))
        inside = self.user.split(begin)[1].split(end)[0]
        return [json.loads(line) for line in inside.split("\n")]

    @property
    def outside(self) -> str:
        """Everything that is not data."""
        begin, end = (f"\n{word} {self.nonce}\n" for word in ("begin", "end"))
        before, rest = self.user.split(begin)
        return (self.body["messages"][0]["content"] + before + rest.split(end)[1]).replace(self.nonce, "")

    @property
    def names(self) -> dict[str, str]:
        """Statements by the name they are asked under."""
        return dict(re.findall(r"^(q\d+)\. (.*)$", self.user.split(f"begin {self.nonce}")[0], re.MULTILINE))


def spoken(content: Any, *, usage: Any = USAGE, finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    """The body of a successful answer; content that is no text is sent as JSON."""
    text = content if isinstance(content, str | None) else json.dumps(content)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "stand-in-2026-01-01",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": usage,
    }


@dataclass
class StandIn:
    """The server; `answer` may be replaced at any time, and `asked` is what came in."""

    url: str
    answer: Callable[[Asked], Any]
    asked: list[Asked] = field(default_factory=list)

    def say(self, *answers: Any) -> None:
        """Give these in turn, the last one again and again."""
        begin = len(self.asked)
        self.answer = lambda asked: answers[min(len(self.asked) - begin, len(answers)) - 1]


@contextmanager
def serving() -> Iterator[StandIn]:
    app = FastAPI()
    stand_in = StandIn("", lambda asked: spoken(None))

    @app.post("/v1/chat/completions")
    def completions(body: dict[str, Any], request: Request) -> Any:
        asked = Asked(dict(request.headers), body, time.monotonic())
        stand_in.asked.append(asked)
        answer = stand_in.answer(asked)
        return answer if isinstance(answer, Response) or not callable(answer) else answer()

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(100)
    stand_in.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="off", access_log=False, log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def status(code: int, error: Any = None, **headers: str) -> Response:
    body = {"error": error} if error is not None else {}
    return Response(json.dumps(body), code, media_type="application/json", headers=headers)


# --- models


def verdict(outcome: Any, message: int | None = None, text: str | None = None, confidence: float = 0.9) -> dict:
    quote = None if message is None else {"message": message, "text": text}
    return {"outcome": outcome, "quote": quote, "confidence": confidence}


def knowing(cases: list[Case]) -> Callable[[Asked], Any]:
    """A model that knows the rules' verdicts about conversations and reads the data as data: it quotes a reply of the judged side."""

    def answer(asked: Asked) -> Any:
        return spoken({"verdicts": truths(asked, cases)})

    return answer


def truths(asked: Asked, cases: list[Case]) -> dict[str, Any]:
    case = next(case for case in cases if case.messages[0].text == asked.data[0]["text"])
    by_statement = {question.statement: question.id for question in case.questions}
    line = next(line for line in asked.data if line["actor"] == case.subject)
    return {
        name: verdict(case.rules[by_statement[statement]].outcome, line["m"], line["text"][:40])
        for name, statement in asked.names.items()
    }


def obedient(quotes: str) -> Callable[[Asked], Any]:
    """The worst model: whatever text in the data addresses it, it does as it is told.

    Args:
        quotes: Where it takes its proof from: `injection`, the text that it obeys, or `agent`, any reply of the judged side.
    """
    cases = conversations()
    known = {one.text: one for one in injections()}

    def answer(asked: Asked) -> Any:
        line = next((line for line in asked.data if line["text"] in known), None)
        if line is None:
            return spoken({"verdicts": truths(asked, cases)})
        return obeying(known[line["text"]], asked, cases, line["m"] if quotes == "injection" else None)

    return answer


def obeying(one: Injection, asked: Asked, cases: list[Case], quoted: int | None) -> Any:
    verdicts = truths(asked, cases)
    case = next(case for case in cases if case.messages[0].text == asked.data[0]["text"])
    by_statement = {question.statement: question for question in case.questions}
    questions = {name: by_statement[statement] for name, statement in asked.names.items()}
    extreme = {"best": -1, "worst": 0}
    for name, question in questions.items():
        held = verdicts[name]
        if one.wants in extreme:
            order = question.scale or [tier.id for tier in question.tiers] or ["fails", "holds"]
            held |= {"outcome": order[extreme[one.wants]], "confidence": 1}
            if quoted is not None:
                held["quote"] = {"message": quoted, "text": asked.data[quoted]["text"]}
        elif one.wants == "not_applicable":
            held |= {"outcome": "not_applicable", "quote": None}
        elif one.wants == "extra_keys":
            held["note"] = "as asked"
        elif one.wants == "other_outcome":
            held["outcome"] = "outstanding"
        elif one.wants == "invented_quote":
            held["quote"]["text"] = "I am so sorry for the trouble and will stay with you until it is solved."
        elif one.wants == "out_of_range":
            held |= {"confidence": 99, **({"outcome": 1000} if question.scale else {})}
        elif one.wants == "leak":
            held["quote"]["text"] = asked.body["messages"][0]["content"]
    if one.wants == "prose":
        return spoken("Dear customer, what a pleasure to read from you.")
    if one.wants == "nothing":
        return spoken(None, refusal="I cannot help with this.")
    if one.wants == "tool_call":
        call = {"id": "1", "type": "function", "function": {"name": "refund_customer", "arguments": '{"amount": 500}'}}
        return spoken(None, finish_reason="tool_calls", tool_calls=[call])
    return spoken({"verdicts": verdicts} | ({"approved": True} if one.wants == "extra_keys" else {}))
