"""The ledger's form: states, key names, the record, and the atomic scripts that change it.

Pure text and types; gateway and workers bring their own connections.
"""
