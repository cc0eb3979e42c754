"""Superset's configuration for `make bi`: everything that differs between installations comes from the environment."""

import os
from pathlib import Path

HOME = Path(os.environ["SUPERSET_HOME"])
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"
WAREHOUSE_USER = "touchstone_bi"


def _password(url):
    """The warehouse's password is in the environment of this process and in no database."""
    return os.environ["TOUCHSTONE_BI_PASSWORD"] if url.username == WAREHOUSE_USER else url.password


SQLALCHEMY_CUSTOM_PASSWORD_STORE = _password

APP_NAME = "Touchstone"
SUPERSET_WEBSERVER_TIMEOUT = 60
ROW_LIMIT = 5000
SQL_MAX_ROW = 10_000
# Published numbers change with each publication, so nothing is kept but what the pages themselves need.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
RATELIMIT_STORAGE_URI = "memory://"
FEATURE_FLAGS = {"ALERT_REPORTS": False, "DASHBOARD_RBAC": False, "TAGGING_SYSTEM": False}
SESSION_COOKIE_SAMESITE = "Strict"
WTF_CSRF_ENABLED = True
FAB_ADD_SECURITY_API = False
PUBLIC_ROLE_LIKE = None
LOG_LEVEL = "WARNING"
