"""Hides passwords in addresses of storages and in command lines, wherever they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_plus

HIDDEN = "***"
# Names of parameters and options that hold secrets; a passfile is a path.
SECRET = re.compile(
    r"passw|passphrase|^-*pass$|pwd|secret|token|credential|api[_-]?key", re.IGNORECASE
)
_SCHEME = (
    r"(?:[A-Za-z][\w+.-]*:/+|(?:journal|sqlite|postgres(?:ql)?|mysql|mariadb)(?:\+\w+)?:(?!/))"
)
# An address by itself: up to the last @, a password may hold any character, line breaks too.
ADDRESS = re.compile(rf"^(?P<before>\s*{_SCHEME}[^/:@?]*):.*@", re.DOTALL)
# Inside a text: up to the last @ before white space, with or without a scheme.
LOGIN = re.compile(
    rf"(?P<before>(?:{_SCHEME}|(?<!\w))[^\s/:@?'\"=(]*[^\s/:@?'\"=(]):(?!//)[^\s'\"]*@"
)
WORD = re.compile(r"\S+")
LONGEST_WORD = 1000  # characters; time grows with their square
NAMELESS = re.compile(rf"(?P<before>{_SCHEME}):[^\s'\"]*@")
PARAMETER = re.compile(r"(?P<before>[?&;])(?P<name>[^=&;?#\s]+)=(?P<value>[^&;#\s'\"]*)")
# `password=…` of a connection string, also with spaces around the sign and with quotes.
SETTING = re.compile(
    r"(?P<name>password|passwd|pwd|secret)(?P<sign>\s{0,9}=\s{0,9})"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with `***` in place of whatever may be a password.

    Args:
        text: An address, a message with addresses in it, or a command line.
    """
    if "@" in text:
        text = ADDRESS.sub(_login, text)
        text = WORD.sub(_word, text)
    text = PARAMETER.sub(_parameter, text)
    return SETTING.sub(_setting, text)


def redact_command(words: Sequence[str]) -> str:
    """A command line in one line, without the values of options and parameters that are secret."""
    shown, hide = [], False
    for word in words:
        if hide and not word.startswith("-"):
            shown.append(HIDDEN)
            hide = False
            continue
        name, equals, _ = word.partition("=")
        secret = word.startswith("-") and is_secret(name)
        hide = secret and not equals
        shown.append(f"{name}={HIDDEN}" if secret and equals else redact(word))
    return " ".join(shown)


def _login(match: re.Match[str]) -> str:
    return f"{match['before']}:{HIDDEN}@"


def _word(match: re.Match[str]) -> str:
    """A word without the password of a login; a word without end is not searched for one."""
    word = match[0]
    if len(word) > LONGEST_WORD:
        before, colon, _ = word.partition(":")
        return f"{before[:LONGEST_WORD]}{colon}{HIDDEN}"
    return LOGIN.sub(_login, NAMELESS.sub(_login, word))


def is_secret(name: str) -> bool:
    """Whether a parameter or option of this name, which may be percent-encoded, holds a secret."""
    return SECRET.search(unquote_plus(unquote_plus(name))) is not None


def _parameter(match: re.Match[str]) -> str:
    value = HIDDEN if is_secret(match["name"]) else match["value"]
    return f"{match['before']}{match['name']}={value}"


def _setting(match: re.Match[str]) -> str:
    return f"{match['name']}{match['sign']}{HIDDEN}"
