"""What travels to another machine: text for its sh, which starts bash as at a login, and what comes back.

A login shell, be it bash, tcsh or fish, sees `exec sh` and nothing else, so that it has nothing to quote, to expand or
to cut off. sh starts `bash -l`, as a person has it after logging in, since sites put Slurm and their modules on PATH in
/etc/profile.d. What profiles print ends at a mark. The status comes behind another one: a status of 255 is then the
command's own, and without this mark the connection broke. No command is given what is secret in the environment of the
login, nor what Slurm's commands would read there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from hqml.errors import HostError
from hqml.hpc.host import OF_SLURM
from hqml.secrets import WORDS

_LONGEST_SCRIPT = 1_000_000
"""Bytes; Linux hands over 2 MiB of arguments and environment, where nobody has changed the limit of the stack."""

_LONGEST_WORD = 128 * 1024
"""Bytes of one argument with the 0 at its end: MAX_ARG_STRLEN of Linux."""

# A login may export a token, which sbatch would keep with the job, and SBATCH_PARTITION, which would prevail over it.
# Variables that are not exported any more: a read-only one cannot be unset.
_OPEN = f"""\
hqml_secret='{WORDS.upper()}'
IFS=$' \\t\\n'
for hqml_name in $(compgen -e); do
  hqml_plain=${{hqml_name^^}}
  case $hqml_name in
  SLURM_CONF) continue ;;
  {" | ".join(f"{command}_*" for command in OF_SLURM)}) ;;
  *) [[ ${{hqml_plain//TOKENI[SZ]/}} =~ $hqml_secret ]] || continue ;;
  esac
  export -n -- "$hqml_name"
done
"""

_SCRIPT = """\
{open}hqml_ended() {{ printf '%s %s\\n' {mark} "$1"; printf '%s\\n' {mark} >&2; exit; }}
printf '%s\\n' {mark}; printf '%s\\n' {mark} >&2
builtin cd -- {folder} >/dev/null 2>&1 || hqml_ended folder
type -P -- {program} >/dev/null || hqml_ended program
( {script}
) && hqml_ended 0 || hqml_ended $?
"""

ENDED = re.compile(rb" (\d+|folder|program)\n")

READ = "if [[ -e {path} ]]; then echo found; exec cat < {path}; else echo none; fi"

# bash's own read, not one cat a file: an array of a thousand tasks has a thousand states.
READ_ALL = """\
builtin cd -- {folder} >/dev/null 2>&1 || exit 0
shopt -s nullglob dotglob
for file in *; do
  [[ -f $file && -r $file ]] || continue
  IFS= read -r -d '' content < "$file" || :
  printf '%s\\0%s\\0' "$file" "$content"
done"""


def for_sh(script: str, program: str, folder: str | None, mark: str) -> str:
    """The text for sh: it starts bash as at a login, which runs the script between marks on both outputs.

    sh has read the whole function before it starts anything; half of the text would be another command. The script is
    no argument of bash, which may not be longer than `_LONGEST_WORD`.
    """
    bash = _SCRIPT.format(
        open=_OPEN,
        mark=mark,
        program=shlex.quote(program),
        folder=shlex.quote(folder) if folder else '"$HOME"',
        script=script,
    )
    runs = 'set +aeu; hqml_script=$(command cat <&9); exec 9<&-; eval "$hqml_script"'
    return f"hqml() {{\nexec bash -l -c '{runs}' </dev/null 9<<'{mark}-end'\n{bash}{mark}-end\n}}\nhqml\n"


def check_size(program: str, script: str, words: Sequence[str] = ()) -> None:
    """Refuse what cannot travel, or what no command can be given.

    Raises:
        HostError: it is so.
    """
    longest = max(map(_size, words), default=0)
    if "\0" in script or _size(script) > _LONGEST_SCRIPT or longest >= _LONGEST_WORD:
        raise HostError(f"{program}: its arguments have a character NUL, or are longer than a command may get")


def _size(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))


def between(printed: bytes, mark: str) -> tuple[bool, bytes]:
    """Whether the first mark is there; and what was printed between it and the last, or the end."""
    _, begun, rest = printed.partition(f"{mark}\n".encode())
    inner, last, tail = rest.rpartition(mark.encode())
    return bool(begun), inner if last else tail
