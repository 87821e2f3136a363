"""Templates and their claim authorities in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aether_adapters.sql import Outbox, insert_into, select_by, update_versioned
from sqlalchemy import Connection, and_, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError

from aether_promotion.adapters.events import outgoing
from aether_promotion.adapters.sql_rows import CLAIM_AUTHORITIES_MAPPING, TEMPLATES_MAPPING
from aether_promotion.adapters.tables import CLAIM_AUTHORITIES, OUTBOX, TEMPLATES
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.errors import TemplateHasChanged, TemplateNotFound
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import TemplateStatus

_SAVE: Final = update(CLAIM_AUTHORITIES).where(
    CLAIM_AUTHORITIES.c.template_id == bindparam("its_template_id")
)
_COUNT: Final = _SAVE.values(claimed=CLAIM_AUTHORITIES.c.claimed + 1)


class SqlTemplates:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, template: Template, /) -> Template:
        stored = template.stored()
        try:
            self._connection.execute(insert_into(TEMPLATES), TEMPLATES_MAPPING.to_row(stored))
        except IntegrityError:
            raise TemplateHasChanged(template.id, template.version) from None
        return stored

    def get(self, template_id: int, /) -> Template:
        row = self._connection.execute(select_by(TEMPLATES, "id"), {"id": template_id}).one_or_none()
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
        self._connection.execute(insert_into(CLAIM_AUTHORITIES), CLAIM_AUTHORITIES_MAPPING.to_row(authority))

    def get(self, template_id: int, /) -> ClaimAuthority:
        return self._one(template_id, lock=False)

    def lock(self, template_id: int, /) -> ClaimAuthority:
        return self._one(template_id, lock=True)

    def save(self, authority: ClaimAuthority, /) -> ClaimAuthority:
        row = CLAIM_AUTHORITIES_MAPPING.to_row(authority)
        row["its_template_id"] = row.pop("template_id")
        self._connection.execute(_SAVE, row)
        # After the row is written, because its lock keeps the events of one template in order.
        self._outbox.add(*(outgoing(event) for event in authority.events))
        return authority.stored()

    def take(self, template_id: int, /) -> ClaimAuthority:
        authority = self.get(template_id)
        if authority.gives:
            # Decide again under the lock. Requests that were refused above do not queue for it.
            authority = self.lock(template_id)
        if authority.gives:
            self._connection.execute(_COUNT, {"its_template_id": template_id})
        return authority

    def _one(self, template_id: int, *, lock: bool) -> ClaimAuthority:
        wanted = select_by(CLAIM_AUTHORITIES, "template_id", lock=lock)
        row = self._connection.execute(wanted, {"template_id": template_id}).one_or_none()
        if row is None:
            raise TemplateNotFound(template_id)
        return CLAIM_AUTHORITIES_MAPPING.from_row(row)

    def to_keep(self, now: datetime, /) -> tuple[ClaimAuthority, ...]:
        offered = and_(TEMPLATES.c.status == TemplateStatus.PUBLISHED.value, TEMPLATES.c.valid_until > now)
        wanted = (
            select(CLAIM_AUTHORITIES)
            .join(TEMPLATES, TEMPLATES.c.id == CLAIM_AUTHORITIES.c.template_id)
            .where(or_(offered, CLAIM_AUTHORITIES.c.decides != Decides.SQL.value))
            .order_by(CLAIM_AUTHORITIES.c.template_id)
        )
        return tuple(map(CLAIM_AUTHORITIES_MAPPING.from_row, self._connection.execute(wanted)))
