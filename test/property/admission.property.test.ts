import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FULL_AT_MS, rateOf, take, untilMs, type Rate } from '../../src/admission/bucket.ts'
import { Gate } from '../../src/admission/gate.ts'
import { GROUP_LEAST, GROUP_MS } from '../../src/admission/groups.ts'
import { WaitingRoom, type Waiter } from '../../src/admission/queue.ts'
import { silentMetrics } from '../../src/observe/metrics.ts'
import { ManualClock } from '../unit/admission/manual-clock.ts'

/** Also such whose sums are no whole numbers. */
const share = fc.constantFrom(0, 0.01, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.9)
const perSecond = fc.integer({ min: 1, max: 1000 })
const burst = fc.integer({ min: 1, max: 50 })

interface Knock {
  readonly passedMs: number
  readonly tokens: number
}

const knocks: fc.Arbitrary<Knock[]> = fc.array(
  fc.record({
    passedMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 5000 })),
    tokens: fc.integer({ min: 1, max: 5 }),
  }),
  { maxLength: 200 },
)

/** The most that may be taken in any stretch of time: the burst, and what comes back in that time. */
function expectWithinRate(
  taken: readonly { atMs: number; tokens: number }[],
  rate: number,
  most: number,
): void {
  for (let first = 0; first < taken.length; first++) {
    let sum = 0
    for (const { atMs, tokens } of taken.slice(first)) {
      sum += tokens
      const stretchMs = atMs - (taken[first]?.atMs ?? 0)
      expect(sum).toBeLessThanOrEqual(most + (rate * stretchMs) / 1000 + 0.001)
    }
  }
}

/** One at least, and not all, where there are two and both classes have a share. */
function placesOfNewcomers(capacity: number, part: number): number {
  const rounded = Math.round(capacity * part)
  if (part > 0 && rounded === 0 && capacity > 1) return 1
  return part < 1 && rounded === capacity && capacity > 1 ? capacity - 1 : rounded
}

describe('a token bucket', () => {
  it('agrees with one that counts its tokens in whole numbers', () => {
    fc.assert(
      fc.property(
        perSecond,
        burst,
        knocks,
        fc.integer({ min: 0, max: 1e12 }),
        (rate, most, attempts, startMs) => {
          const from = rateOf(rate, most) as Rate
          let state = FULL_AT_MS
          let nowMs = startMs
          // In thousandths of a token, so that milliseconds times the rate is a whole number.
          let counted = most * 1000
          for (const { passedMs, tokens } of attempts) {
            nowMs += passedMs
            counted = Math.min(most * 1000, counted + passedMs * rate)
            const next = take(state, nowMs, tokens, from)
            // At 1e12 ms a number is exact to some 0.0001 ms: a tenth of a thousandth of a token at this rate.
            if (Math.abs(counted - tokens * 1000) >= 1)
              expect(next !== undefined).toBe(counted >= tokens * 1000)
            if (next === undefined) continue
            state = next
            counted -= tokens * 1000
          }
        },
      ),
    )
  })

  it('never gives more than its burst and its rate, over any stretch of time', () => {
    fc.assert(
      fc.property(perSecond, burst, knocks, (rate, most, attempts) => {
        const from = rateOf(rate, most) as Rate
        const taken = []
        let state = FULL_AT_MS
        let nowMs = 0
        for (const { passedMs, tokens } of attempts) {
          nowMs += passedMs
          const next = take(state, nowMs, tokens, from)
          if (next === undefined) continue
          state = next
          taken.push({ atMs: nowMs, tokens })
        }
        expectWithinRate(taken, rate, most)
      }),
    )
  })

  it('has the tokens when it said that it would', () => {
    fc.assert(
      fc.property(perSecond, burst, knocks, (rate, most, attempts) => {
        const from = rateOf(rate, most) as Rate
        let state = FULL_AT_MS
        let nowMs = 0
        for (const { passedMs, tokens } of attempts) {
          nowMs += passedMs
          const waitMs = untilMs(state, nowMs, tokens, from)
          expect(waitMs === Infinity).toBe(tokens > most)
          expect(waitMs === 0).toBe(take(state, nowMs, tokens, from) !== undefined)
          if (waitMs === Infinity) continue
          nowMs += waitMs + 0.0001
          const next = take(state, nowMs, tokens, from)
          expect(next).toBeDefined()
          state = next ?? state
        }
      }),
    )
  })

  it('works on after any jumps of the clock: a refill later it is full, and no fuller', () => {
    fc.assert(
      fc.property(
        perSecond,
        burst,
        fc.array(fc.integer({ min: -1e9, max: 1e9 }), { maxLength: 50 }),
        (rate, most, jumps) => {
          const from = rateOf(rate, most) as Rate
          let state = FULL_AT_MS
          let nowMs = 0
          for (const jump of jumps) {
            nowMs += jump
            state = take(state, nowMs, 1, from) ?? state
          }
          // However far away the clock has jumped last, a bucket is full after two refills at the latest.
          nowMs += 2 * from.capacityMs + from.tokenMs
          expect(take(state, nowMs, most, from)).toBeDefined()
          expect(take(state, nowMs, most + 1, from)).toBeUndefined()
        },
      ),
    )
  })
})

interface Known extends Waiter {
  readonly id: number
}

type RoomStep =
  | { readonly kind: 'enter'; readonly resume: boolean }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'next'; readonly newcomersToo: boolean }
  | { readonly kind: 'pass'; readonly ms: number }

const roomStep: fc.Arbitrary<RoomStep> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('enter' as const), resume: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const), newcomersToo: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60) }) },
)

describe('the waiting room', () => {
  it('does what a plain list does', () => {
    fc.assert(
      fc.property(fc.nat(8), share, fc.array(roomStep, { maxLength: 100 }), (capacity, part, steps) => {
        const timeoutMs = 100
        const room = new WaitingRoom<Known>(capacity, timeoutMs, part)
        const places = placesOfNewcomers(capacity, part)
        let due = 0
        const all: Known[] = []
        let list: Known[] = []
        let nowMs = 0
        const drop = (one: Known | undefined): void => {
          list = list.filter((other) => other !== one)
        }
        for (const step of steps) {
          switch (step.kind) {
            case 'enter': {
              const { resume } = step
              const one: Known = {
                id: all.length,
                resume,
                sinceMs: nowMs,
                waiting: false,
                ahead: undefined,
                behind: undefined,
              }
              all.push(one)
              const full = list.length >= capacity
              const newcomers = list.filter((other) => !other.resume).length
              const gives = resume ? newcomers > places : newcomers < places
              const displaced = full && gives ? list.findLast((other) => other.resume !== resume) : undefined
              const expected = full ? (displaced ?? one) : undefined
              expect(room.enter(one)?.id).toBe(expected?.id)
              if (expected !== one) list.push(one)
              drop(displaced)
              break
            }
            case 'leave': {
              const one = all[step.which]
              if (one === undefined) break
              expect(room.leave(one)).toBe(list.includes(one))
              drop(one)
              break
            }
            case 'next': {
              const resuming = list.find((one) => one.resume)
              const newcomer = step.newcomersToo ? list.find((one) => !one.resume) : undefined
              let expected = resuming ?? newcomer
              if (resuming !== undefined && newcomer !== undefined) {
                due += part
                if (due >= 1 - 1e-9) {
                  due -= 1
                  expected = newcomer
                }
              }
              expect(room.next(step.newcomersToo)?.id).toBe(expected?.id)
              drop(expected)
              break
            }
            case 'pass': {
              nowMs += step.ms
              const expected = list.filter((one) => nowMs - one.sinceMs >= timeoutMs).map((one) => one.id)
              const expired: number[] = []
              for (let out = room.expired(nowMs); out !== undefined; out = room.expired(nowMs)) {
                expired.push(out.id)
                drop(out)
              }
              expect(expired.toSorted((a, b) => a - b)).toEqual(expected)
              break
            }
            default:
              step satisfies never
          }
          expect(room.length).toBe(list.length)
          expect(room.resumes).toBe(list.filter((one) => one.resume).length)
          expect(room.nextExpiryMs).toBe(Math.min(Infinity, ...list.map((one) => one.sinceMs)) + timeoutMs)
          expect(all.filter((one) => one.waiting)).toEqual(all.filter((one) => list.includes(one)))
        }
      }),
    )
  })
})

type GateStep =
  | { readonly kind: 'knock'; readonly resume: boolean; readonly times: number }
  | { readonly kind: 'cancel'; readonly which: number }
  | { readonly kind: 'lag'; readonly lagMs: number }
  | { readonly kind: 'pass'; readonly ms: number }

const gateStep: fc.Arbitrary<GateStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('knock' as const),
      resume: fc.boolean(),
      times: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(200) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('lag' as const), lagMs: fc.constantFrom(0, 300, 600) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(400) }) },
)

interface Admission {
  readonly resume: boolean
  /** Others, of either class, who waited and could have come in instead. */
  readonly newcomersWaited: boolean
  readonly resumesWaited: boolean
}

/** The longest stretches of admissions during which somebody of a class waited. */
function stretches(
  admissions: readonly Admission[],
  waited: 'newcomersWaited' | 'resumesWaited',
): Admission[][] {
  const found: Admission[][] = [[]]
  for (const admission of admissions) {
    if (admission[waited]) found.at(-1)?.push(admission)
    else found.push([])
  }
  return found
}

interface Attempted {
  readonly resume: boolean
  readonly waited: boolean
  verdicts: string[]
  cancelled: boolean
  cancel(): void
}

describe('the gate', () => {
  it('G2 G3 G5 G6 G8 keeps the rate, the order, the share and its promises to whoever waits, whatever happens', () => {
    fc.assert(
      fc.property(
        share,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(10),
        fc.array(gateStep, { maxLength: 60 }),
        (part, rate, most, queue, steps) => {
          const clock = new ManualClock()
          const load = { lagMs: 0, memoryBytes: 0 }
          const gate = new Gate(
            {
              connections: 0,
              connectionsPerSecond: rate,
              burst: most,
              queue,
              queueTimeout: 500,
              newcomersShare: part,
              perAddressPerSecond: 0,
              perAddressBurst: 0,
              maxLoopLag: 250,
              maxMemory: 0,
            },
            { clock, load, metrics: silentMetrics },
          )
          const attempts: Attempted[] = []
          const admitted: { atMs: number; tokens: number }[] = []
          const pending = (resume: boolean): Attempted[] =>
            attempts.filter(
              (one) => one.waited && one.resume === resume && one.verdicts.length === 0 && !one.cancelled,
            )

          const order: Admission[] = []
          const admit = (resume: boolean): void => {
            const newcomersWaited = pending(false).length > 0 && load.lagMs <= 250
            order.push({ resume, newcomersWaited, resumesWaited: pending(true).length > 0 })
            admitted.push({ atMs: clock.monotonicMs(), tokens: 1 })
          }

          const knock = (resume: boolean): void => {
            const decision = gate.admit({ address: '192.0.2.1', resume })
            if (decision.kind === 'admit') {
              expect(pending(true)).toHaveLength(0)
              if (!resume) expect(pending(false)).toHaveLength(0)
              admit(resume)
            }
            const attempt: Attempted = {
              resume,
              waited: decision.kind === 'wait',
              verdicts: decision.kind === 'wait' ? [] : [decision.kind],
              cancelled: false,
              cancel: () => decision.kind === 'wait' && decision.ticket.cancel(),
            }
            attempts.push(attempt)
            if (decision.kind !== 'wait') return
            decision.ticket.decided = (verdict) => {
              if (verdict.kind === 'admit') {
                expect(pending(resume)[0]).toBe(attempt)
                admit(resume)
              }
              attempt.verdicts.push(verdict.kind)
            }
          }

          for (const step of steps) {
            switch (step.kind) {
              case 'knock':
                for (let i = 0; i < step.times; i++) knock(step.resume)
                break
              case 'cancel': {
                const attempt = attempts[step.which]
                if (attempt === undefined) break
                attempt.cancel()
                attempt.cancelled = true
                break
              }
              case 'lag':
                load.lagMs = step.lagMs
                break
              case 'pass':
                clock.pass(step.ms)
                break
              default:
                step satisfies never
            }
            const waiting = pending(true).length + pending(false).length
            expect(waiting).toBeLessThanOrEqual(queue)
            expect(clock.timers).toBe(waiting > 0 ? 1 : 0)
          }
          clock.pass(1000)
          expect(clock.timers).toBe(0)
          for (const { verdicts, cancelled } of attempts) {
            expect(verdicts.length).toBeLessThanOrEqual(1)
            expect(verdicts.length === 1 || cancelled).toBe(true)
          }
          expectWithinRate(admitted, rate, most)
          const newcomersIn = (stretch: readonly Admission[]): number =>
            stretch.filter(({ resume }) => !resume).length
          for (const stretch of stretches(order, 'newcomersWaited'))
            expect(newcomersIn(stretch)).toBeGreaterThanOrEqual(Math.floor(stretch.length * part + 1e-6))
          for (const stretch of stretches(order, 'resumesWaited'))
            expect(newcomersIn(stretch)).toBeLessThanOrEqual(Math.ceil(stretch.length * part - 1e-6))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('G10 lets a herd in in groups, refuses nobody for it, and takes no longer than the rate or the pace of groups', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.boolean(),
        (rate, more, herd, resume) => {
          // A smaller bucket is full before the next group.
          const most = Math.ceil((2 * GROUP_MS * rate) / 1000) + more
          const clock = new ManualClock()
          const terms = {
            connections: 0,
            connectionsPerSecond: rate,
            burst: most,
            queue: herd,
            queueTimeout: 0,
          }
          const rest = { newcomersShare: 0.2, perAddressPerSecond: 0, perAddressBurst: 0 }
          const gate = new Gate(
            { ...terms, ...rest, maxLoopLag: 0, maxMemory: 0 },
            { clock, load: { lagMs: 0, memoryBytes: 0 }, metrics: silentMetrics },
          )
          const at = new Map<number, number>()
          const came = (): void => {
            const nowMs = clock.monotonicMs()
            at.set(nowMs, (at.get(nowMs) ?? 0) + 1)
          }
          const startMs = clock.monotonicMs()
          for (let i = 0; i < herd; i++) {
            const decision = gate.admit({ address: '192.0.2.1', resume })
            expect(decision.kind).not.toBe('refuse')
            if (decision.kind === 'admit') came()
            else if (decision.kind === 'wait') decision.ticket.decided = came
          }
          const group = Math.max(GROUP_LEAST, Math.ceil((2 * GROUP_MS * rate) / 1000))
          // One more group for what falls between two moments, and what a token more or less is worth.
          const groups = Math.ceil(herd / Math.max(GROUP_LEAST, group - 1)) + 1
          const byRateMs = (Math.max(0, herd - most + 1) / rate) * 1000
          clock.pass(Math.max(groups * GROUP_MS, byRateMs) + GROUP_MS)
          const moments = [...at.entries()].toSorted(([a], [b]) => a - b)
          expect(moments.reduce((sum, [, count]) => sum + count, 0)).toBe(herd)
          for (const [index, [ms, count]] of moments.entries()) {
            expect(count).toBeLessThanOrEqual(group)
            expect(ms - (moments[index - 1]?.[0] ?? startMs - GROUP_MS)).toBeGreaterThan(GROUP_MS - 0.001)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('G8 lets newcomers in at their share under any number of those who resume, and gives them their places', () => {
    fc.assert(
      fc.property(
        share.filter((part) => part > 0),
        fc.integer({ min: 10, max: 100 }),
        fc.integer({ min: 2, max: 20 }),
        (part, queue, perRound) => {
          const clock = new ManualClock()
          const gate = new Gate(
            {
              connections: 0,
              connectionsPerSecond: 100,
              burst: 1,
              queue,
              queueTimeout: 0,
              newcomersShare: part,
              perAddressPerSecond: 0,
              perAddressBurst: 0,
              maxLoopLag: 0,
              maxMemory: 0,
            },
            { clock, load: { lagMs: 0, memoryBytes: 0 }, metrics: silentMetrics },
          )
          const counts = { newcomers: 0, resumes: 0 }
          const waiting = { newcomers: 0, resumes: 0 }
          const knock = (who: 'newcomers' | 'resumes'): void => {
            const decision = gate.admit({ address: '192.0.2.1', resume: who === 'resumes' })
            if (decision.kind === 'admit') counts[who]++
            if (decision.kind !== 'wait') return
            waiting[who]++
            decision.ticket.decided = ({ kind }) => {
              waiting[who]--
              if (kind === 'admit') counts[who]++
            }
          }
          // Far more of either class than come in, those who resume first each time.
          for (let round = 0; round < 300; round++) {
            for (let i = 0; i < perRound; i++) knock('resumes')
            for (let i = 0; i < perRound; i++) knock('newcomers')
            clock.pass(10)
          }
          const total = counts.newcomers + counts.resumes
          expect(Math.abs(counts.newcomers - total * part)).toBeLessThanOrEqual(queue * part + perRound)
          expect(waiting.newcomers).toBeGreaterThanOrEqual(placesOfNewcomers(queue, part) - 1)
        },
      ),
      { numRuns: 50 },
    )
  })
})
