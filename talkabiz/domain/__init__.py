"""RULES. Plain Python: no framework, no loop, no clock (time is an argument), nothing that can fail by itself."""
