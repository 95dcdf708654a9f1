"""EDGE: Socket.IO. Pushes what happens to whoever may see it, and takes the few wishes that a page has."""
