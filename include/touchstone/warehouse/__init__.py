"""The warehouse: its server, its connections, its schemas, its ledger.

Everything that speaks to PostgreSQL without being a dbt model lives here.
"""
