"""DECIDE: what the RFCs say, as pure functions of values and a time. No I/O, no clock, no logging."""
