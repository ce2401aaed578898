"""The demonstration: a stack of its own, partners' payloads, attacks, and a table of what held.

run.py tells it in order. Each act does something and gives what it saw as frozen facts
(facts.py); each statement (statements/) is a function of facts alone.
"""
