"""Touchstone: an open support-quality warehouse."""

__version__ = "0.3.0"
