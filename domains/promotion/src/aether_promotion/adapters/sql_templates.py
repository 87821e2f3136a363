"""Templates and their desks in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aether_adapters.sql import Outbox, update_versioned
from sqlalchemy import Connection, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from aether_promotion.adapters.events import outgoing
from aether_promotion.adapters.sql_rows import coupon_terms, coupon_terms_row
from aether_promotion.adapters.tables import DESKS, OUTBOX, TEMPLATES
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.errors import TemplateHasChanged, TemplateNotFound
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import TemplateStatus, Terms


class SqlTemplates:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, template: Template, /) -> Template:
        stored = template.stored()
        try:
            self._connection.execute(insert(TEMPLATES), _template_row(stored))
        except IntegrityError:
            raise TemplateHasChanged(template.id, template.version) from None
        return stored

    def get(self, template_id: int, /) -> Template:
        row = self._connection.execute(select(TEMPLATES).where(TEMPLATES.c.id == template_id)).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return _template(row)

    def save(self, template: Template, /) -> Template:
        stored = template.stored()
        update_versioned(
            self._connection,
            TEMPLATES,
            _template_row(stored),
            loaded=template.version,
            conflict=lambda: TemplateHasChanged(template.id, template.version),
        )
        return stored

    def page(
        self, *, statuses: Sequence[TemplateStatus], before: int | None, limit: int
    ) -> tuple[Template, ...]:
        wanted = select(TEMPLATES).where(TEMPLATES.c.status.in_([status.value for status in statuses]))
        if before is not None:
            wanted = wanted.where(TEMPLATES.c.id < before)
        rows = self._connection.execute(wanted.order_by(TEMPLATES.c.id.desc()).limit(limit))
        return tuple(_template(row) for row in rows)


class SqlClaimAuthorities:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def add(self, authority: ClaimAuthority, /) -> None:
        self._connection.execute(insert(DESKS), _authority_row(authority))

    def get(self, template_id: int, /) -> ClaimAuthority:
        row = self._connection.execute(select(DESKS).where(DESKS.c.template_id == template_id)).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return _authority(row)

    def lock(self, template_id: int, /) -> ClaimAuthority:
        # SQLite needs no lock of the row: a unit of work that writes has the whole database.
        wanted = select(DESKS).where(DESKS.c.template_id == template_id).with_for_update()
        row = self._connection.execute(wanted).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return _authority(row)

    def save(self, authority: ClaimAuthority, /) -> ClaimAuthority:
        row = _authority_row(authority)
        self._connection.execute(update(DESKS).where(DESKS.c.template_id == row.pop("template_id")), row)
        # After the row is written: its lock keeps what is told of one template in its order.
        self._outbox.add(*(outgoing(event) for event in authority.events))
        return authority.stored()

    def take(self, template_id: int, /) -> ClaimAuthority:
        authority = self.get(template_id)
        if authority.gives:
            # What counts is what it says under its lock; a crowd that is refused above does not queue for it.
            authority = self.lock(template_id)
        if authority.gives:
            counted = update(DESKS).where(DESKS.c.template_id == template_id)
            self._connection.execute(counted.values(claimed=DESKS.c.claimed + 1))
        return authority

    def to_keep(self, now: datetime, /) -> tuple[ClaimAuthority, ...]:
        offered = and_(TEMPLATES.c.status == TemplateStatus.PUBLISHED.value, TEMPLATES.c.valid_until > now)
        wanted = (
            select(DESKS)
            .join(TEMPLATES, TEMPLATES.c.id == DESKS.c.template_id)
            .where(or_(offered, DESKS.c.decides != Decides.SQL.value))
            .order_by(DESKS.c.template_id)
        )
        return tuple(_authority(row) for row in self._connection.execute(wanted))


def _template_row(template: Template) -> dict[str, object]:
    terms = template.terms
    return {
        "id": template.id,
        **coupon_terms_row(terms.coupon),
        "quota": terms.quota,
        "limit_per_user": terms.limit_per_user,
        "claims_from": terms.claims_from,
        "created_at": template.created_at,
        "status": template.status.value,
        "version": template.version,
    }


def _template(row: Row[Any]) -> Template:
    return Template(
        id=row.id,
        terms=Terms(
            coupon=coupon_terms(row),
            quota=row.quota,
            limit_per_user=row.limit_per_user,
            claims_from=row.claims_from,
        ),
        created_at=row.created_at,
        status=TemplateStatus(row.status),
        version=row.version,
    )


def _authority_row(authority: ClaimAuthority) -> dict[str, object]:
    return {
        "template_id": authority.template_id,
        "quota": authority.quota,
        "claimed": authority.claimed,
        "generation": authority.generation,
        "decides": authority.decides.value,
        "server": authority.server,
        "since": authority.since,
    }


def _authority(row: Row[Any]) -> ClaimAuthority:
    return ClaimAuthority(
        template_id=row.template_id,
        quota=row.quota,
        claimed=row.claimed,
        generation=row.generation,
        decides=Decides(row.decides),
        server=row.server,
        since=row.since,
    )
