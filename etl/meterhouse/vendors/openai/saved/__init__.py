"""What people saved: exports of the dashboard and answers of retired endpoints, turned into pages as the API answers them today."""
