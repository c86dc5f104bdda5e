"""What people bring: files of theirs (invoices, prices, teams, exports), read into typed rows, checked whole, and stored all or nothing."""
