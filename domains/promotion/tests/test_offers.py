"""Offers, on memory adapters: what operators do and customers see."""

from datetime import timedelta

import pytest

from aether.common.v1.types import Caller
from aether.promotion.v1 import types
from aether_promotion.domain import errors

from .conftest import ADA, BOB, OPERATOR, World


def titles(world: World, caller: Caller, size: int = 0) -> list[list[int]]:
    """Return the ids on every page of templates, following the page tokens."""
    token, found = "", list[list[int]]()
    while not found or token:
        request = types.ListTemplatesRequest(caller=caller, page_size=size, page_token=token)
        page = world.service.list_templates(request)
        found.append([template.id for template in page.templates])
        token = page.next_page_token
    return found


def test_a_draft_is_for_operators_only(world: World) -> None:
    draft, published = world.template(publish=False), world.template()
    assert titles(world, OPERATOR) == [[published.id, draft.id]]
    assert titles(world, ADA) == [[published.id]]
    with pytest.raises(errors.TemplateNotFound):
        world.service.get_template(types.GetTemplateRequest(caller=ADA, id=draft.id))
    read = world.service.get_template(types.GetTemplateRequest(caller=OPERATOR, id=draft.id))
    assert read == draft
    request = types.ListTemplatesRequest(
        caller=ADA, page_size=0, page_token="", status=types.TemplateStatus.DRAFT
    )
    assert world.service.list_templates(request).templates == ()


def test_pages_show_each_one_once_and_the_newest_first(world: World) -> None:
    ids = [world.template().id for _ in range(5)][::-1]
    assert titles(world, ADA, 2) == [ids[:2], ids[2:4], ids[4:]]
    assert titles(world, ADA, 5) == [ids]
    sales = [world.activity().id for _ in range(3)][::-1]
    first = world.service.list_activities(types.ListActivitiesRequest(caller=ADA, page_size=2, page_token=""))
    rest = world.service.list_activities(
        types.ListActivitiesRequest(caller=ADA, page_size=2, page_token=first.next_page_token)
    )
    assert [one.id for one in (*first.activities, *rest.activities)] == sales


def test_a_customer_cannot_use_the_operations_of_operators(world: World) -> None:
    template, activity = world.template(), world.activity()
    operations = (
        lambda: world.service.create_template(types.CreateTemplateRequest(caller=ADA, terms=template.terms)),
        lambda: world.service.publish_template(
            types.PublishTemplateRequest(caller=ADA, id=template.id, version=2)
        ),
        lambda: world.service.withdraw_template(
            types.WithdrawTemplateRequest(caller=ADA, id=template.id, version=2)
        ),
        lambda: world.service.close_activity(
            types.CloseActivityRequest(caller=ADA, id=activity.id, version=1)
        ),
    )
    for operation in operations:
        with pytest.raises(errors.OperatorsOnly):
            operation()


def test_the_coupon_of_somebody_else_is_not_found(world: World) -> None:
    coupon = world.claim(world.template().id)
    mine = world.service.get_coupon(types.GetCouponRequest(caller=ADA, id=coupon))
    assert (mine.id, mine.title, mine.status) == (coupon, "Ten off a hundred", types.CouponStatus.UNUSED)
    with pytest.raises(errors.CouponNotFound):
        world.service.get_coupon(types.GetCouponRequest(caller=BOB, id=coupon))
    assert world.coupons(BOB) == []


def test_a_coupon_keeps_its_terms_when_its_template_is_withdrawn(world: World) -> None:
    template = world.template()
    coupon = world.claim(template.id)
    world.service.withdraw_template(types.WithdrawTemplateRequest(caller=OPERATOR, id=template.id, version=2))
    assert world.coupons() == [coupon]


def test_of_two_changes_to_one_version_only_the_first_is_stored(world: World) -> None:
    template = world.template()
    with pytest.raises(errors.TemplateHasChanged):
        world.service.withdraw_template(
            types.WithdrawTemplateRequest(caller=OPERATOR, id=template.id, version=1)
        )
    activity = world.activity()
    closing = types.CloseActivityRequest(caller=OPERATOR, id=activity.id, version=1)
    world.clock.forward(timedelta(hours=1))
    world.service.close_activity(closing)
    with pytest.raises(errors.ActivityHasChanged):
        world.service.close_activity(closing)


@pytest.mark.parametrize("token", ["x", "é", "AAAAAAAAAAA", "__________8", "AAAAAAAAAAE=", "AAAAAAAAAAF"])
def test_a_page_token_that_is_not_ours_is_refused(world: World, token: str) -> None:
    with pytest.raises(errors.PageTokenNotUsable):
        world.service.list_coupons(types.ListCouponsRequest(caller=ADA, page_size=0, page_token=token))


def test_a_page_has_no_negative_size(world: World) -> None:
    with pytest.raises(errors.PageSizeNotUsable):
        world.service.list_coupons(types.ListCouponsRequest(caller=ADA, page_size=-1, page_token=""))
