"""h11's patterns, without the two that take quadratic time: a header or a chunk whose blanks end in what may not stand
there holds up everything for seconds, whoever sent it. hypercorn reads requests by them, `talkabiz.outside` answers.
"""

from __future__ import annotations

import re

from h11 import _abnf, _readers


def make_linear() -> None:
    """For all of this process; once more does nothing. What is read means the same."""
    _readers.header_field_re = re.compile(
        rf"(?P<field_name>{_abnf.field_name}):[ \t]*+(?P<field_value>{_abnf.field_value})[ \t]*+".encode()
    )
    _readers.chunk_header_re = re.compile(
        rf"(?P<chunk_size>{_abnf.chunk_size})(?P<chunk_ext>;(?:[^\r\n]|\r(?!\n))*+)?[ \t]*+\r\n".encode()
    )
