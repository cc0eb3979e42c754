"""Amplitude: product events, by its export of hours."""
