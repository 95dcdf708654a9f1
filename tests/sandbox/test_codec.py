from __future__ import annotations

import random
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings, strategies as st

from talkabiz.sandbox.codec import Codec, NodeError
from talkabiz.sandbox.nodes import SERVER, Attribute, Content, Jid, Node
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.wire_format import MAX_BYTES
from talkabiz.services.health import resident_bytes

# What the library itself would send: tokens of both books, digits, hex, and text that is none of these.
WORDS = st.one_of(
    st.sampled_from(["iq", "message", "s.whatsapp.net", "read-self", "profile_picture", "1724", "64"]),
    st.text("0123456789-.", max_size=130),
    st.text("0123456789ABCDEF", max_size=130),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
)
TAGS = WORDS.filter(bool)
NUMBERS = st.text("0123456789", min_size=1, max_size=15)
JIDS = st.one_of(
    st.builds(Jid, NUMBERS, st.sampled_from(["s.whatsapp.net", "lid", "hosted", "hosted.lid"]), st.integers(0, 255)),
    st.builds(Jid, NUMBERS, st.sampled_from(["g.us", "broadcast", "newsletter", "bot"])),
    st.builds(Jid, NUMBERS, st.just("msgr"), st.integers(0, 0xFFFF)),
    st.builds(Jid, NUMBERS, st.just("interop"), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)),
    st.just(SERVER),
)
ATTRS = st.dictionaries(TAGS, st.one_of(WORDS.filter(bool), JIDS), max_size=5)
LEAVES = st.builds(Node, TAGS, ATTRS, st.one_of(st.none(), st.binary(max_size=400), JIDS))
NODES = st.recursive(
    LEAVES,
    lambda inner: st.builds(Node, TAGS, ATTRS, st.lists(inner, min_size=1, max_size=4).map(tuple)),
    max_leaves=20,
)


@given(node=NODES)
@settings(max_examples=400, deadline=None)
def test_every_node_comes_back_as_it_was(codec: Codec, node: Node) -> None:
    assert codec.decode(codec.encode(node)) == node


@given(node=NODES)
@settings(max_examples=50, deadline=None)
def test_a_compressed_payload_is_the_same_node(codec: Codec, node: Node) -> None:
    assert codec.decode(b"\x02" + zlib.compress(codec.encode(node)[1:])) == node


@pytest.mark.parametrize(
    ("node", "encoded"),
    [
        # Written down by hand from the format: list, tag, attributes, content.
        (Node("iq"), "00 f8 01 19"),
        (Node("iq", {"type": "result"}), "00 f8 03 19 04 14"),
        (Node("ref", {}, b"ab"), "00 f8 02 {ref} fc 02 61 62"),
        (Node("iq", {"id": "12-3"}), "00 f8 03 19 08 ff 02 12 a3"),
        (Node("iq", {"id": "12-"}), "00 f8 03 19 08 ff 82 12 af"),
        (Node("iq", {"id": "AB1"}), "00 f8 03 19 08 fb 82 ab 1f"),
        (Node("iq", {"id": "hi!"}), "00 f8 03 19 08 fc 03 68 69 21"),
        (Node("iq", {"to": SERVER}), "00 f8 03 19 11 fa 00 03"),
        (Node("iq", {"to": Jid("123")}), "00 f8 03 19 11 fa ff 82 12 3f 03"),
        (Node("iq", {"to": Jid("123", device=7)}), "00 f8 03 19 11 f7 00 07 ff 82 12 3f"),
        (Node("iq", {"to": Jid("123", "lid", 7)}), "00 f8 03 19 11 f7 01 07 ff 82 12 3f"),
        (Node("iq", {}, (Node("iq"), Node("iq"))), "00 f8 02 19 f8 02 f8 01 19 f8 01 19"),
    ],
)
def test_bytes_are_those_of_the_format(codec: Codec, tokens: Tokens, node: Node, encoded: str) -> None:
    expected = bytes.fromhex(encoded.replace("{ref}", tokens.codes["ref"].hex()))
    assert codec.encode(node) == expected
    assert codec.decode(expected) == node


def test_every_token_of_the_library_comes_back_wherever_it_stands(codec: Codec, tokens: Tokens) -> None:
    words = [token for book in (tokens.single, *tokens.double) for token in book if token]
    assert len(words) > 1000
    for word in words:
        encoded = codec.encode(Node(word, {word: word}, word))
        assert len(encoded) <= 3 + 4 * 2, "written out instead of by its number"
        assert codec.decode(encoded) == Node(word, {word: word}, word)


@given(text=st.text("0123456789-.ABCDEF", min_size=1, max_size=140), user=st.text("0123456789", min_size=1))
@settings(max_examples=300, deadline=None)
def test_digits_and_hex_come_back_at_every_length_and_border(codec: Codec, text: str, user: str) -> None:
    node = Node("iq", {"id": text, "to": Jid(user, device=1)}, (Node("item", {"jid": Jid(user, "g.us")}),))
    assert codec.decode(codec.encode(node)) == node


@given(size=st.integers(0, 70_000), count=st.integers(1, 600))
@settings(max_examples=30, deadline=None)
def test_big_contents_and_long_lists_come_back(codec: Codec, size: int, count: int) -> None:
    node = Node("list", {}, (Node("enc", {}, bytes(size)), *(Node("user", {"id": str(n)}) for n in range(count))))
    assert codec.decode(codec.encode(node)) == node


def test_a_text_content_is_a_token_where_the_dictionary_has_it(codec: Codec) -> None:
    assert codec.decode(codec.encode(Node("status", {}, "available"))).data == b"available"


def test_empty_attributes_and_lists_are_left_out(codec: Codec) -> None:
    assert codec.decode(codec.encode(Node("iq", {"id": "", "to": SERVER}, ()))) == Node("iq", {"to": SERVER})


@pytest.mark.parametrize("length", [255, 256, (1 << 20) - 1, 1 << 20])
def test_contents_of_every_size_class_come_back(codec: Codec, length: int) -> None:
    assert codec.decode(codec.encode(Node("enc", {}, bytes(length)))).data == bytes(length)


def test_a_long_list_comes_back(codec: Codec) -> None:
    node = Node("list", {}, tuple(Node("user", {"id": str(number)}) for number in range(300)))
    assert codec.decode(codec.encode(node)) == node


@pytest.mark.parametrize(
    "node",
    [
        Node(""),
        Node("iq", {"id": "\ud800"}),
        Node("iq", {"to": Jid("1", device=256)}),
        Node("iq", {"to": Jid("1", "msgr", 1 << 16)}),
        Node("list", {}, (Node("user"),) * (1 << 16)),
    ],
)
def test_what_the_format_cannot_carry_is_refused(codec: Codec, node: Node) -> None:
    with pytest.raises(NodeError):
        codec.encode(node)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "00",
        "00 00",  # an empty list is no node
        "00 f8 00",  # neither is a list of nothing
        "00 f8 01 00",  # a tag that isn't there
        "00 f8 01 f8 01 f8 01 19",  # a node as a tag
        "00 f8 03 19 00 04",  # an attribute without a name
        "00 f8 03 19 04 f8 01 f8 01 19",  # a list as an attribute
        "00 f8 02 19",  # the content is missing
        "00 f8 02 19 fc 05 61",  # and here it is cut off
        "00 f8 02 19 fe ff ff ff ff 61",
        "00 f8 01 19 19",  # something behind the node
        "00 f8 02 19 ec",  # a token of two bytes with one
        "00 f8 02 19 f0",  # a value of no kind
        "00 f8 02 19 ff 01 c0",  # a nibble that is no digit
        "00 f8 02 19 ff 80",  # half a byte less than nothing
        "00 f8 03 19 04 fc 01 ff",  # no UTF-8
        "00 f8 03 19 04 f7 05 01 ff 01 12",  # a domain that nobody knows
        "00 f8 03 19 04 f6 ff 01 12 00 01 03",  # a Messenger address of another server
        "00 f8 03 19 04 fa ff 01 12 00",  # an address without a server
        "02 00 11 22",  # not compressed at all
        "02 78 9c",  # compressed and cut off
    ],
)
def test_malformed_payloads_are_refused(codec: Codec, payload: str) -> None:
    with pytest.raises(NodeError):
        codec.decode(bytes.fromhex(payload))


# As many nodes as fit, of as many attributes as can be, each an address of four bytes.
ATTRIBUTES = b"\x00\xf8\x02\x19\xf9\x00\x3c" + (b"\xf9\xff\xff\x19" + b"\x04\xfa\x03\x03" * 32767) * 60


@pytest.mark.parametrize(
    "payload",
    [
        b"\x00" + b"\xf8\x02\x19\xf8\x01" * 5000 + b"\xf8\x01\x19",  # nodes in nodes
        b"\x00\xf8\x03\x19\x04" + b"\xfa" * 100_000,  # an address whose user is an address ...
        b"\x00\xf8\x02\x19" + b"\xf9\xff\xff" * 5000,  # lists that claim to be long
        b"\x00\xf8\x02\x19\xf9\xff\xff" + (b"\xf8\x02\x19\xf9\xff\xff" + b"\xf8\x01\x19" * 65535) * 2,  # too many nodes
        ATTRIBUTES,
        b"\x02" + zlib.compress(ATTRIBUTES[1:]),  # 8 KB on the wire
        b"\x02" + zlib.compress(bytes(MAX_BYTES + 1)),
        b"\x00" + bytes(MAX_BYTES + 1),
    ],
)
def test_payloads_made_to_exhaust_are_refused_within_bounds(codec: Codec, payload: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NodeError):
            codec.decode(payload)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    began = time.process_time()
    with pytest.raises(NodeError):
        codec.decode(payload)
    assert time.process_time() - began < 1, "so long nobody else is served"


@given(payload=st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_bytes_give_a_node_or_an_error(codec: Codec, payload: bytes) -> None:
    assert_decodes_or_refuses(codec, payload)


def test_a_hundred_thousand_damaged_payloads_give_a_node_or_an_error(codec: Codec) -> None:
    chance = random.Random(20261124)
    key = Node("key", {}, (Node("id", {}, b"\0\0\1"), Node("value", {}, bytes(32))))
    whole = [
        codec.encode(Node("iq", {"to": SERVER, "type": "set", "xmlns": "encrypt"}, (Node("list", {}, (key,) * 5),))),
        codec.encode(
            Node("message", {"to": Jid("628123", device=3), "id": "3EB0"}, (Node("enc", {"v": "2"}, b"x" * 40),))
        ),
        b"\x02" + zlib.compress(codec.encode(Node("success", {"lid": Jid("1", "lid", 2), "t": "17"}))[1:]),
    ]
    before, began = resident_bytes(), time.process_time()
    for round_ in range(100_000):
        assert_decodes_or_refuses(codec, damaged(chance, whole[round_ % len(whole)]))
    assert time.process_time() - began < 60
    assert resident_bytes() - before < 32 << 20


def damaged(chance: random.Random, payload: bytes) -> bytes:
    data = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                data[place] = chance.choice([0, 236, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255])
            case 2:
                data.insert(place, chance.randrange(256))
            case _ if len(data) > 1:
                del data[place]
    return bytes(data)


def assert_decodes_or_refuses(codec: Codec, payload: bytes) -> None:
    """Anything but a NodeError fails the test; and whatever was read can be written again."""
    try:
        node = codec.decode(payload)
    except NodeError:
        return
    assert plain(codec.decode(codec.encode(node))) == plain(node)


def plain(node: Node) -> Node:
    """Without what the encoder leaves out on purpose; and texts as bytes, which they become where no token has them."""
    attrs: dict[str, Attribute] = {name: value for name, value in node.attrs.items() if value != ""}
    content: Content = node.content
    if isinstance(content, tuple):
        content = tuple(map(plain, content)) or None
    elif isinstance(content, str):
        content = content.encode()
    return Node(node.tag, attrs, content)
