"""Clients that share no code with this project: what the standards say is enough to submit."""
