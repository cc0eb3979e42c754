"""The only importer of Airflow.

Every other module works without it, so each step that a DAG runs also runs from the command line and in tests
that never load an orchestrator.
"""
