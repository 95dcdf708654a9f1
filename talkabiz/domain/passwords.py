"""Which passwords an operator may choose (NIST SP 800-63B: length and no common ones, nothing about their letters)."""

from __future__ import annotations

from talkabiz.domain.errors import InvalidInput, Sentence

SHORTEST = 10
LONGEST = 256
FEWEST_DIFFERENT = 5

# Parts that people take when ten characters are asked for: a password made of these and digits alone is guessed first.
_COMMON_PARTS = (
    *("password", "passw0rd", "sandi", "katasandi", "rahasia", "talkabiz", "whatsapp", "admin", "administrator"),
    *("operator", "qwerty", "qwertyuiop", "asdfgh", "zxcvbn", "letmein", "welcome", "selamat", "datang", "indonesia"),
    *("jakarta", "merdeka", "bismillah", "sayang", "cinta", "iloveyou", "monkey", "dragon", "football", "sepakbola"),
    *("abcdef", "abcdefgh", "secret", "changeme", "default", "master", "login", "user", "guest", "test"),
)


def check_password(password: str, name: str) -> str:
    """The password, if it will do for the operator of that name.

    Raises:
        InvalidInput: it is too short, too long, the name, or one that is guessed first.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise _refusal(
            f"Kata sandi: {SHORTEST} sampai {LONGEST} karakter.", f"Password: {SHORTEST} to {LONGEST} characters."
        )
    bare = password.casefold()
    if len(set(bare)) < FEWEST_DIFFERENT or _is_guessed_first(bare, name.casefold()):
        raise _refusal("Kata sandi ini mudah ditebak.", "This password is easily guessed.")
    return password


def _is_guessed_first(password: str, name: str) -> bool:
    rest = password
    for part in sorted({*_COMMON_PARTS, name} - {""}, key=len, reverse=True):
        rest = rest.replace(part, "")
    return not any(character.isalpha() for character in rest)


def _refusal(indonesian: str, english: str) -> InvalidInput:
    return InvalidInput(Sentence(indonesian, english), fields={"password": english})
