"""Mixpanel: product events, by its raw export."""
