"""The views for a program that asks questions by the Model Context Protocol: read-only, on standard input and output."""
