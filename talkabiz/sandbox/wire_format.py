"""The marks of WhatsApp's binary XML (whatsmeow, binary/token), and the limits within which this server reads it.

A node is a list: tag, attributes as pairs, then the content if the count is even. Strings go out as dictionary tokens,
as packed digits or upper-case hex, or raw. The first byte of a payload says by bit 2 that the rest is compressed.
"""

from __future__ import annotations

from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.nodes import LID_SERVER, USER_SERVER

LIST_EMPTY = 0
INTEROP_JID, FB_JID, AD_JID, LIST_8, LIST_16, JID_PAIR = 245, 246, 247, 248, 249, 250
HEX_8, BINARY_8, BINARY_20, BINARY_32, NIBBLE_8 = 251, 252, 253, 254, 255
COMPRESSED = 2

LONGEST_PACKED = 127
MAX_BYTES = 8 << 20  # of one payload, unpacked; a prekey upload, the longest the library sends, has 45 KB
MAX_VALUES = 1 << 17  # tags, names, attributes and contents in it: a tenth of a second, in which nobody else is served
MAX_DEPTH = 64

# The domain byte of a device's address; these four servers have one.
DOMAINS = {USER_SERVER: 0, LID_SERVER: 1, "hosted": 128, "hosted.lid": 129}
HOSTED = 128  # from here on an address has its domain byte even without a device


class NodeError(WireError):
    """Bytes that are no node, or a node that has no bytes."""
