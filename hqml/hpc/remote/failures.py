"""What OpenSSH prints when it cannot reach a host, as one line that says what to do.

The words are those of OpenSSH's own source (ssh.c, sshconnect.c, sshconnect2.c, readconf.c, mux.c, clientloop.c), and
of the C library for errors of the network.
"""

from __future__ import annotations

import re

_CHANGED = (
    "its host key is not the one that this machine knows ({line}): somebody may listen in between; ask the site for "
    "its new fingerprint before you remove the old key with ssh-keygen -R"
)

_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"Address already in use|remote port forwarding failed|cannot listen to port|Could not request .* forwarding",
        "the port of the tunnel is taken ({line}); name another one",
    ),
    (r"Offending \S+ key in ", _CHANGED),
    (r"HOST IDENTIFICATION HAS CHANGED", _CHANGED),
    (
        r"Host key verification failed|host key is known for ",
        "this machine does not know its host key yet; run `{try_it}` in a terminal, and compare the fingerprint with "
        "the one that the site publishes",
    ),
    (r"Could not resolve hostname ", "no such name ({line}); write it as ssh takes it, or add it to ~/.ssh/config"),
    (r"Permissions \d+ for .* are too open", "ssh uses no private key that others may read ({line}); chmod 600 it"),
    (
        r"Too many authentication failures",
        "ssh offers it too many keys ({line}); name the right one with IdentityFile and IdentitiesOnly yes in "
        "~/.ssh/config",
    ),
    (
        r"Permission denied",
        "it does not let you in ({line}); run `{try_it}` in a terminal: user name, key (ssh-add -l) and second factor "
        "are matters of ssh",
    ),
    (
        r"Bad configuration option|Bad owner or permissions on |Can't open user config file |bad configuration options|"
        r"config:? line \d+:",
        "ssh cannot use its configuration ({line}); correct it",
    ),
    (
        r"no matching .* found",
        "ssh has no way of encryption in common with it ({line}); the site says what to allow in ~/.ssh/config",
    ),
    (
        r"Connection refused|timed out|No route to host|Network is unreachable|Network is down",
        "it cannot be reached ({line}); perhaps it wants a VPN, another network, or a jump host (ProxyJump)",
    ),
    (
        r"administratively prohibited|stdio forwarding failed|UNKNOWN port 65535",
        "the jump host does not pass the connection on ({line}); test that host by itself",
    ),
    (
        r"(?:closed|reset) by |to \S+ closed|Connection reset|Broken pipe|not responding|kex_exchange_identification|"
        r"mux_client\w*: |Connection aborted|connection unexpectedly closed",
        "the connection broke ({line}); try again",
    ),
)
"""Words, and what they mean; the first that is found counts. {line} is theirs, {try_it} a command."""


def failure(host: str, printed: str, *, begun: bool = False) -> str:
    """One line on why a command of a host has no answer.

    Args:
        host: its name.
        printed: by ssh on standard error, with whatever else is there, e.g. the site's banner.
        begun: whether the command had been started.
    """
    try_it = f"ssh {host} true"
    told = _told(printed, try_it) if printed.strip() or not begun else "the connection broke"
    after = "; the command was under way, and may have done its work: look before you repeat it" if begun else ""
    test = "" if try_it in told else f"; to test it: {try_it}"
    return f"{host}: {told}{after}{test}"


def _told(printed: str, try_it: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip(" \t@")]
    for words, meaning in _CAUSES:
        for line in lines:
            if re.search(words, line, re.IGNORECASE):
                return meaning.format(line=line[:200], try_it=try_it)
    return f"ssh has given up ({lines[-1][:200]})" if lines else "ssh has given up without a word"
