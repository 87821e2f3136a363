"""A template: what operators offer, as a draft, published, or withdrawn."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from aether_promotion.domain.errors import (
    ClaimsNotYetOpen,
    ClaimsOver,
    TemplateHasChanged,
    TemplateNotDraft,
    TemplateNotPublished,
)
from aether_promotion.domain.values import TemplateStatus, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What coupons of one kind promise. It never changes: each change returns a new one.

    `version` counts what operators stored, from 1; a new one has version 0. How many were claimed stands with
    its `ClaimAuthority`, so that a stampede and an operator do not stand in each other's way.
    """

    id: int
    terms: Terms
    created_at: datetime
    status: TemplateStatus = TemplateStatus.DRAFT
    version: int = 0

    def publish(self, *, version: int) -> Self:
        """Raises `TemplateHasChanged`, `TemplateNotDraft`."""
        self._seen(version)
        if self.status is not TemplateStatus.DRAFT:
            raise TemplateNotDraft(self.id, self.status.value)
        return replace(self, status=TemplateStatus.PUBLISHED)

    def withdraw(self, *, version: int) -> Self:
        """No more claims; coupons that were claimed stay good. Raises `TemplateHasChanged`, `TemplateNotPublished`."""
        self._seen(version)
        self._published()
        return replace(self, status=TemplateStatus.WITHDRAWN)

    def open_to_claims(self, now: datetime) -> None:
        """Raises `TemplateNotPublished`, `ClaimsNotYetOpen`, `ClaimsOver` where nothing can be claimed now."""
        self._published()
        if now < self.terms.claims_from:
            raise ClaimsNotYetOpen(self.id, self.terms.claims_from)
        if now >= self.terms.coupon.valid_until:
            raise ClaimsOver(self.id, self.terms.coupon.valid_until)

    def visible(self, *, to_operator: bool) -> bool:
        return to_operator or self.status is not TemplateStatus.DRAFT

    def stored(self) -> Self:
        """The same as the store keeps it: one version on."""
        return replace(self, version=self.version + 1)

    def _seen(self, version: int) -> None:
        if version != self.version:
            raise TemplateHasChanged(self.id, version)

    def _published(self) -> None:
        if self.status is not TemplateStatus.PUBLISHED:
            raise TemplateNotPublished(self.id, self.status.value)
