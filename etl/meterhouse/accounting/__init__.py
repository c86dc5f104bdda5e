"""What figures mean: how final a bucket is, and what may be compared with what. Pure rules, and the SQL that applies them in the views."""
