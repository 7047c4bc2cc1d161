"""The TWS API on the wire, server side: bytes in, requests out; values in, frames out. No I/O, no clock, no market."""
