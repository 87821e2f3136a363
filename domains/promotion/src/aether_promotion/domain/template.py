"""A template: an operators' offer of coupons, as a draft, published, or withdrawn."""

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
    """The offer of one kind of coupon. It is immutable: each change returns a new one.

    `version` is 0 until it is stored, and rises with each change by an operator. Its `ClaimAuthority` counts the
    claims, so that a rush of claims and an operator do not block each other.
    """

    id: int
    terms: Terms
    created_at: datetime
    status: TemplateStatus = TemplateStatus.DRAFT
    version: int = 0

    def publish(self, *, version: int) -> Self:
        """Return the published template. Raises `TemplateHasChanged`, `TemplateNotDraft`."""
        self._check_version(version)
        if self.status is not TemplateStatus.DRAFT:
            raise TemplateNotDraft(self.id, self.status.value)
        return replace(self, status=TemplateStatus.PUBLISHED)

    def withdraw(self, *, version: int) -> Self:
        """End the claims; claimed coupons stay valid. Raises `TemplateHasChanged`, `TemplateNotPublished`."""
        self._check_version(version)
        self._check_published()
        return replace(self, status=TemplateStatus.WITHDRAWN)

    def open_to_claims(self, now: datetime) -> None:
        """Raise `TemplateNotPublished`, `ClaimsNotYetOpen` or `ClaimsOver` if nothing can be claimed now."""
        self._check_published()
        if now < self.terms.claims_from:
            raise ClaimsNotYetOpen(self.id, self.terms.claims_from)
        if now >= self.terms.coupon.valid_until:
            raise ClaimsOver(self.id, self.terms.coupon.valid_until)

    def visible(self, *, to_operator: bool) -> bool:
        return to_operator or self.status is not TemplateStatus.DRAFT

    def stored(self) -> Self:
        """Return the template as stored: one version later."""
        return replace(self, version=self.version + 1)

    def _check_version(self, version: int) -> None:
        if version != self.version:
            raise TemplateHasChanged(self.id, version)

    def _check_published(self) -> None:
        if self.status is not TemplateStatus.PUBLISHED:
            raise TemplateNotPublished(self.id, self.status.value)
