"""What an Airflow needs of meterhouse: parts of DAGs, tasks, reports and alerts. Nothing else imports Airflow."""
