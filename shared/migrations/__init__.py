"""The schema of the database and how it got there."""
