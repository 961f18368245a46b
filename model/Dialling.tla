------------------------------ MODULE Dialling ------------------------------
(***************************************************************************)
(* One business's campaign: claim, send, crash, freeze, late delivery,     *)
(* settle, takeover, cancel. What is modelled and what is left out stands  *)
(* in docs/model.md.                                                       *)
(*                                                                         *)
(* Time is counted in ticks. A row carries what is left of its waits, not  *)
(* dates, so there are finitely many states however long a run goes on.    *)
(*                                                                         *)
(* Freezing is not a step: no process is ever obliged to take its next     *)
(* step, so each may stand still anywhere, for any number of ticks. A dead *)
(* process is one that has forgotten what it had in hand (Crash) and       *)
(* stands still; started again, it goes on.                                *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets, TLC

CONSTANTS
    Dispatchers, Jobs,
    Slots,              \* how many calls the business may have at once
    Rows,               \* call rows of one job that may still have an effect at once
    SendWithin,         \* SEND_WITHIN: a create may be written for so long after its claim
    DialTimeout,        \* DIAL_TIMEOUT: what is written arrives within it or never, its answer likewise
    AbsentAfter,        \* ABSENT_AFTER
    Delay,              \* the longest from a request's arrival at the provider until it is carried out
    Lag,                \* the longest from then on until every list shows the call
    ListErrs,           \* one list may miss a call that lists showed before
    BoundKept,          \* whether the provider does what the promise rests on
    \* What the design does. A variant sets one of these otherwise.
    BusinessLock,       \* a claim counts and writes under the business's lock
    SlotConstraint,     \* no two live rows of a business have one slot number
    DeadlineCheck,      \* nothing is written after the process's own limit
    Denials,            \* how many looks must find nothing before a job may be dialled again
    EachRipe,           \* only looks past ABSENT_AFTER deny; FALSE: the last one must be, an earlier one may be early
    JudgedByLook,       \* a denial counts from when the look was taken, not from when it was told
    OwnerHandsBack,     \* only the process that claimed a call hands it back as never sent
    NeverAdopted,       \* a claimed row stays with the process that claimed it, whoever has the lease
    Leased,             \* only who believes to hold the lease claims; FALSE: whoever lives
    ReaperSettles,      \* a call without an answer is looked up
    CancelWaits,        \* a cancel is answered when no claimed call can be sent any more
    RedialWhenAbsent    \* on_uncertain: redial_when_absent; FALSE is `never`

(* What the promise rests on: what is written arrives within DIAL_TIMEOUT or *)
(* never (TCP_USER_TIMEOUT, abortive close); from there on ABSENT_AFTER lasts *)
(* longer than the provider takes to carry a request out and to show the call *)
(* in every list. Only a configuration that says so leaves it out.            *)
ASSUME BoundKept => Delay + Lag <= AbsentAfter /\ ~ListErrs

VARIABLES
    job,        \* job -> its status and the row that speaks for it (0: none); dial_lock_token in the database
    row,        \* job -> number -> call row, with what its owner, the wire and the provider have of it
    cancel,     \* of the run: "no", "requested", "answered"
    believes,   \* who takes themselves for the holder of the lease
    seen,       \* claims under way without the lock: dispatcher -> the free slots that it saw
    sentTwice   \* whether ever a second create was written for one row

vars == <<job, row, cancel, believes, seen, sentTwice>>

-----------------------------------------------------------------------------
(* Call rows *)

Nobody == "nobody"
Overdue == SendWithin + DialTimeout     \* the moment after which a row without an answer is uncertain
Ripe == Overdue + AbsentAfter           \* a look taken now may be the one that gives the call up

Fresh == [
    st |-> "none",      \* none, dialing, uncertain, accepted, ended, abandoned
    slot |-> 0,         \* 0 where the lock makes it follow
    age |-> 0,          \* ticks since the claim, up to Ripe; counts while dialing or uncertain
    denied |-> "no",    \* the first denial: "no", "now", "before" (SETTLE_AFTER, one tick, is over)
    look |-> "none",    \* a look that found nothing and is still to be told: "early", "ripe"
    seen |-> FALSE,     \* where lists may err: one has erred about it, or its sid is known
    surfaced |-> FALSE, \* it was given up, and exists after all: it is to be hung up
    owner |-> Nobody,   \* the process that claimed it, as long as that has it in hand
    hand |-> "gone",    \* what that has: "unsent", "sent" (its answer is awaited), "gone"
    limit |-> 0,        \* what is left of the time in which that may write
    wire |-> "none",    \* none, flying, lost (or refused: never to be carried out), live, over
    timer |-> 0         \* flying: what is left until it is lost; live, over: until every list shows it
    ]

Ids == Jobs \X (1..Rows)
R(i) == row[i[1]][i[2]]

LiveStates == {"dialing", "uncertain", "accepted"}
Live(r) == r.st \in LiveStates                  \* ended_at IS NULL: it holds a slot
CarriedOut(r) == r.wire \in {"live", "over"}    \* the provider made a call of it

InUse == {i \in Ids : R(i) /= Fresh}
LiveIds == {i \in Ids : Live(R(i))}
FreeSlots == (1..Slots) \ {R(i).slot : i \in LiveIds}

MaySend(r) == r.hand = "unsent" /\ (DeadlineCheck => r.limit > 0)

(* What can have no effect any more is forgotten, so that states that differ *)
(* in it alone are one: an answer that will be overtaken, a request that is  *)
(* lost and that nobody waits for, the waits of a call that every list shows,  *)
(* and a given-up row that neither its owner nor the provider can bring back. *)
(* So a job may be dialled any number of times.                              *)
Trim(r) ==
    LET idle == r.hand = "sent" /\ r.st \in {"accepted", "ended"}
        unheld == IF idle THEN [r EXCEPT !.hand = "gone", !.owner = Nobody] ELSE r
    IN  IF r.st = "abandoned" /\ ~MaySend(r) /\ r.wire \in {"none", "lost"} THEN Fresh
        ELSE IF r.st = "uncertain" /\ CarriedOut(r) /\ r.timer = 0 /\ r.look = "none" /\ r.seen = ListErrs
        THEN [unheld EXCEPT !.age = Ripe, !.denied = "no"]
        ELSE IF unheld.hand = "gone" /\ r.wire = "lost" THEN [unheld EXCEPT !.wire = "none"]
        ELSE unheld

Closed(r, st) == [r EXCEPT !.st = st, !.slot = 0, !.age = 0, !.denied = "no", !.look = "none"]

OutOfHand(r) == [r EXCEPT !.hand = "gone", !.owner = Nobody, !.limit = 0]

Put(i, r) == row' = [row EXCEPT ![i[1]][i[2]] = Trim(r)]

Over(j) == job[j].st \in {"done", "closed"}
Speaks(i) == job[i[1]].token = i[2]
SetJob(j, st, token) == job' = [job EXCEPT ![j] = [st |-> st, token |-> token]]

-----------------------------------------------------------------------------
(* The lease: it says who claims, and no decision about a call rests on it. *)

(* The holder is dead, or was silent for LEASE_SECONDS: frozen, cut off,    *)
(* slow. Whoever takes it cannot tell, and the other goes on believing      *)
(* until it comes to renew.                                                 *)
TakeLease(d) ==
    /\ Leased
    /\ d \notin believes
    /\ believes' = believes \union {d}
    /\ UNCHANGED <<job, row, cancel, seen, sentTwice>>

NoticeLoss(d) ==
    /\ Leased
    /\ d \in believes
    /\ believes /= {d}
    /\ believes' = believes \ {d}
    /\ UNCHANGED <<job, row, cancel, seen, sentTwice>>

(* Started again at once or ever so much later. A claim under way goes on   *)
(* in the database. What was written to the wire stays there.               *)
Crash(d) ==
    /\ (Leased /\ d \in believes) \/ \E i \in Ids : R(i).owner = d
    /\ believes' = IF Leased THEN believes \ {d} ELSE believes
    /\ row' = [j \in Jobs |-> [n \in 1..Rows |-> IF row[j][n].owner = d THEN Trim(OutOfHand(row[j][n])) ELSE row[j][n]]]
    /\ UNCHANGED <<job, cancel, seen, sentTwice>>

-----------------------------------------------------------------------------
(* The dispatcher *)

(* Only where the lock is missing: the count is read, and written upon later. *)
ClaimCount(d) ==
    /\ ~BusinessLock
    /\ d \in believes
    /\ seen[d] = {}
    /\ FreeSlots /= {}
    /\ seen' = [seen EXCEPT ![d] = FreeSlots]
    /\ UNCHANGED <<job, row, cancel, believes, sentTwice>>

Slot(d) == CHOOSE s \in seen[d] : \A t \in seen[d] : s <= t

(* The claim's commit. t0 was read before the statement left; `limit` is    *)
(* what the way to the database and the wait there left of SEND_WITHIN.     *)
(* The answer may still be lost: then the row is never sent. Under the lock  *)
(* the count is all: numbers that nobody holds follow from it, and are left *)
(* out.                                                                     *)
Claim(d, j, limit) ==
    LET unused == {n \in 1..Rows : row[j][n] = Fresh}
        n == CHOOSE m \in unused : \A o \in unused : m <= o
    IN  /\ BusinessLock => d \in believes
        /\ cancel = "no"
        /\ job[j].st = "queued"
        /\ unused /= {}
        /\ \A m \in 1..Rows : ~Live(row[j][m])
        /\ IF BusinessLock THEN Cardinality(LiveIds) < Slots ELSE seen[d] /= {}
        /\ SlotConstraint /\ ~BusinessLock => Slot(d) \in FreeSlots
        /\ Put(<<j, n>>, [Fresh EXCEPT !.st = "dialing", !.slot = IF BusinessLock THEN 0 ELSE Slot(d), !.owner = d, !.hand = "unsent",
                                      !.limit = limit])
        /\ SetJob(j, "busy", n)
        /\ seen' = [seen EXCEPT ![d] = {}]
        /\ UNCHANGED <<cancel, believes, sentTwice>>

(* A claim that a constraint or an empty queue stopped. *)
ClaimFails(d) ==
    /\ seen[d] /= {}
    /\ seen' = [seen EXCEPT ![d] = {}]
    /\ UNCHANGED <<job, row, cancel, believes, sentTwice>>

(* The only look at a clock is the process's own; it asks no database and   *)
(* no lease. The check and the first byte are one step: see docs/model.md.  *)
Send(i) ==
    LET r == R(i)
    IN  /\ MaySend(r)
        /\ sentTwice' = (sentTwice \/ r.wire /= "none")
        /\ Put(i, [r EXCEPT !.hand = "sent", !.limit = 0,
                            !.wire = IF CarriedOut(r) THEN @ ELSE "flying",
                            !.timer = IF CarriedOut(r) THEN @ ELSE DialTimeout + Delay])
        /\ UNCHANGED <<job, cancel, believes, seen>>

(* Where a job goes whose attempt is known not to be held by the provider. *)
GivenUp(i, sent) ==
    IF ~Speaks(i) \/ job[i[1]].st /= "busy" THEN UNCHANGED job
    ELSE IF cancel /= "no" \/ (sent /\ ~RedialWhenAbsent) THEN SetJob(i[1], "closed", 0)
    ELSE SetJob(i[1], "queued", 0)

(* The claim is handed back as never sent: too late to write, no connection, *)
(* or its answer was lost on the way and the owner has disowned it.          *)
HandBack(d, i) ==
    LET r == R(i)
        mine == r.owner = d /\ r.hand = "unsent"
        known == IF mine THEN OutOfHand(r) ELSE r
    IN  /\ mine \/ (~OwnerHandsBack /\ d \in believes /\ r.st = "dialing")
        /\ IF r.st \in {"dialing", "uncertain"}
           THEN Put(i, Closed(known, "abandoned")) /\ GivenUp(i, FALSE)
           ELSE Put(i, known) /\ UNCHANGED job
        /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

(* Only where rows are adopted: a successor goes on with what it finds claimed. *)
Adopt(d, i) ==
    /\ ~NeverAdopted
    /\ d \in believes
    /\ R(i).st = "dialing"
    /\ R(i).owner /= d
    /\ Put(i, [R(i) EXCEPT !.owner = d, !.hand = "unsent", !.limit = SendWithin])
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

-----------------------------------------------------------------------------
(* What becomes of a row when a call turns out to exist. *)

(* ringfence_surface_call: a call of a row that was given up exists. *)
Surface(i, r, over) ==
    /\ Put(i, [r EXCEPT !.surfaced = TRUE])
    /\ LET j == i[1] IN
        IF over /\ (job[j].st = "queued" \/ (job[j].st = "busy" /\ Speaks(i))) THEN SetJob(j, "done", i[2])
        ELSE IF ~over /\ job[j].st = "queued" THEN SetJob(j, "busy", i[2])
        ELSE UNCHANGED job

Accepted(r) == [r EXCEPT !.st = "accepted", !.age = 0, !.denied = "no", !.look = "none"]

Ends(i, r, status) ==
    /\ Put(i, Closed(r, "ended"))
    /\ IF Speaks(i) /\ job[i[1]].st = "busy" THEN SetJob(i[1], status, i[2]) ELSE UNCHANGED job

(* The provider's word with the token, or the sid that it answered: r is    *)
(* the row as whoever hears it leaves it.                                   *)
Heard(i, r, over) ==
    \/ r.st = "abandoned" /\ Surface(i, r, over)
    \/ r.st \in LiveStates /\ over /\ Ends(i, r, "done")
    \/ r.st \in LiveStates /\ ~over /\ Put(i, Accepted(r)) /\ UNCHANGED job
    \/ r.st = "ended" /\ Put(i, r) /\ UNCHANGED job

(* 201 with a sid, recorded now or ever so late. *)
AnswerAccepted(i) ==
    /\ R(i).hand = "sent"
    /\ CarriedOut(R(i))
    /\ Heard(i, OutOfHand(R(i)), FALSE)
    /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

(* A refusal of this number: the provider holds nothing. *)
AnswerRejected(i) ==
    /\ R(i).hand = "sent"
    /\ R(i).wire = "lost"
    /\ R(i).st \in {"dialing", "uncertain"}
    /\ Ends(i, OutOfHand(R(i)), "closed")
    /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

(* A refusal of the moment (429, a blocked account): the job goes back. *)
AnswerThrottled(i) ==
    /\ R(i).hand = "sent"
    /\ R(i).wire = "lost"
    /\ R(i).st \in {"dialing", "uncertain"}
    /\ Put(i, Closed(OutOfHand(R(i)), "abandoned"))
    /\ GivenUp(i, FALSE)
    /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

(* No answer, or none that says anything. *)
AnswerAmbiguous(i) ==
    /\ R(i).hand = "sent"
    /\ LET r == OutOfHand(R(i)) IN Put(i, IF r.st = "dialing" THEN [r EXCEPT !.st = "uncertain"] ELSE r)
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

-----------------------------------------------------------------------------
(* The provider *)

(* A wait of n ticks that begins within one touches n + 1 of them. *)
CarryOut(i) ==
    /\ R(i).wire = "flying"
    /\ Put(i, [R(i) EXCEPT !.wire = "live", !.timer = IF Lag = 0 THEN 0 ELSE Lag + 1])
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

LoseOrRefuse(i) ==
    /\ R(i).wire = "flying"
    /\ Put(i, [R(i) EXCEPT !.wire = "lost", !.timer = 0])
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

CallEnds(i) ==
    /\ R(i).wire = "live"
    /\ Put(i, [R(i) EXCEPT !.wire = "over"])
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

(* A callback may be delivered from the moment on at which what it says is  *)
(* so: at once, late, again, out of order, or never.                        *)
Callback(i, over) ==
    /\ R(i).wire \in IF over THEN {"over"} ELSE {"live", "over"}
    /\ Heard(i, R(i), over)
    /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

-----------------------------------------------------------------------------
(* The reaper: any number of them, each as slow as it likes. *)

MarkUncertain(i) ==
    /\ ReaperSettles
    /\ R(i).st = "dialing"
    /\ R(i).age >= Overdue
    /\ Put(i, [R(i) EXCEPT !.st = "uncertain"])
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

Counts(r) == r.age >= Ripe /\ (Denials = 1 \/ r.denied = "before")

(* A list that shows nothing, and later what it denies is told. *)
LookAbsent(i) ==
    LET r == R(i)
        errs == CarriedOut(r) /\ r.timer = 0
    IN  /\ ReaperSettles
        /\ r.st = "uncertain"
        /\ errs => ListErrs /\ ~r.seen
        /\ EachRipe => r.age >= Ripe
        /\ r.denied = "no" \/ Counts(r) \/ ~JudgedByLook
        /\ r.look = "none" \/ (r.look = "early" /\ Counts(r))
        /\ Put(i, [r EXCEPT !.look = IF Counts(r) THEN "ripe" ELSE "early", !.seen = errs \/ @])
        /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

TellAbsent(i) ==
    LET r == R(i)
        told == [r EXCEPT !.look = "none"]
    IN  /\ r.look /= "none"
        /\ IF r.look = "ripe" \/ (~JudgedByLook /\ Counts(r))
           THEN Put(i, Closed(told, "abandoned")) /\ GivenUp(i, TRUE)
           ELSE Put(i, IF r.denied = "no" THEN [told EXCEPT !.denied = "now"] ELSE told) /\ UNCHANGED job
        /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

(* A list that shows the call: a guess, which tells the end, and until then *)
(* lets no denial stand.                                                    *)
LookFound(i) ==
    LET r == R(i)
        known == [r EXCEPT !.denied = "no", !.look = "none", !.timer = 0, !.seen = ListErrs]
    IN  /\ ReaperSettles
        /\ r.st = "uncertain"
        /\ CarriedOut(r)
        /\ IF r.wire = "over" THEN Ends(i, r, "done")
           ELSE /\ r /= known
                /\ Put(i, known)
                /\ UNCHANGED job
        /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

(* By its own sid, for callbacks get lost. *)
Fetch(i) ==
    LET r == R(i)
    IN  /\ r.wire = "over"
        /\ \/ r.st = "accepted" /\ Ends(i, r, "done")
           \/ r.surfaced /\ job[i[1]].st \in {"queued", "busy"} /\ (job[i[1]].st = "busy" => Speaks(i)) /\ Surface(i, r, TRUE)
        /\ UNCHANGED <<cancel, believes, seen, sentTwice>>

HangUp(i) ==
    /\ R(i).surfaced
    /\ CallEnds(i)

-----------------------------------------------------------------------------
(* The API *)

Cancel ==
    /\ cancel = "no"
    /\ \E j \in Jobs : ~Over(j)
    /\ cancel' = "requested"
    /\ job' = [j \in Jobs |-> IF job[j].st = "queued" THEN [st |-> "closed", token |-> 0] ELSE job[j]]
    /\ UNCHANGED <<row, believes, seen, sentTwice>>

MayStillStart(r) == r.st = "dialing" /\ r.age < SendWithin

AnswerCancel ==
    /\ cancel = "requested"
    /\ CancelWaits => \A i \in Ids : ~MayStillStart(R(i))
    /\ cancel' = "answered"
    /\ UNCHANGED <<job, row, believes, seen, sentTwice>>

-----------------------------------------------------------------------------
(* Time *)

Aged(r) == Trim([r EXCEPT
    !.age = IF r.st \in {"dialing", "uncertain"} /\ @ < Ripe THEN @ + 1 ELSE @,
    !.denied = IF @ = "now" THEN "before" ELSE @,
    !.limit = IF @ > 0 THEN @ - 1 ELSE @,
    !.wire = IF @ = "flying" /\ r.timer = 0 THEN "lost" ELSE @,
    !.timer = IF @ > 0 THEN @ - 1 ELSE @])

Tick ==
    /\ \E i \in InUse : Aged(R(i)) /= R(i)
    /\ row' = [j \in Jobs |-> [n \in 1..Rows |-> IF row[j][n] = Fresh THEN Fresh ELSE Aged(row[j][n])]]
    /\ UNCHANGED <<job, cancel, believes, seen, sentTwice>>

-----------------------------------------------------------------------------

Init ==
    /\ job = [j \in Jobs |-> [st |-> "queued", token |-> 0]]
    /\ row = [j \in Jobs |-> [n \in 1..Rows |-> Fresh]]
    /\ cancel = "no"
    /\ believes = IF Leased THEN {} ELSE Dispatchers
    /\ seen = [d \in Dispatchers |-> {}]
    /\ sentTwice = FALSE

(* What happens although every callback and every answer is lost, as long   *)
(* as a dispatcher and a reaper live and calls end.                         *)
Progress ==
    \/ Tick
    \/ AnswerCancel
    \/ \E d \in Dispatchers : TakeLease(d) /\ believes = {}
    \/ \E d \in Dispatchers : ClaimCount(d) \/ ClaimFails(d) \/ \E j \in Jobs, limit \in 0..SendWithin : Claim(d, j, limit)
    \/ \E i \in InUse : CallEnds(i) \/ MarkUncertain(i) \/ LookAbsent(i) \/ TellAbsent(i) \/ LookFound(i) \/ Fetch(i)

Next ==
    \/ Progress
    \/ Cancel
    \/ \E d \in Dispatchers :
        \/ TakeLease(d) \/ NoticeLoss(d) \/ Crash(d)
        \/ \E i \in InUse : HandBack(d, i) \/ Adopt(d, i)
    \/ \E i \in InUse :
        \/ Send(i) \/ AnswerAccepted(i) \/ AnswerRejected(i) \/ AnswerThrottled(i) \/ AnswerAmbiguous(i)
        \/ CarryOut(i) \/ LoseOrRefuse(i) \/ HangUp(i)
        \/ \E over \in BOOLEAN : Callback(i, over)

Spec == Init /\ [][Next]_vars

Symmetry == Permutations(Dispatchers) \union Permutations(Jobs)

-----------------------------------------------------------------------------
(* The promise *)

TypeOK ==
    /\ job \in [Jobs -> [st : {"queued", "busy", "done", "closed"}, token : 0..Rows]]
    /\ cancel \in {"no", "requested", "answered"}
    /\ believes \subseteq Dispatchers
    /\ \A i \in Ids : R(i) \in [
        st : LiveStates \union {"none", "ended", "abandoned"}, slot : 0..Slots, age : 0..Ripe,
        denied : {"no", "now", "before"}, look : {"none", "early", "ripe"}, seen : BOOLEAN, surfaced : BOOLEAN,
        owner : Dispatchers \union {Nobody}, hand : {"unsent", "sent", "gone"}, limit : 0..SendWithin,
        wire : {"none", "flying", "lost", "live", "over"}, timer : 0..(DialTimeout + Delay + Lag + 1)]

OneCreatePerRow == ~sentTwice

NobodyRungTwice == \A j \in Jobs : Cardinality({n \in 1..Rows : CarriedOut(row[j][n])}) <= 1

OneLiveCallPerJob == \A j \in Jobs : Cardinality({n \in 1..Rows : row[j][n].wire = "live"}) <= 1

SlotsNeverExceeded == Cardinality({i \in Ids : R(i).wire = "live"}) <= Slots

(* Whoever asked for the cancel has its answer, and nothing can be sent. *)
NoCreateAfterCancelAnswered == cancel = "answered" => \A i \in Ids : ~MaySend(R(i))

AtRest == ~ENABLED Progress

(* A queued job at rest waits for a frozen process to let go of its row. *)
NoJobForgotten ==
    (\A j \in Jobs : Over(j) \/ (job[j].st = "queued" /\ cancel = "no" /\ \A n \in 1..Rows : row[j][n] /= Fresh)) \/ ~AtRest

NoSlotLeaked == LiveIds = {} \/ ~AtRest

(* What the provider carried out has ended its job, by its own row. *)
EveryCallKnown ==
    (\A i \in Ids : CarriedOut(R(i)) => R(i).st = "ended" /\ job[i[1]] = [st |-> "done", token |-> i[2]]) \/ ~AtRest
-----------------------------------------------------------------------------
(* What the model is about does happen in it: each of these must be broken. *)

NeverAtRest == ~AtRest
NeverGivenUp == \A i \in Ids : R(i).look /= "ripe"
NeverTwoAtWork == \A i, k \in Ids : MaySend(R(i)) /\ MaySend(R(k)) => R(i).owner = R(k).owner
NeverThawedTooLate == \A i \in Ids : R(i).st = "uncertain" => R(i).hand /= "unsent"
NeverLiveWhenCancelAnswered == cancel = "answered" => \A i \in Ids : R(i).wire /= "live"
NeverSurfaced == \A i \in Ids : ~R(i).surfaced
=============================================================================
