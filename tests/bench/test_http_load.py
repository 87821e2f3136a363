"""The requests that the load generator sends."""

from itertools import islice

from tests.bench.http_load import KEY, fresh


def test_requests_are_sent_in_turn_each_time_with_a_new_key_of_the_same_length() -> None:
    ann, bob = (f"POST / HTTP/1.1\r\nIdempotency-Key: {KEY}\r\n\r\n{who}".encode() for who in ("ann", "bob"))
    sent = list(islice(fresh([ann, bob]), 1000))
    assert [request[-3:] for request in sent] == [b"ann", b"bob"] * 500
    assert len(set(sent)) == 1000
    assert {len(request) for request in sent} == {len(ann)}


def test_another_load_has_other_keys() -> None:
    assert next(fresh([KEY.encode()])) != next(fresh([KEY.encode()]))


def test_a_request_without_a_key_is_sent_as_it_is() -> None:
    assert list(islice(fresh([b"one", b"two"]), 3)) == [b"one", b"two", b"one"]
