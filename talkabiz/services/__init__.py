"""USE CASES: what a person or a program may ask for, and the tasks that carry it out."""
