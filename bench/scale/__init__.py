"""What an operation costs while few jobs wait, and while a million do."""
