"""What Airflow needs from meterhouse: parts of DAGs, tasks, reports and alerts. Nothing else imports Airflow."""
