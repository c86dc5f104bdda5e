"""The one-command stack on one machine: embedded PostgreSQL, stand-in API and Airflow, started, watched and stopped together."""
