"""Templates and their desks in SQL."""

from collections.abc import Sequence
from datetime import datetime

from aether_adapters.sql import Outbox, update_versioned
from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from aether_promotion.adapters.events import outgoing
from aether_promotion.adapters.sql_rows import DESKS_MAPPING, TEMPLATES_MAPPING
from aether_promotion.adapters.tables import DESKS, OUTBOX, TEMPLATES
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.errors import TemplateHasChanged, TemplateNotFound
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import TemplateStatus


class SqlTemplates:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, template: Template, /) -> Template:
        stored = template.stored()
        try:
            self._connection.execute(insert(TEMPLATES), TEMPLATES_MAPPING.to_row(stored))
        except IntegrityError:
            raise TemplateHasChanged(template.id, template.version) from None
        return stored

    def get(self, template_id: int, /) -> Template:
        row = self._connection.execute(select(TEMPLATES).where(TEMPLATES.c.id == template_id)).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return TEMPLATES_MAPPING.from_row(row)

    def save(self, template: Template, /) -> Template:
        stored = template.stored()
        update_versioned(
            self._connection,
            TEMPLATES,
            TEMPLATES_MAPPING.to_row(stored),
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
        return tuple(map(TEMPLATES_MAPPING.from_row, rows))


class SqlClaimAuthorities:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def add(self, authority: ClaimAuthority, /) -> None:
        self._connection.execute(insert(DESKS), DESKS_MAPPING.to_row(authority))

    def get(self, template_id: int, /) -> ClaimAuthority:
        row = self._connection.execute(select(DESKS).where(DESKS.c.template_id == template_id)).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return DESKS_MAPPING.from_row(row)

    def lock(self, template_id: int, /) -> ClaimAuthority:
        # SQLite needs no lock of the row: a unit of work that writes has the whole database.
        wanted = select(DESKS).where(DESKS.c.template_id == template_id).with_for_update()
        row = self._connection.execute(wanted).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return DESKS_MAPPING.from_row(row)

    def save(self, authority: ClaimAuthority, /) -> ClaimAuthority:
        row = DESKS_MAPPING.to_row(authority)
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
        return tuple(map(DESKS_MAPPING.from_row, self._connection.execute(wanted)))
