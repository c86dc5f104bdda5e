"""What figures mean: how final a bucket is, what may be compared with what. Pure rules, and the SQL that repeats them in the views."""
