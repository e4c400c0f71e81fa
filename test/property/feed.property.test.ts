import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FeedMemory } from '../../src/hub/feed-memory.ts'
import { Feed, type FeedDecision } from '../../src/hub/feed.ts'
import { Encoded } from '../../src/protocol/encoded.ts'
import type { Position } from '../../src/protocol/position.ts'
import type { LoggedMessage } from '../../src/protocol/message.ts'
import type { LogRange } from '../../src/replay/replay-log.ts'

/**
 * A log that a test can append to, trim, read with a limit and replace by one of a new epoch.
 * Offsets grow by 1 to 3, as JetStream's do.
 */
class ModelLog {
  readonly #name: string
  #epochNumber = 0
  messages: LoggedMessage[] = []
  head: Position
  /** Messages up to this offset are gone. */
  trimmedTo = 0

  constructor(name = 'e') {
    this.#name = name
    this.head = { epoch: `${name}0`, offset: 0 }
  }

  append(step: number): LoggedMessage {
    const offset = this.head.offset + step
    const message: LoggedMessage = {
      kind: 'logged',
      channel: 'c',
      epoch: this.head.epoch,
      offset,
      previous: this.head.offset,
      id: undefined,
      time: 0,
      data: Buffer.from(`"${this.head.epoch}/${offset}"`),
      binary: false,
      ack: false,
    }
    this.messages.push(message)
    this.head = { epoch: this.head.epoch, offset }
    return message
  }

  trim(keep: number): void {
    const cut = Math.max(this.messages.length - keep, 0)
    for (const message of this.messages.splice(0, cut)) this.trimmedTo = message.offset
  }

  lose(): void {
    this.#epochNumber++
    this.messages = []
    this.trimmedTo = 0
    this.head = { epoch: `${this.#name}${this.#epochNumber}`, offset: 0 }
  }

  read(after: Position, limit: number): LogRange {
    if (after.epoch !== this.head.epoch) return { kind: 'lost', why: 'epoch', head: this.head }
    if (after.offset > this.head.offset) return { kind: 'lost', why: 'ahead', head: this.head }
    if (after.offset < this.trimmedTo) return { kind: 'lost', why: 'trimmed', head: this.head }
    const messages = this.messages.filter((message) => message.offset > after.offset).slice(0, limit)
    return { kind: 'range', messages, head: this.head }
  }
}

/** What a live subscriber sees, checked against the guarantees as it happens. */
class Witness {
  position: Position
  delivered = 0
  resets = 0
  readonly #everPublished: Map<string, LoggedMessage>

  constructor(start: Position, everPublished: Map<string, LoggedMessage>) {
    this.position = start
    this.#everPublished = everPublished
  }

  take(decision: FeedDecision): void {
    if (decision.kind === 'fetch' || decision.kind === 'disown') return
    expect(decision.before).toMatchObject({ epoch: this.position.epoch, offset: this.position.offset })
    if (decision.kind === 'reset') {
      this.resets++
      this.position = decision.position
      return
    }
    const message = decision.encoded.message as LoggedMessage
    // F1: growing within an epoch. F3: it follows directly on the last one, by the publisher's own account.
    expect(message.epoch).toBe(this.position.epoch)
    expect(message.offset).toBeGreaterThan(this.position.offset)
    expect(message.previous).toBeLessThanOrEqual(this.position.offset)
    expect(this.#everPublished.get(`${message.epoch}/${message.offset}`)).toBe(message)
    this.delivered++
    this.position = { epoch: message.epoch, offset: message.offset }
  }
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), step: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('arrive' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('duplicate' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('logReads' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('logAnswers' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('logFails' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('check' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('trim' as const), keep: fc.integer({ min: 0, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('logLost' as const) }) },
)

const scenario = fc.record({
  steps: fc.array(step, { maxLength: 120 }),
  pageLimit: fc.integer({ min: 1, max: 4 }),
  heldMax: fc.integer({ min: 1, max: 4 }),
  // From room for nothing to room for everything.
  memoryBytes: fc.oneof(fc.nat(4000), fc.constant(1_000_000)),
  mayLoseLog: fc.boolean(),
  mayTrim: fc.boolean(),
})

const TAIL = { messages: 5, bytes: 100_000, ttlMs: Infinity }
const ROOM = new FeedMemory(1_000_000, () => undefined)

describe('feed', () => {
  it('F1 F3 F4 F6 delivers each message once and in order, or resets, under any interleaving', () => {
    fc.assert(
      fc.property(scenario, ({ steps, pageLimit, heldMax, memoryBytes, mayLoseLog, mayTrim }) => {
        const log = new ModelLog()
        const everPublished = new Map<string, LoggedMessage>()
        const memory = new FeedMemory(memoryBytes, () => undefined)
        const feed = new Feed({ tail: TAIL, heldMax, memory })
        const witness = new Witness(log.head, everPublished)
        const underWay: LoggedMessage[] = []
        const arrived: LoggedMessage[] = []
        let asked: Position | undefined
        let answer: LogRange | undefined
        const run = (decisions: readonly FeedDecision[]): void => {
          for (const decision of decisions) {
            if (decision.kind === 'fetch') {
              expect(asked).toBeUndefined()
              asked = decision.after
            } else witness.take(decision)
          }
          // F5
          expect(feed.heldCount).toBeLessThanOrEqual(heldMax)
          // The newest message may be alone in a tail that has no room.
          if (memory.full) expect(feed.tail.length).toBeLessThanOrEqual(1)
        }
        const settleFetch = (): void => {
          if (asked === undefined) return
          const range = answer ?? log.read(asked, pageLimit)
          asked = undefined
          answer = undefined
          run(feed.filled(range))
        }
        run(feed.start(log.head))
        let lost = false
        for (const one of steps) {
          switch (one.kind) {
            case 'publish': {
              const message = log.append(one.step)
              everPublished.set(`${message.epoch}/${message.offset}`, message)
              underWay.push(message)
              break
            }
            case 'arrive': {
              const [message] = underWay.splice(one.which % Math.max(underWay.length, 1), 1)
              if (message === undefined) break
              arrived.push(message)
              run(feed.receive(new Encoded(message)))
              break
            }
            case 'duplicate': {
              const message = arrived[one.which % Math.max(arrived.length, 1)]
              if (message !== undefined) run(feed.receive(new Encoded(message)))
              break
            }
            case 'lose':
              underWay.splice(one.which % Math.max(underWay.length, 1), 1)
              break
            case 'logReads':
              if (asked !== undefined) answer ??= log.read(asked, pageLimit)
              break
            case 'logAnswers':
              settleFetch()
              break
            case 'logFails':
              if (asked === undefined) break
              asked = undefined
              answer = undefined
              feed.failed()
              run(feed.retry())
              break
            case 'check':
              run(feed.check(log.head))
              break
            case 'trim':
              if (mayTrim) log.trim(one.keep)
              lost ||= mayTrim
              break
            case 'logLost':
              if (!mayLoseLog) break
              log.lose()
              lost = true
              break
          }
        }
        // F6: once the log has answered everything, the subscriber is at its head.
        run(feed.check(log.head))
        for (let i = 0; i < 1000 && asked !== undefined; i++) settleFetch()
        run(feed.check(log.head))
        for (let i = 0; i < 1000 && asked !== undefined; i++) settleFetch()
        expect(feed.position).toMatchObject({ epoch: log.head.epoch, offset: log.head.offset })
        expect(witness.position).toMatchObject({ epoch: log.head.epoch, offset: log.head.offset })
        if (!lost) {
          expect(witness.resets).toBe(0)
          expect(witness.delivered).toBe(everPublished.size)
        }
        expect(memory.bytes).toBe(feed.tail.bytes)
        // A position that were a message would keep its payload, and nobody would count it.
        expect(Object.keys(feed.position ?? {})).toEqual(['epoch', 'offset'])
        feed.close()
        expect(memory.bytes).toBe(0)
      }),
      { numRuns: 3000 },
    )
  })

  it('F7 tells everybody of a message that another log has accepted, now and later, and leaves the epoch for that', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant('publish') },
        // By a node that is cut off together with the former primary.
        { weight: 3, arbitrary: fc.constant('publishElsewhere') },
        { weight: 6, arbitrary: fc.constant('arrive') },
        { weight: 2, arbitrary: fc.constant('twice') },
        { weight: 3, arbitrary: fc.constant('logAnswers') },
        { weight: 2, arbitrary: fc.constant('logDisowns') },
        { weight: 1, arbitrary: fc.constant('failover') },
      ),
      { maxLength: 80 },
    )
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat(1000)), (script, draws) => {
        let log = new ModelLog('a')
        // What the nodes of the other side write to: the former primary, of which a copy was promoted.
        let other: ModelLog | undefined
        let promoted = 0
        const everPublished = new Map<string, LoggedMessage>()
        const memory = new FeedMemory(1_000_000, () => undefined)
        const feed = new Feed({ tail: TAIL, heldMax: 4, memory })
        const witness = new Witness(log.head, everPublished)
        const underWay: LoggedMessage[] = []
        const arrived: LoggedMessage[] = []
        let asked: Position | undefined
        let disowned: string | undefined
        /** A client that was away all the time: his position, and whether he missed something that is in no log. */
        const away = { position: log.head, missed: false }
        let owedReset = false
        /**
         * What a reset has covered: the place in each epoch that the feed had come to, or of which it had heard. Who published
         * earlier than that had changed his state by then.
         */
        const covered = new Map<string, number>()
        const heard = new Map<string, number>()
        const hear = ({ epoch, offset }: Position): void =>
          void heard.set(epoch, Math.max(offset, heard.get(epoch) ?? -1))
        const run = (decisions: readonly FeedDecision[]): void => {
          for (const decision of decisions) {
            if (decision.kind === 'fetch') asked = decision.after
            else if (decision.kind === 'disown') disowned = decision.epoch
            else {
              if (decision.kind === 'reset') {
                owedReset = false
                hear(decision.before)
                for (const [epoch, offset] of heard)
                  covered.set(epoch, Math.max(offset, covered.get(epoch) ?? -1))
              }
              witness.take(decision)
            }
          }
        }
        const answer = (): void => {
          if (asked === undefined) return
          const after = asked
          asked = undefined
          run(feed.filled(log.read(after, 2)))
        }
        const disown = (): void => {
          if (disowned === undefined) return
          if (log.head.epoch === disowned) log.lose()
          disowned = undefined
          run(feed.check(log.head))
        }
        const receive = (message: LoggedMessage): void => {
          const isHere = message.epoch === log.head.epoch || message.epoch === feed.position?.epoch
          const known = arrived.includes(message) || message.offset <= (covered.get(message.epoch) ?? -1)
          if (!isHere && !known) owedReset = true
          hear(message)
          run(feed.receive(new Encoded(message)))
        }
        run(feed.start(log.head))
        for (const one of script) {
          const drawn = draws.next().value as number
          if (one === 'publish' || (one === 'publishElsewhere' && other !== undefined)) {
            const message = (one === 'publish' ? log : (other as ModelLog)).append(1)
            everPublished.set(`${message.epoch}/${message.offset}`, message)
            underWay.push(message)
            if (one === 'publishElsewhere') away.missed = true
          }
          if (one === 'arrive') {
            const [message] = underWay.splice(drawn % Math.max(underWay.length, 1), 1)
            if (message !== undefined) {
              receive(message)
              arrived.push(message)
            }
          }
          const again = arrived[drawn % Math.max(arrived.length, 1)]
          if (one === 'twice' && again !== undefined) receive(again)
          if (one === 'logAnswers') answer()
          if (one === 'logDisowns') disown()
          if (one === 'failover') {
            other = log
            log = new ModelLog(`b${promoted++}x`)
            run(feed.check(log.head))
            for (let i = 0; i < 10; i++) answer()
            // He has been told of the failover, and has gone before anything else happened.
            away.position = log.head
            away.missed = false
          }
        }
        // In the end everything arrives, and the log answers.
        for (const message of underWay.splice(0)) receive(message)
        for (let i = 0; i < 200 && (asked !== undefined || disowned !== undefined); i++) {
          answer()
          disown()
        }
        run(feed.check(log.head))
        for (let i = 0; i < 200 && asked !== undefined; i++) answer()
        expect(feed.position).toMatchObject({ epoch: log.head.epoch, offset: log.head.offset })
        // Who was there was told after the last of them had come; who comes back is told as well.
        expect(owedReset).toBe(false)
        if (away.missed) expect(log.read(away.position, 1)).toMatchObject({ kind: 'lost', why: 'epoch' })
      }),
      { numRuns: 2000 },
    )
  })

  it('F7 does not leave an epoch for what it has seen before a failover, however late that comes once more', () => {
    const before = new ModelLog('a')
    const feed = new Feed({ tail: TAIL, heldMax: 4, memory: ROOM })
    feed.start(before.head)
    const seen = before.append(1)
    feed.receive(new Encoded(seen))
    const after = new ModelLog('b')
    expect(feed.check(after.head).map(({ kind }) => kind)).toEqual(['fetch'])
    expect(feed.filled(after.read(seen, 10)).map(({ kind }) => kind)).toEqual(['reset'])
    expect(feed.receive(new Encoded(seen)).map(({ kind }) => kind)).toEqual(['fetch'])
    expect(feed.filled(after.read(after.head, 10))).toEqual([])
    const elsewhere = before.append(1)
    feed.receive(new Encoded(elsewhere))
    expect(feed.filled(after.read(after.head, 10))).toEqual([{ kind: 'disown', epoch: 'b0' }])
  })

  it('F2 delivers a message that continues the position while a hole behind it is being fetched', () => {
    const log = new ModelLog()
    const feed = new Feed({ tail: TAIL, heldMax: 10, memory: ROOM })
    feed.start(log.head)
    const [first, , third] = [log.append(1), log.append(1), log.append(1)]
    expect(feed.receive(new Encoded(third)).map((decision) => decision.kind)).toEqual(['fetch'])
    expect(feed.receive(new Encoded(first)).map((decision) => decision.kind)).toEqual(['deliver'])
    expect(feed.position?.offset).toBe(first.offset)
  })

  it('F4 a hole that the log cannot fill becomes one reset, and delivery goes on after it', () => {
    const log = new ModelLog()
    const feed = new Feed({ tail: TAIL, heldMax: 10, memory: ROOM })
    feed.start(log.head)
    for (let i = 0; i < 6; i++) log.append(1)
    const last = log.append(1)
    feed.receive(new Encoded(last))
    log.trim(2)
    const decisions = feed.filled(log.read({ epoch: 'e0', offset: 0 }, 100))
    expect(decisions).toMatchObject([{ kind: 'reset', reason: 'trimmed', position: log.head }])
    const next = log.append(1)
    expect(feed.receive(new Encoded(next)).map((decision) => decision.kind)).toEqual(['deliver'])
  })
})
