"""Who somebody is, once a credential has been checked, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What the credential was: it says who is there, a program or a person, of the operator or of one klien."""

    ADMIN = "admin"  #: the operator's programs
    OPERATOR = "operator"  #: a person of the operator's, in a browser
    KLIEN = "klien"  #: one klien's programs
    LINK = "link"  #: one klien's person, with a link token
    GATEWAY = "gateway"  #: a gateway outside, that signs with one klien's incoming secret


class Scope(StrEnum):
    SESSION = "session"
    MESSAGE = "message"
    WEBHOOK = "webhook"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Principal:
    """`klien_id` is None for admins and operators, who may see every klien.

    `credential_id` names the row that the credential has in the database; 0: the API_KEY setting. `name` is an
    operator's.
    """

    kind: Kind
    credential_id: int
    klien_id: int | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    name: str = ""

    @property
    def sees_all(self) -> bool:
        return self.kind in {Kind.ADMIN, Kind.OPERATOR}

    @property
    def actor(self) -> str:
        """As the audit log names it: `operator:budi`, `key:3`, `link:12`, and by its klien, `gateway:7`."""
        if self.kind is Kind.OPERATOR:
            return f"operator:{self.name}"
        if self.kind is Kind.GATEWAY:
            return f"gateway:{self.klien_id}"
        return f"{'link' if self.kind is Kind.LINK else 'key'}:{self.credential_id}"

    def may_see(self, klien_id: int) -> bool:
        return self.sees_all or self.klien_id == klien_id

    def may(self, scope: Scope) -> bool:
        return self.sees_all or scope in self.scopes

    @property
    def may_read_chats(self) -> bool:
        """Whether it may know what is said: not with a link, nor with a key that only links."""
        return self.kind is not Kind.LINK and (self.may(Scope.READ) or self.may(Scope.MESSAGE))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for something, as the audit log shows it, and from which address (None: this machine's command line).

    `is_rationed`: the pairing attempts that this begins count against START_LIMIT.
    """

    actor: str
    address: str | None = None
    is_rationed: bool = False
