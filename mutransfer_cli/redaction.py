"""Hides passwords in addresses of storages and in command lines, wherever they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_plus

HIDDEN = "***"
# Names of parameters and options that hold secrets; a passfile is a path.
# `tokens` counts the training data, and a tokenizer is a file.
SECRET = re.compile(
    r"passw|passphrase|(?:^|[-_.])pass$|pwd|secret|token(?!s|iz)|credential"
    r"|(?:api|access|private|wandb)[_-]?key|(?:^|[-_])auth$",
    re.IGNORECASE,
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
# `password=…` of a connection string or an environment, also with spaces around the sign.
SETTING = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{1,60})(?P<sign>\s{0,9}=\s{0,9})"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)"
)
# `password: …`, and `"token": "…"` of JSON.
FIELD = re.compile(
    r"(?P<name>\b\w{0,40}(?:password|passwd|passphrase|api_key|secret)|(?P<quote>['\"])[\w.-]{1,60}"
    r"(?P=quote))(?P<sign>['\"]?\s{0,9}:\s{0,9})(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)",
    re.IGNORECASE,
)
# `--password …` inside a text, `Authorization: Bearer …`, and a token in place of a user.
OPTION = re.compile(r"(?<![\w-])(?P<before>--?(?P<name>[\w-]{1,60})\s{1,9})(?P<value>[^\s'\"]+)")
HEADER = re.compile(
    r"(?P<before>\bauthorization\s{0,9}[:=]\s{0,9}(?:\w{1,20}\s{1,9})?|\bbearer\s{1,9})"
    r"(?P<value>[^\s'\"]{4,})",
    re.IGNORECASE,
)
USER_TOKEN = re.compile(r"(?P<before>\bhttps?://)[^\s/:@?'\"]+@", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with `***` in place of whatever may be a password.

    Args:
        text: An address, a message with addresses in it, or a command line.
    """
    if "@" in text:
        text = ADDRESS.sub(_login, text)
        text = WORD.sub(_word, text)
        text = USER_TOKEN.sub(rf"\g<before>{HIDDEN}@", text)
    text = PARAMETER.sub(_parameter, text)
    for pattern in (SETTING, FIELD):
        text = pattern.sub(_setting, text)
    return HEADER.sub(rf"\g<before>{HIDDEN}", OPTION.sub(_option, text))


def redact_command(words: Sequence[str]) -> str:
    """A command line in one line, without the values of options and parameters that are secret."""
    shown, hide = [], False
    for word in words:
        if hide:
            shown.append(word if word == "--" else HIDDEN)
            hide = word == "--"
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
    if is_secret(match["name"].strip("'\"")):
        return f"{match['name']}{match['sign']}{HIDDEN}"
    return f"{match['name']}{match['sign']}{SETTING.sub(_setting, match['value'])}"


def _option(match: re.Match[str]) -> str:
    value = HIDDEN if is_secret(match["name"]) else match["value"]
    return f"{match['before']}{value}"
