"""A local certificate authority: its key, the servers' and the roles' certificates."""
