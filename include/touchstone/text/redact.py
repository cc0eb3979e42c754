"""First redactor: personal data and secrets found by rules and replaced by typed placeholders.

Every rule is anchored (on an `@`, a `://`, a keyword, a run of digits) and looks at a bounded neighbourhood, so that the
time is linear in the length of the text, whatever the text holds. Numbers that can be checked are checked (Luhn, IBAN's
mod 97, IP octets), so that a text without personal data is returned as it came.

What rules cannot see (names, street addresses, free descriptions of a person) stays; a later redactor has another
`REDACTOR_VERSION`, which makes `touchstone.clean` redact everything again.
"""

from __future__ import annotations

import ipaddress
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypedDict

REDACTOR_VERSION = "rules-1"

Found = tuple[int, int, str]


class Pii(TypedDict):
    """A placeholder: its type and its code-point offsets, half-open, in the redacted text."""

    type: str
    start: int
    end: int


_TRIGGER = re.compile(
    r"[0-9@]|://|-----BEGIN|pass|pwd|\bpin\b|api|token|secret|\b(?:sk|ghp|gho|xox|eyJ|AKIA|ASIA|AIza|glpat)",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"(?:[^\W_][\w\-]{0,62}\.){1,8}(?:xn--[a-z0-9\-]{2,59}|[^\W\d_]{2,24})(?![\w])", re.IGNORECASE)
_URL = re.compile(r"://[^\s<>\"']+")
_SECRET_URL = re.compile(
    r"://[^/?#@\s]*@"
    r"|[?&#;](?:access_?|refresh_?|id_?|auth_?|csrf_?|reset_?)?(?:token|key|api_?key|apikey|sig|signature|secret|password|passwd|pwd"
    r"|auth|session|session_?id|sid|jwt|code|x-amz-signature|x-amz-credential)=[^&#\s]",
    re.IGNORECASE,
)
_API_KEY = re.compile(
    r"(?<![A-Za-z0-9_\-])(?:sk-[A-Za-z0-9_\-]{16,}|(?:sk|pk|rk|whsec)_[A-Za-z0-9_]{16,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_\-]{16,}|xox[abeprs]-[A-Za-z0-9\-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|AIza[0-9A-Za-z_\-]{30,}|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?)"
)
_STATED_KEY = re.compile(
    r"\b(?:api|access|auth|bearer|secret|private|client)[ _\-]?(?:key|token|secret)[\"']?\s{0,3}(?:is|was|:|=)\s{0,3}[\"']?"
    r"([A-Za-z0-9_\-./+]{8,200}=*)",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    r"\b(?:pass ?word|passwd|pass ?code|pass ?phrase|pwd|pin(?: code| number)?)[\"']?\s{0,3}"
    r"(?:\(?(?:currently|now)\)?\s)?(?:is set to|set to|is|was|:|=)\s{0,3}:?\s{0,3}(\S{1,128})",
    re.IGNORECASE,
)
# What follows "password is" in sentences that state none.
_NOT_STATED_TEXT = """
a about accepted active again all already also always an and another any as at back bad because being
blank blocked broken case changed compromised correct covered created different disabled due easy empty
enabled encrypted enough exactly expired expiring failing false fine for forgotten from gone good hacked
hard here hidden i important in inactive incorrect insecure invalid it its just known leaked like locked
long lost mandatory missing my needed never new no not nothing now ok okay old on one only optional or
outdated out private protected public recognized refused rejected required reset right safe same saved
secret secure sensitive sent short simple so something still stolen stored strong suddenly suspended
temporary that the there this to too true unchanged unique unknown unsafe up updated useless valid very
via visible wasn't weak what when where why with working wrong your yours
"""
_NOT_STATED = frozenset(_NOT_STATED_TEXT.split())
_PLACEHOLDER = re.compile(r"\[[A-Z_]{3,20}\]")
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ \-]?[0-9])*")
_DIGIT_GROUP = re.compile(r"[0-9]+")
# Leading digits and lengths of the card schemes: Visa, Mastercard, American Express, Diners Club, JCB and the others of 6.
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3[0689][0-9]{12}|35[0-9]{14,17}|6[0-9]{15,18}"
)
_LONGEST_CARD = 19
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[0-9]{2}(?= ?[A-Za-z0-9])")
_IBAN_REGISTRY = """
AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DK:18
DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23
IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19
MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SC:31 SE:24 SI:19 SK:24
SM:27 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[3:]) for entry in _IBAN_REGISTRY.split()}
_SSN = re.compile(r"(?<![0-9\-.])(?!000|666|9)[0-9]{3}([ \-])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9\-])")
_STATED_SSN = re.compile(
    r"\b(?:ssn|social security(?: number| no\.?| num)?)\s{0,3}(?:is|was|:|=|#)?\s{0,3}([0-9]{3}[ \-]?[0-9]{2}[ \-]?[0-9]{4})(?![0-9])",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_SOFTWARE_VERSION = re.compile(r"(?:version|release|build|firmware|v)[ :]{0,2}\Z", re.IGNORECASE)
_STATED_NUMBER = re.compile(
    r"\b(order|invoice|booking|reservation|tracking|confirmation|purchase|shipment|account|acct|customer|member|membership|policy"
    r"|routing|sort|client|user)(?P<label>(?:[ \-](?:number|no\.?|num|nr\.?|id|code|reference|ref))?)"
    r"(?P<link>\s{0,3}(?:is|was|:|=)?\s{0,3}(?:\#\s?)?)(?P<value>[A-Za-z0-9][A-Za-z0-9\-]{2,30})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_ACCOUNT_WORDS_TEXT = """
account acct customer member membership policy routing sort client user
"""
_ACCOUNT_WORDS = frozenset(_ACCOUNT_WORDS_TEXT.split())
_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ \-./]{0,2}\(?[0-9]\)?){6,14}(?![0-9])")
_NORTH_AMERICAN = re.compile(
    r"(?<![\w\-.])(?:1[ \-.]?)?(?:\([2-9][0-9]{2}\) ?[0-9]{3}[ \-.]?|[2-9][0-9]{2}(?:[ \-.][0-9]{3}[ \-.]|[2-9][0-9]{2}))[0-9]{4}"
    r"(?![\w\-]|\.[0-9])"
)
_NATIONAL = re.compile(r"(?<![\w\-.,])\(?0[1-9][0-9]{1,4}\)?(?:[ \-/][0-9]{2,8}){1,4}(?![\w\-]|[.,][0-9])")
_STATED_PHONE = re.compile(
    r"\b(?:phone|mobile|cell|telephone|tel|whatsapp|call me(?: back)? (?:at|on)|text me (?:at|on)|reach me (?:at|on))"
    r"(?: number| no\.?)?\s{0,3}(?:is|:|=|at|on)?\s{0,3}(\(?[0-9](?:[ \-./()]{0,2}[0-9]){5,14})(?![0-9])",
    re.IGNORECASE,
)
_LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\-]")


@cache
def _shadow_table() -> dict[int, str]:
    """One code point for one: digits of all scripts to ASCII, invisible and odd spaces to a space, dashes to `-`."""
    table: dict[int, str] = {}
    for code in range(0x80, sys.maxunicode + 1):
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Nd":
            table[code] = str(unicodedata.digit(char))
        elif category in ("Zs", "Cf"):
            table[code] = " "
        elif category == "Pd":
            table[code] = "-"
    table |= {0xFF20: "@", 0xFE6B: "@", 0xFF0E: ".", 0xFF0B: "+", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
    return table


def redact(text: str) -> tuple[str, list[Pii]]:
    """Replace personal data and secrets by placeholders such as `[EMAIL]`.

    Args:
        text: Any text; linear time in its length.

    Returns:
        The redacted text, which is `text` itself when nothing was found, and the placeholders in it in order. A
        placeholder that `text` already held is text, not a finding.
    """
    shadow = text if text.isascii() else text.translate(_shadow_table())
    if not _TRIGGER.search(shadow):
        return text, []
    taken = bytearray(len(text))
    kept: list[Found] = []
    for rule in _RULES:
        for start, end, kind in rule(shadow):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\x01" * (end - start)
                kept.append((start, end, kind))
    if not kept:
        return text, []
    pieces: list[str] = []
    pii: list[Pii] = []
    position = length = 0
    for start, end, kind in sorted(kept):
        placeholder = f"[{kind}]"
        pieces += (text[position:start], placeholder)
        length += start - position
        pii.append({"type": kind.lower(), "start": length, "end": length + len(placeholder)})
        length += len(placeholder)
        position = end
    pieces.append(text[position:])
    return "".join(pieces), pii


def _private_keys(text: str) -> Iterator[Found]:
    begin = text.find("-----BEGIN ")
    while begin >= 0 and " PRIVATE KEY-----" in text[begin : begin + 60]:
        end = text.find("-----END ", begin)
        if end < 0:
            yield begin, len(text), "API_KEY"
            return
        close = text.find("-----", end + 9, end + 60)
        stop = close + 5 if close >= 0 else end + 9
        yield begin, stop, "API_KEY"
        begin = text.find("-----BEGIN ", stop)


def _secret_urls(text: str) -> Iterator[Found]:
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        if _SECRET_URL.search(match.group()):
            start = match.start()
            while start > 0 and match.start() - start < 20 and (text[start - 1].isalnum() or text[start - 1] in "+.-"):
                start -= 1
            end = match.end()
            while end > match.start() + 4 and text[end - 1] in ".,;:!?)]}":
                end -= 1
            yield start, end, "URL"


def _emails(text: str) -> Iterator[Found]:
    at, floor = text.find("@"), 0
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain:
            start = at
            while start > floor and at - start < 256 and _LOCAL_PART.match(text[start - 1]):
                start -= 1
            while start < at and text[start] in ".'`":
                start += 1
            if start < at:
                yield start, domain.end(), "EMAIL"
                floor = domain.end()
        at = text.find("@", at + 1)


def _api_keys(text: str) -> Iterator[Found]:
    for match in _API_KEY.finditer(text):
        yield match.start(), match.end(), "API_KEY"
    for match in _STATED_KEY.finditer(text):
        value = match.group(1)
        if any(char.isdigit() for char in value):
            yield match.start(1), match.end(1), "API_KEY"


def _passwords(text: str) -> Iterator[Found]:
    for match in _PASSWORD.finditer(text):
        start, end = match.span(1)
        value = match.group(1)
        quoted = value[0] in "\"'`" and len(value) > 1
        if quoted:
            start += 1
        if _PLACEHOLDER.match(text, start):
            continue
        if quoted:
            closing = text.find(value[0], start, start + 128)
            if closing > start:
                yield start, closing, "PASSWORD"
                continue
            value = value[1:]
        bare = value.rstrip(".,;:!?)\"'")
        if not bare:
            continue
        end = start + len(bare)
        word = bare.lower()
        if word.isalpha() or "'" in word:
            ends_sentence = end >= len(text) or not text[end : end + 2].strip() or text[end] in ".,;!?)\n\"'"
            following = text[end : end + 40].lstrip()
            mixed = not (bare.islower() or bare.istitle() or bare.isupper())
            if word in _NOT_STATED or not (mixed or (ends_sentence and not following.startswith("to "))):
                continue
            if not mixed and not (following == "" or text[end] in ".,;!?)\n\"'"):
                continue
        yield start, end, "PASSWORD"


def _luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = ord(char) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def _cards(text: str) -> Iterator[Found]:
    """Runs of digits in groups; a card starts and ends with a group, or is all single digits."""
    for match in _DIGITS.finditer(text):
        offset = match.start()
        if match.end() - offset < 13:
            continue
        run = match.group()
        groups = [group.span() for group in _DIGIT_GROUP.finditer(run)]
        if all(end - start == 1 for start, end in groups):
            digits = "".join(run[start] for start, _ in groups[:20])
            if len(groups) == len(digits) and _CARD.fullmatch(digits) and _luhn(digits):
                yield offset, match.end(), "CREDIT_CARD"
            continue
        number = 0
        while number < len(groups):
            last = _card_end(run, groups, number)
            if last is None:
                number += 1
                continue
            yield offset + groups[number][0], offset + groups[last][1], "CREDIT_CARD"
            number = last + 1


def _card_end(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Number of the group that ends a card which starts with group `first`; the longest card wins."""
    if run[groups[first][0]] not in "23456" or groups[first][1] - groups[first][0] < 3:
        return None
    digits, found = "", None
    for number in range(first, len(groups)):
        start, end = groups[number]
        if end - start < 2 or len(digits) + end - start > _LONGEST_CARD:
            break
        digits += run[start:end]
        if _CARD.fullmatch(digits) and _luhn(digits):
            found = number
    return found


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group(1).upper())
        if length is None:
            continue
        chars, end = "", match.start()
        while end < len(text) and len(chars) < length:
            char = text[end]
            if char.isascii() and char.isalnum():
                chars += char
            elif char not in " -" or text[end - 1] in " -":
                break
            end += 1
        if len(chars) < length or (end < len(text) and text[end].isalnum()):
            continue
        moved = chars[4:].upper() + chars[:4].upper()
        if int("".join(str(int(char, 36)) for char in moved)) % 97 == 1:
            yield match.start(), end, "IBAN"


def _social_security(text: str) -> Iterator[Found]:
    for match in _STATED_SSN.finditer(text):
        yield match.start(1), match.end(1), "SSN"
    for match in _SSN.finditer(text):
        yield match.start(), match.end(), "SSN"


def _stated_numbers(text: str) -> Iterator[Found]:
    for match in _STATED_NUMBER.finditer(text):
        value = match.group("value")
        explicit = match.group("label") or "#" in match.group("link") or match.group("link").strip()
        digits = sum(char.isdigit() for char in value)
        if digits >= 3 and (explicit or digits >= 5):
            kind = "ACCOUNT_NUMBER" if match.group(1).lower() in _ACCOUNT_WORDS else "ORDER_NUMBER"
            yield match.start("value"), match.end("value"), kind


def _ip_addresses(text: str) -> Iterator[Found]:
    for match in _IPV4.finditer(text):
        if all(int(octet) < 256 for octet in match.group().split(".")) and not _SOFTWARE_VERSION.search(
            text[max(0, match.start() - 12) : match.start()]
        ):
            yield match.start(), match.end(), "IP_ADDRESS"
    if text.count(":") < 2:
        return
    for match in _IPV6.finditer(text):
        value = match.group()
        if len(value) >= 6 and _is_ipv6(value):
            yield match.start(), match.end(), "IP_ADDRESS"


def _is_ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value)
    except ipaddress.AddressValueError:
        return False
    return True


def _phones(text: str) -> Iterator[Found]:
    for match in _STATED_PHONE.finditer(text):
        yield match.start(1), match.end(1), "PHONE"
    for pattern in (_INTERNATIONAL, _NORTH_AMERICAN, _NATIONAL):
        for match in pattern.finditer(text):
            if 7 <= sum(char.isdigit() for char in match.group()) <= 15:
                yield match.start(), match.end(), "PHONE"


# In order of certainty: what an earlier rule took, a later one leaves.
_RULES: tuple[Callable[[str], Iterator[Found]], ...] = (
    _private_keys,
    _secret_urls,
    _api_keys,
    _emails,
    _passwords,
    _ibans,
    _cards,
    _social_security,
    _stated_numbers,
    _ip_addresses,
    _phones,
)
