"""An exception is described without local variables, and bounded whatever it is."""

from __future__ import annotations

from aether_adapters.observability.tracebacks import as_data, as_text


class Held:
    def __repr__(self) -> str:
        raise AssertionError("no repr of an object is asked for")


def caught(error: BaseException) -> BaseException:
    held = Held()
    try:
        raise error
    except BaseException as raised:
        assert held
        return raised


def deep(depth: int) -> int:
    return deep(depth + 1) + 1


def test_it_names_types_messages_and_places_in_pythons_order() -> None:
    try:
        try:
            raise ValueError("first")
        except ValueError as cause:
            raise KeyError("second") from cause
    except KeyError as error:
        text, data = as_text(error), as_data(error)
    lines = text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "ValueError: first" in lines and lines[-1] == "KeyError: second"
    assert "The above exception was the direct cause of the following exception:" in lines
    assert "raise KeyError" in text
    assert [(each["exc_type"], each.get("link")) for each in data] == [
        ("KeyError", None),
        ("ValueError", "cause"),
    ]


def test_objects_of_a_message_show_only_their_type() -> None:
    (only,) = as_data(caught(ValueError(Held(), {"a": [Held(), 1]}, 1 << 10_000)))
    held = f"<{Held.__module__}.Held>"
    assert only["exc_value"] == f"{held}, {{'a': list({held}, 1)}}, <int of 10001 bits>"


def test_deep_recursion_keeps_the_outermost_and_innermost_frames() -> None:
    try:
        deep(0)
    except RecursionError as error:
        (only,) = as_data(error)
        text = as_text(error)
    assert len(only["frames"]) == 20  # type: ignore[arg-type]
    assert int(str(only["frames_left_out"])) > 500
    assert "frames left out" in text and len(text) < 5000


def test_a_long_chain_keeps_the_first_cause() -> None:
    error: Exception = ValueError("root")
    for number in range(400):
        outer = KeyError(number)
        outer.__cause__ = error
        error = outer
    said = as_data(error)
    assert len(said) == 6
    assert (said[0]["exc_value"], said[-1]["exc_value"]) == ("399", "root")


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert len(as_data(one)) == 2


def test_groups_are_cut() -> None:
    error = ExceptionGroup("many", [ExceptionGroup("inner", [ValueError("x" * 100_000)] * 100)] * 100)
    assert len(str(as_data(error))) < 10_000
    assert "many (100 exceptions)" in as_text(error)


def test_an_exception_that_cannot_be_shown_is_described_nevertheless() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert as_data(Broken())[0]["exc_value"] == "(its message cannot be shown: RuntimeError)"
