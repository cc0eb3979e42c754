"""Intercom: conversations with their parts, Fin, contacts, companies, teammates and articles."""
