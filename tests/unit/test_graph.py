"""Order and cycles, against the standard library's own on graphs that nobody thought of."""

import graphlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.definitions.graph import cycles, order


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    size = draw(st.integers(0, 12))
    names = [f"n{index}" for index in draw(st.permutations(range(size)))]
    some = st.lists(st.sampled_from(names), max_size=4, unique=True) if names else st.just([])
    return {name: draw(some) for name in names}


def is_acyclic(upstream: dict[str, list[str]]) -> bool:
    try:
        graphlib.TopologicalSorter(upstream).prepare()
    except graphlib.CycleError:
        return False
    return True


@given(graphs())
def test_the_order_is_whole_exactly_when_the_standard_library_finds_no_cycle(upstream: dict[str, list[str]]) -> None:
    ordered = order(upstream)
    assert (len(ordered) == len(upstream)) == is_acyclic(upstream)
    place = {node: index for index, node in enumerate(ordered)}
    assert all(place[feeder] < place[node] for node in ordered for feeder in upstream[node])


@given(graphs())
def test_of_what_may_come_next_the_first_as_given_comes(upstream: dict[str, list[str]]) -> None:
    names, done = list(upstream), set[str]()
    for node in order(upstream):
        free = [name for name in names if name not in done and set(upstream[name]) <= done]
        assert node == free[0]
        done.add(node)


@given(graphs())
def test_every_cycle_is_one_and_without_their_nodes_none_is_left(upstream: dict[str, list[str]]) -> None:
    found = cycles(upstream)
    assert bool(found) != is_acyclic(upstream)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(feeder in upstream[node] for feeder, node in itertools.pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1
    gone = {node for cycle in found for node in cycle}
    assert sum(len(cycle) - 1 for cycle in found) == len(gone)
    assert is_acyclic({node: [f for f in feeders if f not in gone] for node, feeders in upstream.items() if node not in gone})


def test_a_cycle_is_told_in_the_direction_of_the_data_from_its_first_node_on() -> None:
    assert cycles({"c": ["b"], "a": ["c"], "b": ["a"], "d": ["c"]}) == [["c", "a", "b", "c"]]
