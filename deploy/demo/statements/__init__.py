"""What is said of the running system: each statement is a function of facts that gives a check."""
