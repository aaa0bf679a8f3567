"""The minimum cut against trying every choice."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from converter.passes.min_cut import Network

VARIABLES = 6
variable = st.integers(0, VARIABLES - 1)
group = st.lists(variable, min_size=1, max_size=4, unique=True)
price = st.integers(0, 9)
unary = st.tuples(st.sampled_from(["one", "zero"]), variable, price)
many = st.tuples(st.sampled_from(["any_zero", "zero_and_any_one", "one_and_any_zero"]), variable, group, price)


def total(terms: list[tuple], choice: tuple[int, ...]) -> int:
    """What a choice pays, straight from the meaning of the terms."""
    paid = 0
    for kind, first, *rest in terms:
        amount = rest[-1]
        others = [choice[i] for i in rest[0]] if len(rest) == 2 else []
        holds = {
            "one": choice[first] == 1,
            "zero": choice[first] == 0,
            "any_zero": 0 in others,
            "zero_and_any_one": choice[first] == 0 and 1 in others,
            "one_and_any_zero": choice[first] == 1 and 0 in others,
        }[kind]
        paid += amount if holds else 0
    return paid


@given(st.lists(unary | many, max_size=20))
def test_the_cut_is_the_cheapest_choice(terms: list[tuple]) -> None:
    network = Network()
    for kind, first, *rest in terms:
        add = getattr(network, f"pay_if_{kind}")
        if kind == "any_zero":
            add(*rest)
        else:
            add(first, *rest)
    ones = network.ones()
    chosen = tuple(int(i in ones) for i in range(VARIABLES))
    assert total(terms, chosen) == min(total(terms, choice) for choice in product((0, 1), repeat=VARIABLES))


def test_ties_leave_variables_at_zero() -> None:
    network = Network()
    network.pay_if_one(0, 3)
    network.pay_if_zero(0, 3)
    assert network.ones().isdisjoint({0})
