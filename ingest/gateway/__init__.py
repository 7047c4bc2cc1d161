"""The client side of Interactive Brokers' TWS API; the only room that imports `ibapi`, and only to encode and decode.

The socket is our own (`transport`), because ibapi's loses whole answers, hangs on a split handshake and ends its thread
on one bad frame. The connection is read-only by construction: `frames.ALLOWED` names every message that may leave.
"""
