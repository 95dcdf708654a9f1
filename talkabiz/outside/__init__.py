"""Asking servers whose address somebody else chose, so that nobody reaches what is inside through us."""
