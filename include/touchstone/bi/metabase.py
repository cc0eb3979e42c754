"""Prepares a Metabase over its API: the first user, and the connection to the schema marts as `touchstone_bi`.

docker-compose.yml runs it once Metabase is healthy; safe to run again, where it brings the connection up to date. The environment
says what it needs: METABASE_URL, METABASE_ADMIN_EMAIL, METABASE_ADMIN_PASSWORD, TOUCHSTONE_BI_HOST, TOUCHSTONE_BI_PASSWORD.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

from touchstone.errors import ConfigurationError, TouchstoneError

NAME = "Touchstone"
_TIMEOUT = 60
NEEDED = (
    *("METABASE_URL", "METABASE_ADMIN_EMAIL", "METABASE_ADMIN_PASSWORD"),
    *("TOUCHSTONE_BI_HOST", "TOUCHSTONE_BI_PASSWORD"),
)


class Metabase:
    """Metabase's API.

    Args:
        url: Address of the page, ``http://metabase:3000``.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError("METABASE_URL", url, "It must start with http:// or https://.")
        self._url = url.rstrip("/")
        self._session: str | None = None

    def enter(self, email: str, password: str) -> bool:
        """Log in as the first user, who is made where Metabase is new; whether it was.

        Raises:
            TouchstoneError: Metabase refuses the password.
        """
        known = self.call("GET", "/api/session/properties")
        if known.get("has-user-setup"):
            answer = self.call("POST", "/api/session", {"username": email, "password": password})
        else:
            answer = self.call(
                "POST",
                "/api/setup",
                {
                    "token": known["setup-token"],
                    "user": {
                        "email": email,
                        "password": password,
                        "first_name": NAME,
                        "last_name": "Administrator",
                        "site_name": NAME,
                    },
                    "prefs": {"site_name": NAME, "allow_tracking": False},
                },
            )
        self._session = answer["id"]
        return not known.get("has-user-setup")

    def connect_warehouse(self, host: str, password: str, port: int = 5432, database: str = "touchstone") -> bool:
        """Make the connection, or bring it up to date; whether it was made."""
        wanted = {
            "engine": "postgres",
            "name": NAME,
            "details": {
                "host": host,
                "port": port,
                "dbname": database,
                "user": "touchstone_bi",
                "password": password,
                "ssl": False,
                # only what readers may rely on
                "schema-filters-type": "inclusion",
                "schema-filters-patterns": "marts",
            },
            "is_full_sync": True,
            "is_on_demand": False,
        }
        found = self.call("GET", "/api/database")
        held = [one for one in found.get("data", found) if one["name"] == NAME]
        if held:
            self.call("PUT", f"/api/database/{held[0]['id']}", wanted)
            self.call("POST", f"/api/database/{held[0]['id']}/sync_schema", {})
            return False
        self.call("POST", "/api/database", wanted)
        return True

    def call(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """One request; its answer.

        Raises:
            TouchstoneError: Metabase does not answer, or refuses; the message never holds what was sent.
        """
        request = urllib.request.Request(  # noqa: S310 - the constructor admits http and https only
            self._url + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Content-Type": "application/json"}
            | ({"X-Metabase-Session": self._session} if self._session else {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
                body = answer.read()
        except urllib.error.HTTPError as error:
            said = _without(_secrets(content), error.read().decode(errors="replace"))[:300]
            raise TouchstoneError(
                f"Metabase refuses {method} {path}",
                f"{error.code} {said}",
                "Check METABASE_ADMIN_EMAIL and its password.",
            ) from None
        except (urllib.error.URLError, TimeoutError) as error:
            raise TouchstoneError("Metabase does not answer", self._url, str(error)) from None
        return json.loads(body) if body else {}


def _secrets(content: Any) -> list[str]:
    """Passwords and tokens of what was sent: Metabase repeats a value that it does not accept."""
    if not isinstance(content, dict):
        return []
    held = [value for name, value in content.items() if name in ("password", "token") and value]
    return held + [one for value in content.values() for one in _secrets(value)]


def _without(secrets: list[str], said: str) -> str:
    for secret in secrets:
        # as it stands, and as JSON writes it
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1]):
            said = said.replace(form, "***")
    return said


def main() -> int:
    """Prepare the Metabase that the environment names."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise ConfigurationError("environment variables are not set", ", ".join(missing), "Set them in .env.")
    metabase = Metabase(os.environ["METABASE_URL"])
    is_new = metabase.enter(os.environ["METABASE_ADMIN_EMAIL"], os.environ["METABASE_ADMIN_PASSWORD"])
    is_made = metabase.connect_warehouse(os.environ["TOUCHSTONE_BI_HOST"], os.environ["TOUCHSTONE_BI_PASSWORD"])
    sys.stdout.write(
        f"first user {'made' if is_new else 'known'}, connection {'made' if is_made else 'brought up to date'}\n"
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TouchstoneError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
