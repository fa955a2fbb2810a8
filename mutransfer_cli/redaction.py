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
# Also percent-encoded, once or more, and as East Asian keyboards write them.
_COLON = r"(?::|\uff1a|\ufe55|%(?:25)*3[Aa])"
_AT = r"(?:@|\uff20|\ufe6b|%(?:25)*40)"
# The end of a name that holds one: `token_dim: 3` has none.
_NAME_END = re.compile(
    r"(?:passw\w{0,9}|pwd|passphrase|secrets?|token|credentials?|key|auth|jwt)$", re.IGNORECASE
)
_SCHEME = (
    r"(?:[A-Za-z][\w+.-]{0,30}:/+|(?:journal|sqlite|postgres(?:ql)?|mysql|mariadb)(?:\+\w+)?:(?!/))"
)
# An address by itself: up to the last @, a password may hold any character, line breaks too.
ADDRESS = re.compile(
    rf"^(?P<before>\s*{_SCHEME}(?:(?!{_COLON}|{_AT})[^/?])*){_COLON}.*{_AT}", re.DOTALL
)
# Inside a text: up to the last @ before white space, with or without a scheme.
ADDRESS_SIGN = re.compile(_AT)
LOGIN = re.compile(
    rf"(?P<before>(?:{_SCHEME}|(?<!\w))(?:(?!{_COLON}|{_AT})[^\s/?'\"=(])+)"
    rf"{_COLON}(?!//)[^\s'\"]*{_AT}"
)
# In place of a port, where the host was forgotten.
PORT = re.compile(rf"(?P<before>{_SCHEME}[\w.-]+):(?!\d{{1,9}}(?![^\s/?,:'\")]))[^\s/@?'\"]+")
WORD = re.compile(r"\S+")
LONGEST_WORD = 1000  # characters; time grows with their square
NAMELESS = re.compile(rf"(?P<before>{_SCHEME}){_COLON}[^\s'\"]*{_AT}")
# Parameters of addresses that hold a secret, though their names may mean something else elsewhere.
PARAMETER_SECRET = re.compile(
    r"^(?:key|sig|signature|auth\w*|pw|psw|sas|code|session)$", re.IGNORECASE
)
PARAMETER = re.compile(r"(?P<before>[?&;])(?P<name>[^=&;?#\s]+)=(?P<value>[^&;#\s'\"]*)")
# `password=…` of a connection string or an environment, also with spaces around the sign.
SETTING = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{1,60})(?P<sign>\s{0,9}=\s{0,9})"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)"
)
# `password: …` of YAML, also as a block, and `"token": "…"` of JSON.
FIELD = re.compile(
    r"(?<![\w.-])(?P<name>(?P<quote>['\"]?)[\w.-]{1,60}(?P=quote))"
    r"(?P<sign>\s{0,9}:\s{1,9}(?:[|>][+-]?\s{1,9})?|(?<=['\"]):)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)"
)
# `pass: …` by itself in a line; a verdict has more words.
PASS_LINE = re.compile(
    r"(?P<before>^[ \t-]{0,99}(?:[\w.-]{1,60}[-_.])?pass:[ \t]{1,9})\S+[ \t]*$", re.I | re.M
)
ELEMENT = re.compile(r"(?P<before><(?P<name>[\w.:-]{1,60})>)[^<]+")
# Secrets that are known by their own beginning.
KNOWN = re.compile(
    r"(?<!\w)(?:gh[pousr]_|github_pat_|hf_|sk-|glpat-|xox[abeprs]-|AKIA|eyJ[\w-]{6,}\.)[\w.-]{12,}"
)
# `--password …` inside a text, `Authorization: Bearer …`, and a token in place of a user.
OPTION = re.compile(r"(?<![\w-])(?P<before>--?(?P<name>[\w-]{1,60})\s{1,9})(?P<value>[^\s'\"]+)")
# `-pPASSWORD` and `-u user:PASSWORD`, as clients of databases and of the web take them.
SHORT_OPTION = re.compile(
    r"(?<![\w-])(?P<before>-p(?=[^\s\d-])|(?<=sshpass )-p\s{1,9}"
    r"|(?:-u|--user)[\s=]{0,9}[^\s:=]{1,60}:)[^\s'\"]+"
)
HEADER = re.compile(
    r"(?P<before>\bauthorization\s{0,9}[:=]\s{0,9}(?:\w{1,20}\s{1,9})?|\bbearer\s{1,9})"
    r"(?P<value>[^\s'\"]{4,})",
    re.IGNORECASE,
)
# What drivers take for a host, where a password holds an `@` or no scheme stands before it.
HOST = re.compile(r"(?P<before>\b(?:host ?name|port number from)\s{1,9}['\"]?)[^\s'\"]*@", re.I)
USER_TOKEN = re.compile(r"(?P<before>\bhttps?://)[^\s/:@?'\"]+@", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with `***` in place of whatever may be a password.

    Args:
        text: An address, a message with addresses in it, or a command line.
    """
    if ADDRESS_SIGN.search(text):
        text = ADDRESS.sub(_login, text)
        text = WORD.sub(_word, text)
        text = HOST.sub(rf"\g<before>{HIDDEN}@", USER_TOKEN.sub(rf"\g<before>{HIDDEN}@", text))
    text = PARAMETER.sub(_parameter, PORT.sub(rf"\g<before>:{HIDDEN}", text))
    text = FIELD.sub(_field, SETTING.sub(_setting, text))
    for pattern in (PASS_LINE, SHORT_OPTION):
        text = pattern.sub(rf"\g<before>{HIDDEN}", text)
    text = KNOWN.sub(HIDDEN, ELEMENT.sub(_element, text))
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


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter in the query of an address holds a secret."""
    return is_secret(name) or PARAMETER_SECRET.match(unquote_plus(unquote_plus(name))) is not None


def plain_user(name: str) -> str:
    """The name of a user, up to a colon that was written in another form, and a password."""
    return re.split(_COLON, name)[0]


def _parameter(match: re.Match[str]) -> str:
    hidden = is_secret_parameter(match["name"]) or holds_setting(match["value"])
    return f"{match['before']}{match['name']}={HIDDEN if hidden else match['value']}"


def holds_setting(value: str) -> bool:
    """Whether a percent-encoded value holds a secret of its own, as `options=-c%20password%3D…`."""
    if "%" not in value:
        return False
    decoded = unquote_plus(unquote_plus(value))
    return SETTING.sub(_setting, decoded) != decoded


def _setting(match: re.Match[str]) -> str:
    name = match["name"].strip("'\"")
    if is_secret(name):
        return f"{match['name']}{match['sign']}{HIDDEN}"
    return f"{match['name']}{match['sign']}{SETTING.sub(_setting, match['value'])}"


def _field(match: re.Match[str]) -> str:
    name = match["name"].strip("'\"")
    is_quoted = name != match["name"]
    if is_secret(name) and (is_quoted or _NAME_END.search(name)):
        return f"{match['name']}{match['sign']}{HIDDEN}"
    return match[0]


def _element(match: re.Match[str]) -> str:
    return f"{match['before']}{HIDDEN}" if is_secret(match["name"]) else match[0]


def _option(match: re.Match[str]) -> str:
    value = HIDDEN if is_secret(match["name"]) else match["value"]
    return f"{match['before']}{value}"
