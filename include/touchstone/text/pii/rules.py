"""What rules find in one text: everything that its form, its check digits or the words beside it give away.

Every rule is anchored (on an `@`, a `://`, a keyword, a run of digits) and looks at a bounded neighbourhood, so that the
time is linear in the length of the text, whatever the text holds. Numbers that can be checked are checked (Luhn, IBAN's
mod 97, letters and digits of national identity numbers, IP octets, telephone numbers by country). What rules cannot see,
names and addresses first, is the tagger's.
"""

from __future__ import annotations

import ipaddress
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache

from touchstone.text.pii import checks
from touchstone.text.pii.asked import first_words, named
from touchstone.text.pii.lexicon import plain
from touchstone.text.pii.tagger import Span

_SIGN = re.compile(r"[0-9@]|://|-----BEGIN")
_SIGN_WORDS = (
    "pass",
    "pwd",
    "pin",
    "contrase",
    "clave",
    "kennwort",
    " dot ",
    " punkt ",
    " punto ",
    "(dot)",
    "mailcom",
    "mail com",
    "yahoo",
    "key",
    "token",
    "secret",
    "sk-",
    "sk_",
    "ghp_",
    "xox",
)


def has_signs(text: str, low: str) -> bool:
    """Whether a text may hold what the rules look for, but for what a word announces; `low` is it in small letters."""
    return _SIGN.search(text) is not None or any(word in low for word in _SIGN_WORDS)


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
    r"\b(?:pass ?word|passwd|pass ?code|pass ?phrase|pwd|pin(?: code| number)?|contrase[ñn]a|clave|passwort|kennwort|einmalpasswort)[\"']?\s{0,3}"
    r"(?:\(?(?:currently|now)\)?\s)?(?:is set to|set to|is|was|es|ist|lautet|:|=)\s{0,3}:?\s{0,3}(\S{1,128})",
    re.IGNORECASE,
)
_BARE_PASSWORD = re.compile(
    r"\b(?:pass ?word|passwd|pass ?code|pwd|pw|pin|otp)(?: code| number)?\s{1,3}([^\s,;]{1,64})(?![^\s,;.!?])",
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
incorrecta incorrecto correcta correcta olvidada la el una un no muy nueva nueva segura caducada bloqueada
falsch richtig nicht abgelaufen gesperrt neu sicher unsicher das die der ein eine zu vergessen korrekt
"""
_NOT_STATED = frozenset(_NOT_STATED_TEXT.split())
_PLACEHOLDER = re.compile(r"\[[A-Z_]{3,20}\]")
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ \-]?[0-9])*")
_DIGIT_GROUP = re.compile(r"[0-9]+")
# Leading digits and lengths of the card schemes: Visa, Mastercard, American Express, Diners Club, JCB and the others of 6.
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|3[0689][0-9]{12}|35[0-9]{14,17}|6[0-9]{15,18}"
)
_CARD_FORM = re.compile(r"(?<![0-9\-])[3-6][0-9]{3}([ \-])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?![0-9]|[ \-][0-9])")
_LONGEST_CARD = 19
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[0-9]{2}(?= ?[A-Za-z0-9])")
_SSN = re.compile(r"(?<![0-9\-.])(?!000|666|9)[0-9]{3}([ \-])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9\-])")
_IPV4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_SOFTWARE_VERSION = re.compile(r"(?:version|release|build|firmware|v)[ :]{0,2}\Z", re.IGNORECASE)
_STATED_NUMBER = re.compile(
    r"\b(order|invoice|booking|reservation|tracking|confirmation|purchase|shipment|account|acct|customer|member|membership|policy"
    r"|routing|sort|client|user|claim)(?P<label>(?:[ \-](?:number|no\.?|num|nr\.?|id|code|reference|ref))?)"
    r"(?P<link>\s{0,3}(?:is|was|:|=)?\s{0,3}(?:\#\s?)?)(?P<value>[A-Za-z0-9][A-Za-z0-9\-]{2,30})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_ACCOUNT_WORDS = frozenset(
    ["account", "acct", "customer", "member", "membership", "policy", "routing", "sort", "client", "user", "claim"]
)
_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ \-./]{0,2}\(?[0-9]\)?){6,14}(?![0-9])")
_NORTH_AMERICAN = re.compile(
    r"(?<![\w\-.])(?:1[ \-.]?)?(?:\([2-9][0-9]{2}\) ?[0-9]{3}[ \-.]?|[2-9][0-9]{2}(?:[ \-.][0-9]{3}[ \-.]|[2-9][0-9]{2}))[0-9]{4}"
    r"(?![\w\-]|\.[0-9])"
)
_NATIONAL = re.compile(r"(?<![\w\-.,])\(?0[1-9][0-9]{1,4}\)?(?:[ \-/][0-9]{2,8}){1,4}(?![\w\-]|[.,][0-9])")
_GROUPED = re.compile(
    r"(?<![\w.,\-+/(])\(?\+?[0-9]{1,5}\)?(?:[ .\-/]{1,2}\(?[0-9]{2,7}\)?|(?<=\))[0-9]{2,7}){1,5}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?(?![\w]|[.,/\-][0-9])",
    re.IGNORECASE,
)
_PHONE_BEFORE = re.compile(
    r"(?:phone|mobile|cell|telephone|tel|fax|desk|office|whatsapp|call|ring|text|reach|contact|answering|number|n[uú]mero|tel[eé]fono|m[oó]vil|celular|ll[aá]m\w{0,5}|telefon|handy|mobil|anruf\w{0,4}|erreich\w{0,5}|nummer|durchwahl)\W"
    r"(?:[^\d\n]{0,24})\Z",
    re.IGNORECASE,
)
_PHONE_AFTER = re.compile(r"\s?[\-(,]?\s?(?:office|fax|mobile|cell|desk|home|work)\b", re.IGNORECASE)
_STATED_PHONE = re.compile(
    r"\b(?:phone|mobile|cell|telephone|tel|whatsapp|call me(?: back)? (?:at|on)|text me (?:at|on)|reach me (?:at|on))"
    r"(?: number| no\.?)?\s{0,3}(?:is|:|=|at|on)?\s{0,3}(\(?[0-9](?:[ \-./()]{0,2}[0-9]){5,14})(?![0-9])",
    re.IGNORECASE,
)
_DATE_LIKE = re.compile(r"(?:[0-9]{1,4}[\-./ ]){2}[0-9]{1,4}")
_DATED = re.compile(
    r"(?<![0-9])(?:19|20)[0-9]{2}[\-./][0-9]{1,2}[\-./][0-9]{1,2}|[0-9]{1,2}[\-./][0-9]{1,2}[\-./](?:19|20)[0-9]{2}(?![0-9])"
)
_REGIONS = ("US", "GB", "DE", "ES", "FR", "IT", "NL", "AU", "IN", "BR", "MX", "CH", "SE", "PL", "AT")
_MOST_NUMBERS_CHECKED = 200
_LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\-]")
_PROVIDERS = "gmail|googlemail|yahoo|ymail|hotmail|outlook|icloud|aol|gmx|proton|protonmail|rediffmail|msn|mail|email"
_SPELLED_MAIL = re.compile(
    r"(?<![\w.])[a-z0-9][\w\-]{0,40}(?:(?: dot | punto | punkt |\.| underscore )[\w\-]{1,40}){0,4}\s?(?: at |\(at\)|\[at\]| arroba |@)\s?"
    r"[\w\-]{2,40}(?:(?: dot | punto | punkt |\.|\s?\(dot\)\s?|\s?\[dot\]\s?)[\w\-]{2,20}){1,3}(?!\w)",
    re.IGNORECASE,
)
_NATIONAL_SHAPES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        re.compile(r"(?<![\w\-])(?:[0-9]{8}|[XYZxyz][0-9]{7})-?[A-Za-z](?![\w\-])"),
        lambda value: checks.spanish_id(value.replace("-", "")),
    ),
    (re.compile(r"(?<![\w.\-])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w\-])"), checks.brazilian_cpf),
    (re.compile(r"(?<![\w.])756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}(?![\w])"), checks.swiss_ahv),
    (re.compile(r"(?<![\w\-])(?:19|20)?[0-9]{6}[-+][0-9]{4}(?![\w\-])"), checks.swedish_number),
    (
        re.compile(r"(?<![\w\-])[12] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![\w\-])"),
        checks.french_number,
    ),
    (re.compile(r"(?<![\w\-])[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}(?![\w\- ])"), checks.indian_aadhaar),
    (
        re.compile(r"(?<![\w\-])[A-CEGHJ-PR-TW-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D](?![\w\-])"),
        lambda value: value[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"),
    ),
    (re.compile(r"(?<![\w\-])[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z](?![\w\-])"), lambda _: True),
    (re.compile(r"(?<![\w\-])[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9](?![\w\-])"), lambda _: True),
    (re.compile(r"(?<![\w\-])[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z](?![\w\-])"), lambda _: True),
)
_LINK = re.compile(
    r"(?:[\s.:=#,'\"()\-]|(?:number|num|no|nr|id|code|is|was|are|it's|its|the|my|for|last|four|first|digits|ends|ending|in|with|of|as|and|here|numero|numéro|es|ist|sind|lautet|nummer|mi|die|am|on|el)\b\.?){0,12}",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"[0-9]{1,2}\s?[./\- ]\s?[0-9]{1,2}\s?[./\- ]\s?(?:[0-9]{4}|[0-9]{2})(?![0-9])|[0-9]{4}[./\-][0-9]{1,2}[./\-][0-9]{1,2}(?![0-9])"
    r"|[0-9]{1,2}(?:st|nd|rd|th|\.|º)? ?(?:of |de )?[^\W\d_]{3,10}\.?,? ?(?:de |del )?(?:[0-9]{4}|'?[0-9]{2})(?![0-9])"
    r"|[^\W\d_]{3,10}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? (?:[0-9]{4}|'?[0-9]{2})(?![0-9])|(?:19|20)[0-9]{6}(?![0-9])|[0-9]{8}(?![0-9])",
    re.IGNORECASE,
)
_CODED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[ \-./](?=[A-Za-z]{0,3}[0-9]))*(?![A-Za-z0-9])")
_USER = re.compile(r"[\w.@\-+]{3,64}")
_SPOKEN_DIGIT = (
    r"zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple"
    r"|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|null|eins|zwei|zwo|drei|vier|funf|fünf|sechs|sieben|acht|neun"
)
_SPOKEN = re.compile(rf"(?<!\w)(?:{_SPOKEN_DIGIT})(?:[\s,\-]{{1,3}}(?:{_SPOKEN_DIGIT})){{3,30}}(?!\w)", re.IGNORECASE)
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
SPOKEN_DIGITS = frozenset(_SPOKEN_DIGIT.split("|"))
_NEIGHBOURHOOD = 60

_DIGIT = re.compile("[0-9]")
_NUMBER = re.compile(r"[0-9](?:[^0-9\n]{0,3}[0-9]){3}")

Rule = Callable[[str], Iterator[Span]]


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


def shadow_of(text: str) -> str:
    """The text with one plain sign for each of its many forms; every offset stays."""
    return text if text.isascii() else text.translate(_shadow_table())


def found(text: str, words: frozenset[str] | set[str] | None = None) -> list[Span]:
    """What the rules find in a shadowed text: in order, without overlaps.

    Args:
        words: Its words in small letters where they are known already.
    """
    taken = bytearray(len(text))
    kept: list[Span] = []
    low = text.lower() if text.isascii() else "".join((plain(letter) or " ")[:1] for letter in text)
    if words is None:
        words = frozenset(WORD.findall(low))
    has_digit = _DIGIT.search(text) is not None
    has_number = has_digit and _NUMBER.search(text) is not None
    for rule, needs in _RULES:
        if has_number if needs == "number" else has_digit if needs == "digit" else any(sign in low for sign in needs):
            for span in rule(text):
                claim(span, taken, kept)
    if len(words & SPOKEN_DIGITS) > 1:
        for span in _spoken_numbers(text):
            claim(span, taken, kept)
    if not words.isdisjoint(first_words()):
        for span in _announced(text, low, words):
            claim(span, taken, kept)
    kept.sort()
    return kept


def claim(span: Span, taken: bytearray, kept: list[Span]) -> bool:
    """Keep a span if no earlier one holds a character of it."""
    if span.start >= span.end or taken.find(1, span.start, span.end) >= 0:
        return False
    taken[span.start : span.end] = b"\x01" * (span.end - span.start)
    kept.append(span)
    return True


def _private_keys(text: str) -> Iterator[Span]:
    begin = text.find("-----BEGIN ")
    while begin >= 0 and " PRIVATE KEY-----" in text[begin : begin + 60]:
        end = text.find("-----END ", begin)
        if end < 0:
            yield Span(begin, len(text), "api_key")
            return
        close = text.find("-----", end + 9, end + 60)
        stop = close + 5 if close >= 0 else end + 9
        yield Span(begin, stop, "api_key")
        begin = text.find("-----BEGIN ", stop)


def _secret_urls(text: str) -> Iterator[Span]:
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
            yield Span(start, end, "url")


def _emails(text: str) -> Iterator[Span]:
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
                yield Span(start, domain.end(), "email")
                floor = domain.end()
        at = text.find("@", at + 1)


_SPELLS = re.compile(r" at |\(at\)|\[at\]| arroba |@ | @", re.IGNORECASE)
_NAMES_PROVIDER = re.compile(rf"(?:{_PROVIDERS})[ .]?(?:com|co|de|es|fr|it|net|org)", re.IGNORECASE)
_MAIL_REACH = 230


def _spelled_emails(text: str) -> Iterator[Span]:
    floor = 0
    for match in _SPELLS.finditer(text):
        if match.start() < floor:
            continue
        window = max(floor, match.start() - _MAIL_REACH // 2)
        mail = _SPELLED_MAIL.search(text, window, match.end() + _MAIL_REACH)
        if (
            mail
            and mail.start() <= match.start()
            and mail.end() >= match.end()
            and re.search(r"(?:dot|punto|punkt|\.|\))\s?\w+\Z", mail.group(), re.IGNORECASE)
        ):
            yield Span(mail.start(), mail.end(), "email")
            floor = mail.end()
    floor = 0
    for match in _NAMES_PROVIDER.finditer(text):
        if match.start() < floor or (
            (match.end() < len(text) and (text[match.end()].isalnum()))
            and not re.match(r"[ ]?(?:uk|in)\b|m\b", text[match.end() : match.end() + 4])
        ):
            continue
        start = match.start()
        reach = max(floor, start - 44)
        while start > reach and (text[start - 1].isalnum() or text[start - 1] in "._-+"):
            start -= 1
        if start == match.start():
            # the part before stands apart: "kim 45 gmail com", "kim at gmail com"
            apart = re.search(
                r"(?:[A-Za-z][\w.\-]{1,40} )?(?:[A-Za-z]{1,3} )?(?:[0-9]{1,6} |at )\Z|\b[A-Za-z][\w.\-]{2,40}[0-9_.][\w.]* \Z",
                text[reach:start],
            )
            if apart is None:
                continue
            start = reach + apart.start()
            head = text[start : match.start()].split()[0].lower()
            if head in ("is", "id", "mail", "email", "and", "at", "my", "to", "on"):
                start += len(head) + 1
        else:
            apart = re.search(r"(?<!\w)[A-Za-z][\w.\-]{1,40} [0-9]{1,6} \Z", text[max(floor, start - 50) : start])
            if apart and apart.group().split()[0].lower() not in (
                "is",
                "id",
                "mail",
                "email",
                "and",
                "address",
                "number",
                "no",
            ):
                start = max(floor, start - 50) + apart.start()
        if start < match.start():
            end = match.end()
            while end < len(text) and text[end].isalnum():
                end += 1
            yield Span(start, end, "email")
            floor = end


def _api_keys(text: str) -> Iterator[Span]:
    for match in _API_KEY.finditer(text):
        yield Span(match.start(), match.end(), "api_key")
    for match in _STATED_KEY.finditer(text):
        value = match.group(1)
        if any(char.isdigit() for char in value):
            yield Span(match.start(1), match.end(1), "api_key")


def _passwords(text: str) -> Iterator[Span]:
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
                yield Span(start, closing, "password")
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
        yield Span(start, end, "password")
    for match in _BARE_PASSWORD.finditer(text):
        value = match.group(1).rstrip(".!?\"'")
        if len(value) > 2 and any(char.isdigit() for char in value) and not _PLACEHOLDER.match(value):
            yield Span(match.start(1), match.start(1) + len(value), "password")


def _cards(text: str) -> Iterator[Span]:
    """Runs of digits in groups; a card starts and ends with a group, or is all single digits."""
    for match in _DIGITS.finditer(text):
        offset = match.start()
        if match.end() - offset < 13:
            continue
        run = match.group()
        groups = [group.span() for group in _DIGIT_GROUP.finditer(run)]
        if all(end - start == 1 for start, end in groups):
            digits = "".join(run[start] for start, _ in groups[:20])
            if len(groups) == len(digits) and _CARD.fullmatch(digits) and checks.luhn(digits):
                yield Span(offset, match.end(), "credit_card")
            continue
        number = 0
        while number < len(groups):
            last = _card_end(run, groups, number)
            if last is None:
                number += 1
                continue
            yield Span(offset + groups[number][0], offset + groups[last][1], "credit_card")
            number = last + 1
    for match in _CARD_FORM.finditer(text):
        yield Span(match.start(), match.end(), "credit_card")  # with a slip of the finger it is still somebody's card


def _card_end(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Number of the group that ends a card which starts with group `first`; the longest card wins."""
    if run[groups[first][0]] not in "23456" or groups[first][1] - groups[first][0] < 3:
        return None
    digits, last = "", None
    for number in range(first, len(groups)):
        start, end = groups[number]
        if end - start < 2 or len(digits) + end - start > _LONGEST_CARD:
            break
        digits += run[start:end]
        if _CARD.fullmatch(digits) and checks.luhn(digits):
            last = number
    return last


def _ibans(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        length = checks.IBAN_LENGTHS.get(match.group(1).upper())
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
        if checks.iban(chars):
            yield Span(match.start(), end, "iban")


def _social_security(text: str) -> Iterator[Span]:
    for match in _SSN.finditer(text):
        yield Span(match.start(), match.end(), "ssn")


def _national_ids(text: str) -> Iterator[Span]:
    for pattern, holds in _NATIONAL_SHAPES:
        for match in pattern.finditer(text):
            if holds(match.group()):
                yield Span(match.start(), match.end(), "national_id")


def _stated_numbers(text: str) -> Iterator[Span]:
    for match in _STATED_NUMBER.finditer(text):
        value = match.group("value")
        explicit = match.group("label") or "#" in match.group("link") or match.group("link").strip()
        digits = sum(char.isdigit() for char in value)
        if digits >= 3 and (explicit or digits >= 5):
            kind = "account_number" if match.group(1).lower() in _ACCOUNT_WORDS else "order_number"
            yield Span(match.start("value"), match.end("value"), kind)


def _ip_addresses(text: str) -> Iterator[Span]:
    for match in _IPV4.finditer(text):
        if all(int(octet) < 256 for octet in match.group().split(".")) and not _SOFTWARE_VERSION.search(
            text[max(0, match.start() - 12) : match.start()]
        ):
            yield Span(match.start(), match.end(), "ip_address")
    if text.count(":") < 2:
        return
    for match in _IPV6.finditer(text):
        value = match.group()
        if len(value) >= 6 and _is_ipv6(value):
            yield Span(match.start(), match.end(), "ip_address")


def _is_ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value)
    except ipaddress.AddressValueError:
        return False
    return True


def _phones(text: str) -> Iterator[Span]:
    for match in _STATED_PHONE.finditer(text):
        yield Span(match.start(1), match.end(1), "phone")
    for pattern in (_INTERNATIONAL, _NORTH_AMERICAN, _NATIONAL):
        for match in pattern.finditer(text):
            if 7 <= sum(char.isdigit() for char in match.group()) <= 15:
                extension = re.match(
                    r" ?(?:x|ext\.?) ?[0-9]{1,6}(?!\w)", text[match.end() : match.end() + 14], re.IGNORECASE
                )
                end = match.end() + (extension.end() if extension else 0)
                open_ended = match.group().count(")") > match.group().count("(") and not extension
                yield Span(match.start(), end - 1 if open_ended and text[end - 1] == ")" else end, "phone")
    checked = 0
    for match in _GROUPED.finditer(text):
        value = match.group()
        digits = sum(char.isdigit() for char in value)
        if not 6 <= digits <= 20 or _DATE_LIKE.fullmatch(value) or _DATED.search(value):
            continue
        if _PHONE_BEFORE.search(text[max(0, match.start() - 40) : match.start()]) or _PHONE_AFTER.match(
            text, match.end()
        ):
            yield Span(match.start(), match.end(), "phone")
        elif digits >= 8:
            checked += 1
            if checked <= _MOST_NUMBERS_CHECKED and _is_phone(value):
                yield Span(match.start(), match.end(), "phone")


def _is_phone(value: str) -> bool:
    """Whether a grouped number is one that a country has given out."""
    import phonenumbers

    for region in _REGIONS:
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            return False
        if phonenumbers.is_valid_number(number):
            return True
    return False


def _spoken_numbers(text: str) -> Iterator[Span]:
    """Digits as words; what they are the words before say, else they are an account's."""
    for match in _SPOKEN.finditer(text):
        before = plain(text[max(0, match.start() - _NEIGHBOURHOOD) : match.start()])
        kinds = [item.type for item in named(before)] if len(before) == min(match.start(), _NEIGHBOURHOOD) else []
        if kinds or match.group().count(" ") >= 5:
            kind = kinds[-1] if kinds else "account_number"
            yield Span(match.start(), match.end(), "phone" if kind in ("name", "address", "email") else kind)


def _announced(text: str, low: str, words: frozenset[str] | set[str]) -> Iterator[Span]:
    """Values that a word before them names: "passport no. X1234567", "nací el 3 de mayo de 1980"."""
    for item in named(low, words):
        if item.type in ("name", "address", "email", "password", "order_number"):
            continue
        link = _LINK.match(text, item.end, item.end + _NEIGHBOURHOOD)
        start = link.end() if link else item.end
        if start == item.end:
            continue
        value = value_at(text, start, item.type)
        if value is not None:
            yield value


_DIGIT_RUN = re.compile(r"[0-9](?:[ \-.]?[0-9])*(?![0-9A-Za-z])")
_NOT_A_NUMBER = re.compile(
    r"\s?(?:%|am\b|pm\b|€|\$|usd|eur|dollars?|euros?|days?|hours?|minutes?|times|people|items|gb|mb|kg|tage|stunden|horas|dias|días|veces)",
    re.IGNORECASE,
)
_LENGTHS = {"ssn": (4, 9), "credit_card": (12, 19), "card_code": (3, 4), "phone": (6, 15), "account_number": (4, 20)}


def value_at(text: str, start: int, kind: str) -> Span | None:
    """The value of a type that begins at `start`, if its form fits."""
    if kind == "date_of_birth":
        match = _DATE.match(text, start, start + 40)
        return Span(match.start(), match.end(), kind) if match else None
    if kind == "username":
        match = _USER.match(text, start)
        if match is None:
            return None
        value = match.group().rstrip(".-")
        if (value.isalpha() and value.lower() in _NOT_STATED) or (
            value.isalpha()
            and not (text[start - 1] in ":= " and text[start + len(value) : start + len(value) + 1].strip() == "")
        ):
            return None
        if (
            value.isalpha()
            and ":" not in text[max(0, start - 3) : start]
            and not any(c.isdigit() or c in "._@" for c in value)
        ):
            return None
        return Span(start, start + len(value), kind)
    if kind in _LENGTHS:
        match = _DIGIT_RUN.match(text, start, start + 40)
        if match and not _NOT_A_NUMBER.match(text, match.end()):
            digits = sum(char.isdigit() for char in match.group())
            least, most = _LENGTHS[kind]
            if kind == "ssn":
                return Span(match.start(), match.end(), kind) if digits in (4, 9) else None
            if least <= digits <= most:
                return Span(match.start(), match.end(), kind)
            return None
        if kind != "account_number":
            return None
    match = _CODED.match(text, start, start + 40)
    if match is None:
        return None
    value = match.group()
    digits = sum(char.isdigit() for char in value)
    if digits >= 3 and len(value) >= 5 and not _NOT_A_NUMBER.match(text, match.end()):
        return Span(match.start(), match.end(), kind)
    return None


# In order of certainty: what an earlier rule took, a later one leaves.
# With each, what a text must hold for it: a figure, four of them close together ("number"), or one of some signs.
_RULES: tuple[tuple[Rule, tuple[str, ...] | str], ...] = (
    (_private_keys, ("-----begin",)),
    (_secret_urls, ("://",)),
    (_api_keys, ("sk", "pk_", "rk_", "gh", "glpat", "xox", "akia", "asia", "aiza", "eyj", "key", "token", "secret")),
    (_emails, ("@",)),
    (_passwords, ("pass", "pwd", "pw", "pin", "otp", "contrase", "clave", "kennwort")),
    (_ibans, "number"),
    (_cards, "number"),
    (_national_ids, "number"),
    (_social_security, "number"),
    (_stated_numbers, "digit"),
    (_ip_addresses, "number"),
    (
        _spelled_emails,
        (
            " dot ",
            "(dot)",
            "[dot]",
            " punto ",
            " punkt ",
            "@",
            "mail",
            "yahoo",
            "outlook",
            "icloud",
            "aol",
            "gmx",
            "proton",
            "msn",
        ),
    ),
    (_phones, "number"),
)


def dates(text: str) -> Iterator[re.Match[str]]:
    """Dates with a year, in figures or with the month's name."""
    return _ANY_DATE.finditer(text)


def is_date(value: str) -> bool:
    """Whether figures and signs hold a date in figures."""
    return _DATED.search(value) is not None


def is_quantity(text: str, end: int) -> bool:
    """Whether what follows makes an amount, a time or a count of the number that ends there."""
    return _NOT_A_NUMBER.match(text, end) is not None


_ANY_DATE = re.compile(r"(?<!\w)(?:" + _DATE.pattern + ")", re.IGNORECASE)
