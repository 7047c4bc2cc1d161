"""The words of the product as values that cannot be wrong. No I/O, no clock, no SQL, no vendor client."""
