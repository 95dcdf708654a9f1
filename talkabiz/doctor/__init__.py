"""`talkabiz doctor`: looks at everything that the server needs, alters nothing, and says what to do.

Each check is plain blocking code in a thread of its own, so that one that hangs holds up neither the others nor the
end. The CLI prints what they found.
"""
