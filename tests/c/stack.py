"""How much stack the runtime takes, from the compiler's own figures.

    python tests/c/stack.py COMPILER [FLAGS...]      e.g. arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -Os

Every source is compiled with -fcallgraph-info=su. Frames and calls give the longest chain below each function of
liteinterp.h. Calls through pointers are resolved by the expression that the source has at the call:

    ...plan(, ...prepare(, ...run(     any operator's function of that kind
    ..._known(                         those of the operators that li_known.c names
    (... ? one : other)(               the two functions named there
    hook(                              the caller's own function: not counted
    parallel(pool, FUNCTION, ...       likewise, which calls the function that it is given
    a member of a struct               any function that some source gives a member of this name
    anything else, a parameter         any function that nothing calls by name and no member has in the files that lead
                                       to the call, or that a member named there has; and those of li_math.c

A function from outside (memcpy, the compiler's helpers) counts as EXTERNAL bytes. Recursion is an error, and so is a
function that nothing reaches: then a call through a pointer was not resolved.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
INDIRECT = "__indirect_call"
#: Bytes that functions from outside may take; memcpy and the arithmetic helpers of libgcc take 8 to 56.
EXTERNAL = 64
MEMBER = re.compile(r"->(\w+)")
MEMBER_CALL = re.compile(r"->(\w+)\(")
MEMBER_VALUE = re.compile(r"[.>](\w+)\s*=\s*&?(li_\w+)\s*(?:[,;}]|$)", re.MULTILINE)
#: A job of li_bands.h is made in the file that runs it.
BAND_CALL = re.compile(r"->band\(")
TABLE_CALL = re.compile(r"\.(plan|prepare|run)\(")
KNOWN_CALL = re.compile(r"\b(prepare|run)_known\(")
KNOWN_OPERATOR = re.compile(r"case LI_OP_(\w+):")
CHOICE = re.compile(r"\? (li_\w+) : (li_\w+)\)\(")
CALLERS_OWN = re.compile(r"\b(hook|parallel)(?:\.\w+)?\(")
TASK = re.compile(r"parallel\([^,]+, (li_\w+),")
#: The C library's three functions, for compilers that come without one.
STRING_H = """#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
"""


class Recursive(Exception):
    """A function can come back to itself: the stack has no bound."""


@dataclass
class Function:
    """A function with a body. Its name is the linker's, with the file in front where it is static."""

    name: str
    file: Path
    frame: int
    calls: set[str] = field(default_factory=set)
    #: Places of calls through pointers: the source's text from there on.
    pointers: list[str] = field(default_factory=list)

    @property
    def plain(self) -> str:
        return self.name.rsplit(":", 1)[-1]

    @property
    def unit(self) -> str:
        """The source that it was compiled in; a function of a header is in many."""
        return self.name.rpartition(":")[0] or str(self.file)


@dataclass(frozen=True)
class Chain:
    """The longest way down from a function: bytes with its own frame, and the functions on the way."""

    size: int
    names: tuple[str, ...]


def sources() -> list[Path]:
    lines = (CSRC / "sources.txt").read_text().splitlines()
    return [CSRC / line for line in lines if line and not line.startswith("#")]


def public_functions() -> list[str]:
    header = (CSRC / "include" / "liteinterp.h").read_text()
    return re.findall(r"^LI_API[^;(]*?\b(li_\w+)\(", header, re.MULTILINE)


def struct_members() -> dict[str, set[str]]:
    """The functions that members of structs are set to, by the member's name."""
    members: dict[str, set[str]] = {}
    for source in [*sources(), *CSRC.rglob("*.h")]:
        for member, function in MEMBER_VALUE.findall(source.read_text()):
            members.setdefault(member, set()).add(function)
    return members


def compile_graph(command: Sequence[str], folder: Path, source: Path) -> str:
    target = folder / f"{source.stem}.o"
    flags = ["-std=c11", "-ffp-contract=off", f"-I{CSRC / 'include'}", f"-I{CSRC / 'src'}", "-idirafter", str(folder)]
    done = subprocess.run(
        [*command, *flags, "-fcallgraph-info=su", "-c", str(source), "-o", str(target)], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{source}: {done.stderr}")
    return target.with_suffix(".ci").read_text()


def read_graphs(command: Sequence[str]) -> dict[str, Function]:
    """Every function of the runtime by name."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        (folder / "string.h").write_text(STRING_H)
        graphs = list(pool.map(lambda source: compile_graph(command, folder, source), sources()))
    functions: dict[str, Function] = {}
    for text in graphs:
        for node in re.finditer(r'^node: \{ title: "([^"]+)" label: "([^"]+)" \}', text, re.MULTILINE):
            made = _function(node[1], node[2])
            functions[made.name] = made
    for text in graphs:
        for edge in re.finditer(
            r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"(?: label: "([^"]+)")?', text, re.M
        ):
            if edge[2] == INDIRECT:
                functions[edge[1]].pointers.append(_text_at(edge[3]))
            else:
                functions[edge[1]].calls.add(edge[2])
    return functions


def _function(title: str, label: str) -> Function:
    _, place, *figures = label.split("\\n")
    match = re.fullmatch(r"(\d+) bytes \((static|dynamic,bounded)\)", figures[0])
    if match is None:
        raise RuntimeError(f"{title}: its stack use has no bound: {figures}")
    return Function(title, Path(place.rsplit(":", 2)[0]), int(match[1]))


def _text_at(label: str) -> str:
    """The line of source that a label points to."""
    path, line, _ = label.rsplit(":", 2)
    return Path(path).read_text().splitlines()[int(line) - 1]


class Graph:
    """Who may call whom."""

    def __init__(self, functions: dict[str, Function]) -> None:
        self.functions = functions
        named = {call for function in functions.values() for call in function.calls}
        public = set(public_functions())
        #: Functions that are only reached through pointers.
        self.free = [f for f in functions.values() if f.name not in named and f.name not in public]
        self._members = struct_members()
        self._chains: dict[str, Chain] = {}
        self._open: list[str] = []

    def callees(self, function: Function) -> Iterator[str]:
        yield from function.calls
        for text in function.pointers:
            yield from self._pointed(function, text)

    def _pointed(self, function: Function, text: str) -> Iterable[str]:
        if table := TABLE_CALL.search(text):
            return [f.name for f in self.free if re.fullmatch(rf"li_\w+_{table[1]}", f.name)]
        if known := KNOWN_CALL.search(text):
            operators = KNOWN_OPERATOR.findall(function.file.read_text())
            return [f"li_{operator.lower()}_{known[1]}" for operator in operators]
        if choice := CHOICE.search(text):
            return [f.name for f in self.free if f.file == function.file and f.plain in choice.groups()]
        if task := TASK.search(text):
            return [f.name for f in self.functions.values() if f.unit == function.unit and f.plain == task[1]]
        if CALLERS_OWN.search(text):
            return []
        if BAND_CALL.search(text):
            above = self._files_above(function)
            return [f.name for f in self.free if f.plain in self._members["band"] and f.file in above]
        if member := MEMBER_CALL.search(text):
            values = self._members.get(member[1], set())
            return [f.name for f in self.free if f.plain in values]
        files = self._files_above(function)
        operators = re.compile(r"li_\w+_(plan|prepare|run)")
        handed = {
            name
            for file in files
            for member in MEMBER.findall(file.read_text())
            for name in self._members.get(member, ())
        }
        kept = {name for names in self._members.values() for name in names}
        local = [
            f.name
            for f in self.free
            if f.plain in handed or (f.file in files and f.plain not in kept and not operators.fullmatch(f.name))
        ]
        mathematics = [f.name for f in self.functions.values() if f.file.name == "li_math.c" and ":" not in f.name]
        if not local:
            raise RuntimeError(f"{function.name}: what does this call? {text.strip()}")
        return local + mathematics

    def _files_above(self, function: Function) -> set[Path]:
        """The files of a function and of all that call it by name, directly or not."""
        above, pending = {function.name}, [function.name]
        while pending:
            name = pending.pop()
            for caller in self.functions.values():
                if name in caller.calls and caller.name not in above:
                    above.add(caller.name)
                    pending.append(caller.name)
        return {self.functions[name].file for name in above}

    def unreached(self) -> list[str]:
        """Functions that no chain asked for so far came by."""
        return sorted(set(self.functions) - set(self._chains))

    def chain(self, name: str) -> Chain:
        """The longest chain from a function down."""
        if name not in self.functions:
            return Chain(EXTERNAL, (name,))
        if name in self._open:
            raise Recursive(" -> ".join([*self._open[self._open.index(name) :], name]))
        if name not in self._chains:
            self._open.append(name)
            function = self.functions[name]
            below = [self.chain(callee) for callee in sorted(set(self.callees(function)))]
            longest = max(below, key=lambda chain: chain.size, default=Chain(0, ()))
            self._chains[name] = Chain(function.frame + longest.size, (name, *longest.names))
            self._open.pop()
        return self._chains[name]


def public_chains(command: Sequence[str]) -> tuple[Graph, dict[str, Chain]]:
    """The longest chain below each function of liteinterp.h. Raises Recursive."""
    graph = Graph(read_graphs(command))
    chains = {name: graph.chain(name) for name in public_functions()}
    if unreached := graph.unreached():
        raise RuntimeError(f"nothing is known to call {', '.join(unreached)}")
    return graph, chains


def describe(graph: Graph, chain: Chain) -> str:
    frames = (
        f"{name.rsplit(':', 1)[-1]} {graph.functions[name].frame if name in graph.functions else EXTERNAL}"
        for name in chain.names
    )
    return f"{chain.size:5} bytes: {' > '.join(frames)}"


def main(command: Sequence[str]) -> None:
    graph, chains = public_chains(command)
    print(" ".join(command))
    for name in sorted(chains, key=lambda name: -chains[name].size)[:8]:
        print(describe(graph, chains[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
