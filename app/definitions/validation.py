"""What a pipeline's nodes mean: against the ops of a catalogue, against each other, against the declared params."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.definitions import graph, placeholders, schemas
from app.definitions.catalogue import Catalogue, OpSpec, Port
from app.definitions.faults import Faults, Path
from app.definitions.kinds import compatible
from app.definitions.names import is_name
from app.definitions.op import RESULT
from app.definitions.params import Fragment, is_secret
from app.definitions.plain import check_size

Declared = Mapping[str, Fragment | None]


@dataclass(frozen=True)
class Draft:
    """A node as it was sent; a part whose shape is wrong already is None, and nothing more is said about it."""

    index: int
    id: str | None
    op: str | None
    inputs: Mapping[str, str] | None
    params: Mapping[str, Any] | None
    pools: Mapping[str, int] | None

    def at(self, *path: str | int) -> Path:
        """A place within the node."""
        return ("nodes", self.index, *path)


def check_nodes(drafts: list[Draft], declared: Declared, catalogue: Catalogue, faults: Faults) -> None:
    """Note every fault that needs more than one field to be seen."""
    ops = catalogue.by_name
    known: dict[str, tuple[Draft, OpSpec | None]] = {}
    for draft in drafts:
        spec = ops.get(draft.op) if draft.op is not None else None
        if draft.op is not None and spec is None:
            faults.add(draft.at("op"), f"there is no op {draft.op!r}{faults.near(draft.op, ops)}")
        if draft.id is not None and (other := known.setdefault(draft.id, (draft, spec))[0]) is not draft:
            faults.add(draft.at("id"), f"{draft.id!r} is the id of node {other.index} already")
        if spec is not None and draft.params is not None:
            _check_params(draft, spec, declared, faults)
    # Inputs after all ids are known: a node may be listed before the one that feeds it.
    for draft in drafts:
        if draft.inputs is not None:
            _check_inputs(draft, ops.get(draft.op or ""), known, faults)
    _check_cycles(drafts, known, faults)


def check_pools(drafts: list[Draft], catalogue: Catalogue, known: Mapping[str, int], faults: Faults) -> None:
    """Note pools that are not among the known ones, or can never be had, of nodes and of their ops."""
    ops = catalogue.by_name
    for draft in drafts:
        own = draft.pools or {}
        for pool, count in own.items():
            if pool not in known:
                faults.add(draft.at("pools", pool), f"there is no pool {pool!r}{faults.near(pool, known)}")
            elif 0 < known[pool] < count:
                faults.add(draft.at("pools", pool), _too_many(count, pool, known[pool]))
        spec = ops.get(draft.op or "")
        for pool, count in spec.pools.items() if spec else ():
            if pool in own:
                continue
            if pool not in known:
                faults.add(draft.at("op"), f"op {draft.op!r} needs the pool {pool!r}, which is not there")
            elif 0 < known[pool] < count:
                faults.add(draft.at("op"), f"op {draft.op!r}: {_too_many(count, pool, known[pool])}")


def _too_many(count: int, pool: str, size: int) -> str:
    return f"needs {count} slots of the pool {pool!r}, which has only {size}: it would wait for ever"


def _check_inputs(draft: Draft, spec: OpSpec | None, known: Mapping[str, tuple[Draft, OpSpec | None]], faults: Faults) -> None:
    assert draft.inputs is not None
    ports = {port.name: port for port in spec.inputs} if spec else {}
    for name, reference in draft.inputs.items():
        if spec and name not in ports:
            faults.add(draft.at("inputs", name), f"op {spec.name!r} has no input {name!r}{faults.near(name, ports)}")
        output = _output(draft.at("inputs", name), reference, known, faults)
        if output and name in ports and not compatible(output.kind, ports[name].kind):
            message = f"{reference!r} is a {output.kind} ({output.annotation}), the input takes a {ports[name].kind}"
            faults.add(draft.at("inputs", name), f"{message} ({ports[name].annotation})")
    for port in ports.values():
        if not port.optional and port.name not in draft.inputs:
            assert spec is not None
            faults.add(draft.at("inputs", port.name), f"is missing: op {spec.name!r} needs it")


def _output(path: Path, reference: str, known: Mapping[str, tuple[Draft, OpSpec | None]], faults: Faults) -> Port | None:
    """The output that an input names, when there is such."""
    node, output = graph.source(reference)
    if node not in known:
        faults.add(path, f"there is no node {node!r}{faults.near(node, known)}")
        return None
    spec = known[node][1]
    if spec is None:
        return None
    outputs = {port.name: port for port in spec.outputs}
    if not outputs:
        faults.add(path, f"node {node!r} has no output: op {spec.name!r} returns nothing")
    elif output and output not in outputs:
        only = " (name the node alone)" if RESULT in outputs else faults.near(output, outputs)
        faults.add(path, f"node {node!r} has no output {output!r}{only}")
    elif not output and len(outputs) > 1:
        choice = ", ".join(f"{node}.{name}" for name in outputs)
        faults.add(path, f"node {node!r} has several outputs: name one of {choice}")
    else:
        return outputs[output] if output else spec.outputs[0]
    return None


def _check_cycles(drafts: list[Draft], known: Mapping[str, tuple[Draft, OpSpec | None]], faults: Faults) -> None:
    inputs = {name: known[name][0].inputs or {} for name in known}
    upstream = {name: list(dict.fromkeys(graph.source(ref)[0] for ref in refs.values())) for name, refs in inputs.items()}
    for cycle in graph.cycles(upstream):
        first, last = cycle[0], cycle[-2]
        closing = next(name for name, ref in inputs[first].items() if graph.source(ref)[0] == last)
        faults.add(known[first][0].at("inputs", closing), f"closes a cycle: {' -> '.join(cycle)}")


def _check_params(draft: Draft, spec: OpSpec, declared: Declared, faults: Faults) -> None:
    assert draft.params is not None
    path = draft.at("params")
    check_size(draft.params, faults, path)
    properties: Mapping[str, Any] = spec.params_schema.get("properties", {})
    standing_in: dict[Path, str] = {}
    undecided: set[Path] = set()
    for place, text in placeholders.texts(draft.params):
        name = _placeholder((*path, *place), text, declared, faults)
        fragment = declared.get(name) if name else None
        if fragment is None or fragment.get("secret") or "default" not in fragment:
            undecided.add(place)
        if name and fragment is not None:
            standing_in[place] = name
            if len(place) == 1 and place[0] in properties:
                _check_type((*path, *place), name, fragment, properties[str(place[0])], spec, faults)
    for name in draft.params:
        if properties.get(name, {}).get("writeOnly") and (name,) not in standing_in and (name,) not in undecided:
            undecided.add((name,))
            if not is_secret(draft.params[name]):
                faults.add((*path, name), 'is a secret: give {"$secret": "NAME"} or the placeholder of a secret param')
    value = placeholders.replaced(draft.params, lambda inside: _default(inside, declared))
    # Also where a placeholder stands within the place: what an unknown part makes of the whole is not known either.
    around = {place[:length] for place in undecided for length in range(1, len(place))}
    for place, message in schemas.problems(spec.params_schema, value, faults.near):
        within = [place[:length] for length in range(1, len(place) + 1)]
        if place in around or not undecided.isdisjoint(within):
            continue
        source = next((standing_in[other] for other in within if other in standing_in), None)
        faults.add((*path, *place), f"{message} (the default of params.{source})" if source else message)


def _placeholder(path: Path, text: str, declared: Declared, faults: Faults) -> str | None:
    """The declared param that the text stands for."""
    inside = placeholders.expression(text)
    if inside is None:
        if "${params." in text:
            faults.add(path, f"a placeholder replaces a whole value, it cannot be a part of {text!r}")
        return None
    root, _, name = inside.partition(".")
    if root != "params" or not is_name(name):
        faults.add(path, f"{text!r} is no placeholder: a pipeline knows ${{params.<name>}} only")
    elif name not in declared:
        faults.add(path, f"the pipeline declares no param {name!r}{faults.near(name, declared)}")
    else:
        return name
    return None


def _check_type(path: Path, name: str, fragment: Fragment, wanted: Mapping[str, Any], spec: OpSpec, faults: Faults) -> None:
    takes = schemas.types_of(wanted, spec.params_schema)
    given = frozenset({"string"}) if fragment.get("secret") else schemas.types_of(fragment, fragment)
    if takes is not None and given is not None and not schemas.allows(takes, given):
        message = f"params.{name} is declared as {schemas.named(given)}, op {spec.name!r} takes {schemas.named(takes)}"
        faults.add(path, message)


def _default(inside: str, declared: Declared) -> Any:
    fragment = declared.get(inside.removeprefix("params."))
    return fragment.get("default") if fragment else None
