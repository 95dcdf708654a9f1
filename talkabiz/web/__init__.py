"""EDGE: HTTP. Parse, one service call, serialise: REST for programs, pages for people."""
