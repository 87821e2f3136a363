from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import (
    Allowance,
    AlreadyReserved,
    Clock,
    CounterAway,
    StockCounter,
    Taken,
    Transactions,
    UnitOfWork,
)
from aether_promotion.application.views import reservation_view
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.errors import ActivityOver, Conflict, NotFound, StockGone


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve(port.Reserve):
    """Reserves seats. Redis rejects most requests of a rush; SQL decides the rest.

    So no seat is sold twice, whatever Redis has lost. `KeepStock` frees a seat that Redis wrongly counts as taken.
    """

    transactions: Transactions
    counter: StockCounter
    allowance: Allowance
    clock: Clock

    def __call__(self, request: types.ReserveRequest, /) -> types.Reservation:
        wanted = Reservation.take(
            order_id=request.order_id,
            activity_id=request.activity_id,
            buyer=request.buyer,
            quantity=request.quantity,
            expires_at=request.expires_at,
            now=self.clock.now(),
        )
        taken = self._take_from_counter(wanted)
        match taken:
            case Taken.GONE:
                raise StockGone(wanted.activity_id, wanted.quantity)
            case Taken.EARLY | Taken.OVER:
                self._check_window(wanted.activity_id)
                # The counter is wrong: its clock differs, or an operator changed the sale after it was loaded.
                taken = Taken.COLD
                self.allowance.take()
            case Taken.COLD:
                self.allowance.take()
        try:
            return reservation_view(self._decide(wanted))
        except (Conflict, NotFound) as refused:
            self._correct(wanted, taken, refused)
            raise

    def _take_from_counter(self, wanted: Reservation) -> Taken:
        try:
            taken = self.counter.take(wanted.activity_id, wanted.order_id, wanted.quantity)
            if taken is Taken.COLD:
                self._warm_up(wanted.activity_id)
                taken = self.counter.take(wanted.activity_id, wanted.order_id, wanted.quantity)
        except CounterAway:
            taken = Taken.COLD
        return taken

    def _warm_up(self, activity_id: int) -> None:
        self.allowance.take()
        now = self.clock.now()
        activity, held = self.transactions.read(lambda unit: _state(unit, activity_id))
        activity.running(now)
        self.counter.load(activity, held)

    def _decide(self, wanted: Reservation) -> Reservation:
        now = self.clock.now()
        try:
            return self.transactions.run(lambda unit: unit.reservations.take(wanted, now))
        except (AlreadyReserved, StockGone, ActivityOver):
            earlier = self.transactions.read(
                lambda unit: unit.reservations.get(wanted.order_id, wanted.activity_id)
            )
            if earlier is None:
                raise
            return earlier.asked_again(wanted)

    def _correct(self, wanted: Reservation, taken: Taken, refused: Exception) -> None:
        try:
            if taken is Taken.NEW:
                self.counter.give_back(wanted.activity_id, wanted.order_id)
            if isinstance(refused, StockGone | ActivityOver) and taken is not Taken.COLD:
                self.counter.load(*self.transactions.read(lambda unit: _state(unit, wanted.activity_id)))
        except CounterAway:
            return  # `KeepStock` corrects it once it is back

    def _check_window(self, activity_id: int) -> None:
        """Raise `ActivityNotStarted` or `ActivityOver` according to SQL; the counter may hold another window."""
        activity = self.transactions.read(lambda unit: unit.activities.get(activity_id))
        activity.running(self.clock.now())


def _state(unit: UnitOfWork, activity_id: int) -> tuple[Activity, tuple[Reservation, ...]]:
    return unit.activities.get(activity_id), unit.reservations.held(activity_id)
