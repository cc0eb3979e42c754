"""Typed settings from the environment (``TOUCHSTONE_*``), validated when they are first read."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from touchstone.errors import ConfigurationError


class Settings(BaseSettings):
    """Everything that may differ between two installations.

    Attributes:
        root: Folder of the checkout; holds dags/, dbt_project/, expectations/ and config/.
        home: Folder of this checkout's state (server data, ports, secrets, logs, built reports).
        warehouse_url: ``postgresql://user:password@host:port/database``; unset means the embedded server.
        bi_password: Password for the login of ``touchstone_bi`` on a warehouse given by URL.
    """

    model_config = SettingsConfigDict(env_prefix="TOUCHSTONE_", extra="ignore")

    root: Path = Field(default_factory=lambda: Path(__file__).resolve().parents[2])
    home: Path | None = None
    warehouse_url: SecretStr | None = None
    bi_password: SecretStr | None = None

    @field_validator("warehouse_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @property
    def state_dir(self) -> Path:
        """Folder of this checkout's state, `<root>/.touchstone` unless TOUCHSTONE_HOME says otherwise."""
        return (self.home or self.root / ".touchstone").resolve()

    @property
    def dbt_dir(self) -> Path:
        return self.root / "dbt_project"

    @property
    def build_dir(self) -> Path:
        """Reports, benchmark tables and gate pages."""
        return self.root / "build"

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the metrics: the vars of dbt_project.yml, the one home of their defaults."""
        path = self.dbt_dir / "dbt_project.yml"
        if not path.exists():
            raise ConfigurationError(
                "the dbt project is missing", str(path), "Set TOUCHSTONE_ROOT to the folder of the checkout."
            )
        return yaml.safe_load(path.read_text())["vars"]


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process.

    Raises:
        ConfigurationError: A variable has a value that cannot work; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TOUCHSTONE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(
            f"environment variable {name}", None, f"It {first['msg'].removeprefix('Value error, ')}."
        ) from None
