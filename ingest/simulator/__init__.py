"""A stand-in for IB Gateway on a real socket: protocol, pacing enforcement, faults, synthetic and replayed markets.

It shares no code with the rest of the package (import-linter enforces it), least of all with ``ingest.gateway``: one
misreading of the protocol would otherwise hide in both sides and every test would pass.
"""
