"""What BI tools rely on: the contract of the published tables, and Superset's dashboards as code."""
