"""What answers, callbacks and looks change in the model, each with the word that the statement should answer."""

from __future__ import annotations

from tests.integration.machine.model import Model
from tests.integration.machine.nouns import ABSENT_AFTER, NEVER_SENT, REFUSED, RETRY_AFTER, SETTLE_AFTER, Account, Call
from tests.integration.machine.provider import Callback


def note_account(model: Model, account: Account, klass: str, created: float) -> str | None:
    """Open, keep or close the account's breaker; every pause is RETRY_AFTER, which the answers ask for."""
    if klass == "deadline":
        return None
    before_block = account.blocked is not None and account.blocked_since > created
    if klass in ("accepted", *REFUSED):
        if before_block or not (account.blocked or account.ambiguous or account.refusals):
            return None
        closed = account.blocked is not None
        account.blocked, account.refusals, account.ambiguous = None, 0, 0
        return "closed" if closed else None
    if klass == "ambiguous" and account.blocked is None and account.ambiguous < 2:
        account.ambiguous += 1
        return None
    if before_block:
        return None
    opened = account.blocked is None
    account.blocked_since = model.now if opened else account.blocked_since
    account.blocked, account.retry_at = klass, model.now + RETRY_AFTER
    account.refusals += 1
    account.ambiguous = account.ambiguous + 1 if klass == "ambiguous" else 0
    return "opened" if opened else None


def record_dial(model: Model, call: Call, klass: str, sid: str | None) -> tuple[str, str | None, str | None]:
    """Record an answer: the result, how the run ended, and what became of the breaker."""
    model.tick()
    run, ended = call.job.run, None
    change = note_account(model, run.business.account, klass, call.created)
    if klass == "accepted" and sid is not None:
        result = _accepted(model, call, sid)
    elif not call.live or call.state not in ("dialing", "uncertain"):
        result = "overtaken"
    elif klass == "ambiguous":
        call.state, call.unsure_why, call.job.dialed = "uncertain", klass, True
        result = "uncertain"
    elif klass in REFUSED:
        model.close_call(call, "ended", "rejected", "answer")
        result = "rejected"
        if klass == "run_refused" and not run.cancel_requested:
            was_over = model.end_run(run, "failed", f"twilio:{klass}", "failed", "not_dialed") is None
            ended = None if was_over else "failed"
    else:
        back = model.return_job(call, sent=False, how=klass)
        call.unsure_why = klass if klass not in NEVER_SENT else call.unsure_why
        result = f"returned_{back or 'nowhere'}"
    return result, ended or model.finish_run(run), change


def _accepted(model: Model, call: Call, sid: str) -> str:
    had = call.sid
    was_uncertain = call.state == "uncertain"
    bound = model.learn_sid(call, sid)
    if bound == "second":
        return "second_sid" if second_sid(model, call, sid, over=False) else "repeat"
    if bound == "foreign":
        moved = call.state == "dialing"
        if moved:
            call.state, call.unsure_why = "uncertain", "foreign_sid"
        call.job.dialed = True
        return "uncertain" if moved else "overtaken"
    if not call.live and (call.state == "abandoned" or had is None or (call.how == "list" and had != sid)):
        return "surfaced" if model.surface(call, sid, None) else "repeat"
    if call.state in ("dialing", "uncertain"):
        call.state = "accepted"
    call.watched = call.live
    if call.job.owner is call and call.job.status == "dialing":
        call.job.status = "in_progress"
    call.job.dialed = True
    return "settled" if was_uncertain else "accepted"


def second_sid(model: Model, call: Call, sid: str, *, over: bool) -> bool:
    """Note a second call for one token, to be hung up. Whether it is news; its row's id is learnt from the database."""
    known = next((other for other in model.calls if other.sid == sid), None)
    if known is None:
        known = Call(0, call.job, call.token, call.created, 0, "ended", "duplicate", sid, how="duplicate",
                     watched=False,
                     hangup_requested=True, wants_hangup=not over, hung_up=over, duplicate_of=call)  # fmt: skip
        model.calls.append(known)
        return True
    if over and known.duplicate_of is call:
        known.wants_hangup, known.hung_up = False, True
    return False


def record_callback(model: Model, heard: Callback) -> tuple[str, str | None]:
    """Record a callback: the result, and how the run ended."""
    model.tick()
    call, sid, over = heard.row, heard.sid, heard.rank == 4
    key = (call.id, sid, heard.event, heard.sequence)
    if key in model.heard:
        return "repeat", None
    model.heard.add(key)
    result = _hear(model, call, sid, heard)
    return result, model.finish_run(call.job.run) if over else None


def _hear(model: Model, call: Call, sid: str, heard: Callback) -> str:
    over, had = heard.rank == 4, call.sid
    bound = model.learn_sid(call, sid)
    if bound == "foreign":
        return "foreign_sid"
    if bound == "second":
        return "second_sid" if second_sid(model, call, sid, over=over) else "recorded"
    if call.live:
        _hear_live(model, call, heard)
        return "recorded"
    if call.how == "list" and heard.outcome is not None:
        model.amend(call, heard.outcome, heard.sequence)
        return "amended"
    if call.state == "abandoned" or had is None or call.surfaced or (call.how == "list" and had != sid):
        return "surfaced" if model.surface(call, sid, heard.outcome) else "recorded"
    if heard.outcome is not None and heard.outcome != call.outcome:
        if call.how == "callback" and call.sequence is not None and heard.sequence > call.sequence:
            model.amend(call, heard.outcome, heard.sequence)
        return "other_end"
    return "late"


def _hear_live(model: Model, call: Call, heard: Callback) -> None:
    first = call.state in ("dialing", "uncertain")
    if heard.rank == 3:
        call.state = "answered"
    elif heard.rank == 2 and call.state != "answered":
        call.state = "ringing"
    elif first:
        call.state = "accepted"
    call.watched, call.unsure_why = True, None if first else call.unsure_why
    call.sequence = heard.sequence if heard.rank == 4 else max(call.sequence or 0, heard.sequence)
    if call.job.owner is call and call.job.status == "dialing":
        call.job.status = "in_progress"
    if heard.outcome is not None:
        model.close_call(call, "ended", heard.outcome, "callback")
    elif first:
        call.job.dialed = True


def settle(
    model: Model, call: Call, finding: str, sid: str | None, rank: int | None, outcome: str | None, looked_at: float
) -> tuple[str | None, str | None, str | None]:
    """Apply a finding: the result, how the run ended, and where the job went."""
    now = model.tick()
    result: str | None = None
    went: str | None = None
    if finding == "expired":
        result = _expire(model, call) if call.expires <= now else None
    elif finding == "hand":
        if call.state == "uncertain" or (call.state == "dialing" and call.answer_due < now):
            model.close_call(call, "abandoned", "uncertain", "hand")
            result = "hand"
    elif finding == "absent" and call.state == "uncertain" and call.sid is None:
        if call.denied is None:
            call.denied, call.denials = now, 1
        elif looked_at >= call.denied + SETTLE_AFTER and looked_at >= call.answer_due + ABSENT_AFTER:
            call.denials = 2
            went = model.return_job(call, sent=True, how="absent")
            result = "absent"
    elif finding == "several" and call.state == "uncertain":
        call.denied = None
    elif finding == "guess" and call.state == "uncertain" and sid is not None:
        result = _guess(model, call, sid, outcome)
    elif finding == "status" and call.sid == sid and sid is not None:
        result = _status(model, call, sid, rank, outcome)
    return result, model.finish_run(call.job.run), went


def _expire(model: Model, call: Call) -> str | None:
    if call.live:
        model.close_call(call, "abandoned", "uncertain", "expired")
        return "expired"
    call.watched = call.wants_hangup = False
    if call.job.status == "in_progress" and call.job.owner is call:
        model.end_job(call.job, "uncertain")
    return None


def _guess(model: Model, call: Call, sid: str, outcome: str | None) -> str | None:
    result = None
    if call.sid is None and all(other.sid != sid for other in model.calls):
        call.sid, call.guess, call.denied = sid, True, None
        result = "guessed"
    if call.sid == sid and call.guess and outcome is not None:
        model.close_call(call, "ended", outcome, "list")
        result = "list"
    return result


def _status(model: Model, call: Call, sid: str, rank: int | None, outcome: str | None) -> str | None:
    if call.live and outcome is not None:
        how = "list" if call.guess else "fetch"
        model.close_call(call, "ended", outcome, how)
        return how
    if call.live and not call.guess:
        if rank == 3:
            call.state = "answered"
        elif rank == 2 and call.state == "accepted":
            call.state = "ringing"
    elif not call.live and outcome is not None and call.surfaced and call.watched:
        if call.how == "list":
            model.amend(call, outcome, None, "fetch")
        model.surface(call, sid, outcome)
        return "fetch"
    return None
