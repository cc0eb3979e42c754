"""Touchstone: an open support-quality warehouse."""

from importlib import metadata

try:
    __version__ = metadata.version("touchstone")
except metadata.PackageNotFoundError:  # on PYTHONPATH without an install, as Airflow's tasks import it
    __version__ = "0.1.0"
