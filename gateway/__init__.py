"""The ingress: authenticate, admit, strip, seal, accept; and the dispatcher and the client."""
