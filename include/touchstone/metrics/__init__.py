"""The registry of metrics, as dbt and MetricFlow read it, and the dictionary that is written from it."""
