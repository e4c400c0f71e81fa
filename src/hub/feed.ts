/**
 * The order of one logged channel on this node: what to deliver, what to hold, what to fetch, when to reset.
 * Pure: no timer, no socket, no log. It takes what happens and returns decisions.
 *
 *            start(head)             receive: a hole, another epoch; check: another head
 *  (starting) ─────────▶ (following) ─────────────────────────────────▶ (fetching)
 *                             ▲   filled: nothing is missing any more       │ ▲
 *                             └─────────────────────────────────────────────┘ │ filled: more is missing
 *                                                                     fetch ──┘ failed: `retry` asks again
 *
 * It keeps (test/property/feed.property.test.ts):
 *  F1 within an epoch, messages are delivered in the order of their offsets, each at most once
 *  F2 a message that continues the position is delivered at once, also while a hole before others is being fetched
 *  F3 between two messages delivered one after the other nothing of the log is missing, unless a reset lies between them
 *  F4 a hole that the log cannot fill becomes one reset; its position is the log's head, and delivery goes on after it
 *  F5 at most `heldMax` messages are held, and beside the first no more than a tail may have, nor than the node has room
 *     for; what does not fit is read from the log later
 *  F6 once a fetch started after the last loss has been answered, the position is at the log's head
 *  F7 a message of another epoch that the log does not know, and that no reset told so far can have covered, makes the feed
 *     leave its epoch: somebody has accepted it in a log that is not this one (two primaries of Redis, for a while), so
 *     everybody has to fetch his state once more, also who comes later
 */
import type { LogRange } from '../replay/replay-log.ts'
import { Encoded } from '../protocol/encoded.ts'
import type { Position, ResetReason } from '../protocol/position.ts'
import type { LoggedMessage } from '../protocol/message.ts'
import type { FeedMemory } from './feed-memory.ts'
import { Tail, type TailLimits } from './tail.ts'

export type FeedDecision =
  /** `before` is where a subscriber stands that has everything up to this message, and not this one. */
  | { readonly kind: 'deliver'; readonly encoded: Encoded; readonly before: Position }
  /** Read the log after the position and answer with `filled` or `failed`. At most one is under way. */
  | { readonly kind: 'fetch'; readonly after: Position }
  | {
      readonly kind: 'reset'
      readonly reason: ResetReason
      readonly position: Position
      readonly before: Position
    }
  /** Have the log end this epoch, and answer with its head (`check`): a position in it does not say what was missed. */
  | { readonly kind: 'disown'; readonly epoch: string }

/** So many epochs are remembered that are over: each change needs a failover. */
const FORMER_EPOCHS_MAX = 8
const NOTHING: readonly FeedDecision[] = []

/** The same object for all channels of a namespace. */
export interface FeedTerms {
  readonly tail: TailLimits
  readonly heldMax: number
  readonly memory: FeedMemory
}

/** Messages that wait beyond a hole, in the order of their offsets. */
class Held {
  readonly entries: Encoded[] = []
  bytes = 0
  /** Those that came after the log was asked; its answer may not know them yet. */
  sinceAsked: Set<Encoded> | undefined
}

export class Feed {
  readonly #terms: FeedTerms
  #position: Position | undefined
  /** Made when first needed, as is the next one. */
  #tail: Tail | undefined
  /** Messages that do not continue the position yet. */
  #held: Held | undefined
  /** The position for which the log is being asked. */
  #asked: Position | undefined
  /** Something was not held for want of room since the log was asked. */
  #overflowed = false
  /** A hole or a change of epoch is known, and the log has not answered yet. */
  #behind = false
  /** Epochs that are over, with the last offset in each that a reset has covered. */
  #former: Map<string, number> | undefined
  #closed = false

  constructor(terms: FeedTerms) {
    this.#terms = terms
  }

  /** Everything up to here was delivered to those who are live; `undefined` before `start`. */
  get position(): Position | undefined {
    return this.#position
  }

  /** The newest messages before the position. */
  get tail(): Tail {
    return (this.#tail ??= new Tail(this.#terms.tail, this.#position?.offset ?? 0, this.#terms.memory))
  }

  get heldCount(): number {
    return this.#held?.entries.length ?? 0
  }

  /** Whether something is known to be missing. */
  get behind(): boolean {
    return this.#behind
  }

  /** It is where the log is, and holds nothing: a new one that starts at its position would do the same. */
  get atRest(): boolean {
    const holds = (this.#tail?.length ?? 0) > 0 || this.#held !== undefined || this.#former !== undefined
    return (
      this.#position !== undefined && !holds && !this.#behind && this.#asked === undefined && !this.#closed
    )
  }

  /** The log's head, read after the backbone has been subscribed to. What was received meanwhile and lies beyond it follows. */
  start(head: Position): readonly FeedDecision[] {
    this.#position = head
    this.#dropTail()
    const decisions = this.#release([])
    return this.#held === undefined && !this.#overflowed ? decisions : this.#fetch(decisions)
  }

  /** To be called now and then, by the clock that messages have their time of: lets go of what need not be kept. */
  tidy(nowMs: number): void {
    this.#tail?.expire(nowMs)
    this.#tail?.settle()
  }

  /** Before somebody asks for what the tail has. */
  expire(nowMs: number): void {
    this.#tail?.expire(nowMs)
  }

  /** What it keeps the log keeps no longer. */
  forget(): void {
    this.#dropTail()
  }

  /** Nobody needs it any more. What comes later is an answer to an old question. */
  close(): void {
    this.#closed = true
    this.#dropTail()
    if (this.#held !== undefined) this.#terms.memory.shrank(this.#held.bytes)
    this.#held = undefined
  }

  /** Older messages for the tail, which end where it starts; `after` is the offset after which they are complete. */
  backfill(older: readonly Encoded[], after: Position): void {
    if (!this.#closed && this.#position?.epoch === after.epoch) this.tail.prepend(older, after.offset)
  }

  receive(encoded: Encoded): readonly FeedDecision[] {
    const message = encoded.message as LoggedMessage
    const position = this.#position
    if (this.#closed) return NOTHING
    if (position === undefined) {
      this.#hold(encoded)
      return NOTHING
    }
    if (message.epoch === position.epoch) {
      if (message.offset <= position.offset) return NOTHING
      if (message.previous <= position.offset) {
        const deliver: FeedDecision = { kind: 'deliver', encoded, before: position }
        this.#advance(encoded, message)
        return this.#held === undefined ? [deliver] : this.#release([deliver])
      }
    }
    this.#hold(encoded)
    return this.#fetch([])
  }

  /** The log's head as somebody has just read it: where it differs, something was lost on the way. */
  check(head: Position): readonly FeedDecision[] {
    const position = this.#position
    if (
      this.#closed ||
      position === undefined ||
      (head.epoch === position.epoch && head.offset === position.offset)
    )
      return NOTHING
    return this.#fetch([])
  }

  /** The log's answer to `fetch`. */
  filled(range: LogRange): readonly FeedDecision[] {
    const asked = this.#asked
    if (this.#closed || asked === undefined || this.#position === undefined) return NOTHING
    this.#asked = undefined
    const decisions: FeedDecision[] = []
    if (range.kind === 'lost') {
      const moved = this.#position.epoch !== asked.epoch || this.#position.offset !== asked.offset
      // The hole may have been filled by late messages while the log was being read: ask again from where we are now.
      if (moved) return this.#fetch(decisions)
      // A feed beyond the log's head has seen what the log has lost since (a failover): its numbers mean nothing now.
      this.#reset(range.why === 'ahead' ? 'gap' : range.why, range.head, decisions)
    } else {
      for (const message of range.messages) {
        const here = this.#position
        if (message.epoch !== here.epoch || message.offset <= here.offset) continue
        const encoded = new Encoded(message)
        decisions.push({ kind: 'deliver', encoded, before: here })
        this.#advance(encoded, message)
      }
      if (this.#position.offset < range.head.offset) {
        if (range.messages.length > 0) return this.#fetch(this.#release(decisions))
        // A log that has a newer head but nothing before it has a hole of its own.
        this.#reset('gap', range.head, decisions)
      }
    }
    this.#release(decisions)
    this.#giveUpHoles(decisions)
    this.#behind = false
    return this.#held === undefined && !this.#overflowed ? decisions : this.#fetch(decisions)
  }

  /** The log did not answer. The hole stays; `retry` asks again. */
  failed(): void {
    this.#asked = undefined
  }

  retry(): readonly FeedDecision[] {
    return !this.#closed && this.#behind && this.#asked === undefined ? this.#fetch([]) : NOTHING
  }

  #fetch(decisions: readonly FeedDecision[]): readonly FeedDecision[] {
    this.#behind = true
    if (this.#asked !== undefined) return decisions
    const after = this.#position as Position
    this.#asked = after
    if (this.#held !== undefined) this.#held.sinceAsked = undefined
    this.#overflowed = false
    return [...decisions, { kind: 'fetch', after }]
  }

  /**
   * Decides about what was held before the log was asked and is not connected after its answer. A message is in the
   * log before the backbone brings it, so the log's answer would have had its predecessors: they are lost, or the
   * message is of an epoch that is over. What came later may be newer than the answer and waits for the next one.
   */
  #giveUpHoles(decisions: FeedDecision[]): void {
    for (;;) {
      const held = this.#held
      const stranded = held?.entries.find((encoded) => held.sinceAsked?.has(encoded) !== true)
      if (held === undefined || stranded === undefined) return
      const { epoch, previous } = stranded.message as LoggedMessage
      if (epoch === (this.#position as Position).epoch) {
        this.#reset('gap', { epoch, offset: previous }, decisions)
        this.#release(decisions)
      } else {
        held.entries.splice(held.entries.indexOf(stranded), 1)
        this.#unhold(held, stranded)
        if (held.entries.length === 0) this.#held = undefined
        this.#strayed(stranded.message as LoggedMessage, decisions)
      }
    }
  }

  /** The log has answered and does not know it: it was seen in its epoch, or it is in another log. */
  #strayed({ epoch, offset }: LoggedMessage, decisions: FeedDecision[]): void {
    if (offset <= (this.#former?.get(epoch) ?? -1)) return
    // It may come twice; the next one is another loss.
    this.#rememberFormer(epoch, offset)
    decisions.push({ kind: 'disown', epoch: (this.#position as Position).epoch })
  }

  #rememberFormer(epoch: string, offset: number): void {
    const former = (this.#former ??= new Map<string, number>())
    former.delete(epoch)
    former.set(epoch, offset)
    for (const oldest of former.keys()) {
      if (former.size <= FORMER_EPOCHS_MAX) return
      former.delete(oldest)
    }
  }

  #advance(encoded: Encoded, message: LoggedMessage): void {
    this.tail.push(encoded)
    // Not the message: its payload would be kept for as long as nothing follows.
    this.#position = { epoch: message.epoch, offset: message.offset }
  }

  #reset(reason: ResetReason, position: Position, decisions: FeedDecision[]): void {
    const before = this.#position as Position
    decisions.push({ kind: 'reset', reason, position, before })
    if (before.epoch !== position.epoch) this.#rememberFormer(before.epoch, before.offset)
    this.#position = position
    this.#dropTail()
  }

  #dropTail(): void {
    this.#tail?.giveUp()
    this.#tail = undefined
  }

  /** Delivers what is held and continues the position now. */
  #release(decisions: FeedDecision[]): FeedDecision[] {
    const held = this.#held
    if (held === undefined) return decisions
    let kept = 0
    for (const encoded of held.entries) {
      const message = encoded.message as LoggedMessage
      const position = this.#position as Position
      if (message.epoch === position.epoch && message.offset <= position.offset) {
        this.#unhold(held, encoded)
        continue
      }
      if (message.epoch === position.epoch && message.previous <= position.offset) {
        this.#unhold(held, encoded)
        decisions.push({ kind: 'deliver', encoded, before: position })
        this.#advance(encoded, message)
        continue
      }
      held.entries[kept++] = encoded
    }
    held.entries.length = kept
    if (kept === 0) this.#held = undefined
    return decisions
  }

  /** Each once. */
  #hold(encoded: Encoded): void {
    const held = (this.#held ??= new Held())
    const { entries } = held
    const message = encoded.message as LoggedMessage
    let at = entries.length
    while (at > 0 && ((entries[at - 1] as Encoded).message as LoggedMessage).offset > message.offset) at--
    const twin = entries[at - 1]?.message as LoggedMessage | undefined
    if (twin?.offset === message.offset && twin.epoch === message.epoch) return
    entries.splice(at, 0, encoded)
    // It may wait for long.
    encoded.unpin()
    const { heldMax, tail, memory } = this.#terms
    held.bytes += encoded.bytes
    memory.grew(encoded.bytes, undefined)
    if (this.#asked !== undefined) (held.sinceAsked ??= new Set()).add(encoded)
    // One always: what a message of another log says must not depend on the memory.
    if (entries.length <= 1) return
    if (entries.length <= heldMax && held.bytes <= tail.bytes && !memory.full) return
    // The newest can go: the log has it, and is asked until nothing is missing.
    const newest = entries.pop() as Encoded
    this.#unhold(held, newest)
    held.sinceAsked?.delete(newest)
    this.#overflowed = true
  }

  #unhold(held: Held, encoded: Encoded): void {
    held.bytes -= encoded.bytes
    this.#terms.memory.shrank(encoded.bytes)
  }
}
