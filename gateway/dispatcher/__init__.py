"""The dispatcher: publishes what is due, again what was lost; holds what is not due yet."""
