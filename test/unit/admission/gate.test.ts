import { describe, expect, it } from 'vitest'
import {
  Gate,
  type Admit,
  type Decision,
  type GateOptions,
  type Refuse,
  type Ticket,
} from '../../../src/admission/gate.ts'
import { createMetrics, type Metrics } from '../../../src/observe/metrics.ts'
import { ManualClock } from './manual-clock.ts'

const OPTIONS: GateOptions = {
  connections: 0,
  connectionsPerSecond: 10,
  burst: 2,
  queue: 100,
  queueTimeout: 10_000,
  newcomersShare: 0.2,
  perAddressPerSecond: 0,
  perAddressBurst: 0,
  maxLoopLag: 250,
  maxMemory: 1000,
}

interface Fixture {
  readonly gate: Gate
  readonly clock: ManualClock
  readonly load: { lagMs: number; memoryBytes: number }
  readonly metrics: Metrics
  readonly newcomer: (address?: string) => Decision
  readonly resuming: (address?: string) => Decision
}

function gateOf(options: Partial<GateOptions> = {}): Fixture {
  const clock = new ManualClock()
  const load = { lagMs: 0, memoryBytes: 0 }
  const node = { node: 'n1', version: '0', region: 'local', role: 'all' }
  const metrics = createMetrics({ node, process: false })
  const gate = new Gate({ ...OPTIONS, ...options }, { clock, load, metrics })
  return {
    gate,
    clock,
    load,
    metrics,
    newcomer: (address = '192.0.2.1') => gate.admit({ address, resume: false }),
    resuming: (address = '192.0.2.1') => gate.admit({ address, resume: true }),
  }
}

function ticketOf(decision: Decision): Ticket {
  if (decision.kind !== 'wait') throw new Error(`${decision.kind} instead of wait`)
  return decision.ticket
}

function refusalOf(decision: Decision): Refuse {
  if (decision.kind !== 'refuse') throw new Error(`${decision.kind} instead of refuse`)
  return decision
}

/** Notes what each waiting attempt is told, in order. */
function watch(verdicts: string[], name: string, decision: Decision): Ticket {
  const ticket = ticketOf(decision)
  ticket.decided = (verdict: Admit | Refuse) =>
    void verdicts.push(`${name} ${verdict.kind === 'admit' ? 'admit' : verdict.reason}`)
  return ticket
}

describe('G1 the checks in their order', () => {
  /** Everything is wrong at once; each step puts one thing right, and the next one shows. */
  it('state, connections, address, lag, memory, rate, waiting room', () => {
    const { gate, load, clock, newcomer } = gateOf({
      connections: 1,
      perAddressPerSecond: 1,
      perAddressBurst: 1,
      connectionsPerSecond: 0.001,
      burst: 1,
      queue: 0,
    })
    expect(newcomer('192.0.2.9').kind).toBe('admit')
    gate.connected()
    load.lagMs = 1000
    load.memoryBytes = 5000
    gate.close('draining')
    expect(refusalOf(newcomer('192.0.2.9')).reason).toBe('draining')
    gate.open()
    expect(refusalOf(newcomer('192.0.2.9')).reason).toBe('connections')
    gate.disconnected()
    expect(refusalOf(newcomer('192.0.2.9')).reason).toBe('address')
    clock.pass(2000)
    expect(refusalOf(newcomer('192.0.2.9')).reason).toBe('lag')
    load.lagMs = 0
    expect(refusalOf(newcomer('192.0.2.8')).reason).toBe('memory')
    load.memoryBytes = 0
    expect(refusalOf(newcomer('192.0.2.7')).reason).toBe('queue_full')
  })

  it('with every limit off everybody is admitted', () => {
    const { gate, load, newcomer } = gateOf({
      connectionsPerSecond: 0,
      burst: 0,
      queue: 0,
      queueTimeout: 0,
      maxLoopLag: 0,
      maxMemory: 0,
    })
    load.lagMs = 1e9
    load.memoryBytes = 1e15
    for (let i = 0; i < 10_000; i++) {
      expect(newcomer().kind).toBe('admit')
      gate.connected()
    }
    expect(gate.pressure).toBe(0)
  })

  it('an address over its rate is told 429 and when its own bucket has a token', () => {
    const { newcomer, clock, metrics } = gateOf({ perAddressPerSecond: 0.1, perAddressBurst: 1 })
    expect(newcomer('192.0.2.1').kind).toBe('admit')
    clock.drawn = 0
    const refusal = refusalOf(newcomer('192.0.2.1'))
    expect(refusal).toMatchObject({ reason: 'address', tooMany: true })
    expect(refusal.retryAfterMs).toBeGreaterThan(9000)
    expect(newcomer('192.0.2.2').kind).toBe('admit')
    expect(metrics.refusals.address.value).toBe(1)
  })

  it('an address over its rate holds nobody up who shows that he was here', () => {
    const terms = { perAddressPerSecond: 0.1, perAddressBurst: 1, connectionsPerSecond: 10_000 }
    const { newcomer, resuming } = gateOf({ ...terms, burst: 100 })
    for (let i = 0; i < 20; i++) expect(resuming('192.0.2.1').kind).toBe('admit')
    expect(newcomer('192.0.2.1').kind).toBe('admit')
    expect(refusalOf(newcomer('192.0.2.1')).reason).toBe('address')
    expect(resuming('192.0.2.1').kind).toBe('admit')
  })

  it('an attempt within the rate allocates no decision of its own', () => {
    const { newcomer } = gateOf()
    expect(newcomer()).toBe(newcomer())
  })

  it('counts connections, and admits again when one has gone', () => {
    const { gate, newcomer } = gateOf({ connections: 2, burst: 100 })
    gate.connected()
    gate.connected()
    expect(gate.connections).toBe(2)
    expect(refusalOf(newcomer())).toMatchObject({ reason: 'connections', tooMany: false })
    gate.disconnected()
    expect(newcomer().kind).toBe('admit')
  })
})

describe('G2 the rate', () => {
  it('lets the burst in at once and the others as tokens come back, the last on time', () => {
    const { newcomer, clock } = gateOf()
    const verdicts: string[] = []
    expect(newcomer().kind).toBe('admit')
    expect(newcomer().kind).toBe('admit')
    for (let i = 0; i < 20; i++) watch(verdicts, `n${i}`, newcomer())
    const admitted: number[] = []
    // They are let in in groups, each a few milliseconds late.
    clock.pass(20)
    for (let second = 0; second < 2; second++) {
      clock.pass(1000)
      admitted.push(verdicts.length)
    }
    expect(admitted).toEqual([10, 20])
    expect(verdicts.every((verdict) => verdict.endsWith('admit'))).toBe(true)
  })

  it('says in the metrics how long everybody waited', () => {
    const { newcomer, clock, metrics } = gateOf({ burst: 1 })
    newcomer()
    watch([], 'n1', newcomer())
    clock.pass(1000)
    expect(metrics.admissionWait.count).toBe(2)
    expect(metrics.admissionWait.sum).toBeCloseTo(0.1, 1)
  })
})

describe('G3 the order', () => {
  it('while newcomers wait a later one waits behind them, also where a token has come back meanwhile', () => {
    const { newcomer, clock } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    // The token is there, and the timer has not fired yet.
    clock.jump(100)
    watch(verdicts, 'n2', newcomer())
    clock.pass(1000)
    expect(verdicts).toEqual(['n1 admit', 'n2 admit'])
  })

  it('those who resume go before all newcomers', () => {
    const { newcomer, resuming, clock } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    watch(verdicts, 'n2', newcomer())
    watch(verdicts, 'r1', resuming())
    watch(verdicts, 'r2', resuming())
    clock.pass(1000)
    expect(verdicts).toEqual(['r1 admit', 'r2 admit', 'n1 admit', 'n2 admit'])
  })

  it('one who resumes does not wait for newcomers where there is a token', () => {
    const { newcomer, resuming, clock } = gateOf({ burst: 1 })
    newcomer()
    ticketOf(newcomer())
    clock.jump(100)
    expect(resuming().kind).toBe('admit')
  })

  it('one who resumes takes the place of the newest newcomer in a full room, and that one is told', () => {
    const { newcomer, resuming, metrics } = gateOf({ burst: 1, queue: 2 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    watch(verdicts, 'n2', newcomer())
    expect(refusalOf(newcomer()).reason).toBe('queue_full')
    watch(verdicts, 'r1', resuming())
    expect(verdicts).toEqual(['n2 queue_full'])
    expect(metrics.refusals.queue_full.value).toBe(2)
  })
})

describe('G8 the share of newcomers', () => {
  it('is theirs while those who resume wait, and nobody else overtakes', () => {
    const { newcomer, resuming, clock } = gateOf({ burst: 1, newcomersShare: 0.25 })
    const verdicts: string[] = []
    newcomer()
    for (let i = 1; i <= 3; i++) watch(verdicts, `n${i}`, newcomer())
    for (let i = 1; i <= 9; i++) watch(verdicts, `r${i}`, resuming())
    clock.pass(2000)
    const order = verdicts.map((verdict) => verdict.replace(' admit', ''))
    expect(order).toEqual(['r1', 'r2', 'r3', 'n1', 'r4', 'r5', 'r6', 'n2', 'r7', 'r8', 'r9', 'n3'])
  })

  it('is counted also where those who resume find a token as they come', () => {
    const { newcomer, resuming, clock } = gateOf({ burst: 1, newcomersShare: 0.25 })
    newcomer()
    const verdicts: string[] = []
    watch(verdicts, 'n1', newcomer())
    let passed = 0
    // The token has come back each time, and the timer has not fired yet.
    for (; passed < 20; passed++) {
      clock.jump(100)
      if (resuming().kind !== 'admit') break
    }
    expect(passed).toBe(3)
    clock.pass(20)
    expect(verdicts).toEqual(['n1 admit'])
  })

  it('gives a newcomer the place of the newest who resumes where newcomers have less than their places, and that one is told', () => {
    const { newcomer, resuming } = gateOf({ burst: 1, queue: 4, newcomersShare: 0.25 })
    const verdicts: string[] = []
    newcomer()
    for (let i = 1; i <= 4; i++) watch(verdicts, `r${i}`, resuming())
    watch(verdicts, 'n1', newcomer())
    expect(verdicts).toEqual(['r4 queue_full'])
    expect(refusalOf(newcomer()).reason).toBe('queue_full')
    expect(refusalOf(resuming()).reason).toBe('queue_full')
  })
})

describe('G10 a group', () => {
  it('is all that come in at once, the rest of the burst soon after, and nobody is turned away for it', () => {
    const { newcomer, clock } = gateOf({ connectionsPerSecond: 0.001, burst: 20, queue: 5 })
    expect([newcomer(), newcomer()].map(({ kind }) => kind)).toEqual(['admit', 'admit'])
    const verdicts: string[] = []
    for (let i = 0; i < 9; i++) watch(verdicts, `n${i}`, newcomer())
    // Who has no place in the waiting room lets in who has waited for the longest.
    expect(verdicts).toEqual([0, 1, 2, 3].map((i) => `n${i} admit`))
    clock.pass(40)
    expect(verdicts).toHaveLength(9)
    // What is left of the burst, and the places.
    for (let i = 0; i < 14; i++) expect(newcomer().kind).not.toBe('refuse')
    expect(refusalOf(newcomer()).reason).toBe('queue_full')
  })

  it('is larger after a turn of the loop that came late, so that the rate is kept', () => {
    const { newcomer, clock } = gateOf({ connectionsPerSecond: 1000, burst: 100, queue: 1000 })
    const verdicts: string[] = []
    for (let i = 0; i < 8; i++) newcomer()
    for (let i = 0; i < 800; i++) watch(verdicts, `n${i}`, newcomer())
    clock.pass(300)
    const before = verdicts.length
    clock.jump(50)
    clock.pass(1)
    expect(verdicts.length - before).toBeGreaterThanOrEqual(50)
  })

  it('is none where nobody may wait', () => {
    const { newcomer } = gateOf({ burst: 50, queue: 0 })
    for (let i = 0; i < 50; i++) expect(newcomer().kind).toBe('admit')
    expect(refusalOf(newcomer()).reason).toBe('queue_full')
  })
})

describe('G9 what is charged to an address', () => {
  it('leaves it with an empty bucket at worst, and no other address with less', () => {
    const terms = { perAddressPerSecond: 1, perAddressBurst: 30, connectionsPerSecond: 10_000 }
    const { gate, newcomer, clock } = gateOf({ ...terms, burst: 1000 })
    gate.charge('192.0.2.1', 10)
    for (let i = 0; i < 20; i++) expect(newcomer('192.0.2.1').kind).toBe('admit')
    expect(refusalOf(newcomer('192.0.2.1'))).toMatchObject({ reason: 'address', tooMany: true })
    for (let i = 0; i < 1000; i++) gate.charge('192.0.2.1', 10)
    for (let i = 0; i < 30; i++) expect(newcomer('192.0.2.2').kind).toBe('admit')
    clock.pass(1010)
    expect(newcomer('192.0.2.1').kind).toBe('admit')
    expect(refusalOf(newcomer('192.0.2.1')).reason).toBe('address')
  })

  it('is nothing where there is no limit, and nothing for who has no address', () => {
    const { gate, newcomer } = gateOf({ burst: 100 })
    for (let i = 0; i < 50; i++) gate.charge('192.0.2.1', 10)
    expect(newcomer('192.0.2.1').kind).toBe('admit')
    const limited = gateOf({ perAddressPerSecond: 1, perAddressBurst: 1, burst: 100 })
    for (let i = 0; i < 50; i++) limited.gate.charge('', 10)
    expect(limited.newcomer('').kind).toBe('admit')
  })

  it('of one IPv6 address counts for its network of 64 bits', () => {
    const { gate, newcomer } = gateOf({ perAddressPerSecond: 1, perAddressBurst: 10, burst: 100 })
    gate.charge('2001:db8:0:7::1', 10)
    expect(refusalOf(newcomer('2001:db8:0:7:ffff::9')).reason).toBe('address')
    expect(newcomer('2001:db8:0:8::1').kind).toBe('admit')
  })
})

describe('G4 load', () => {
  it.each([
    ['lag', { lagMs: 251, memoryBytes: 0 }, { lagMs: 501, memoryBytes: 0 }],
    ['memory', { lagMs: 0, memoryBytes: 1001 }, { lagMs: 0, memoryBytes: 1101 }],
  ])('%s turns newcomers away first, those who resume only at more of it', (reason, some, much) => {
    const { newcomer, resuming, load } = gateOf({ burst: 100 })
    Object.assign(load, some)
    expect(refusalOf(newcomer()).reason).toBe(reason)
    expect(resuming().kind).toBe('admit')
    Object.assign(load, much)
    expect(refusalOf(resuming()).reason).toBe(reason)
  })

  it('lets those who resume out of the waiting room and keeps newcomers in it, until it is over', () => {
    const { newcomer, resuming, clock, load } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    watch(verdicts, 'r1', resuming())
    load.lagMs = 300
    clock.pass(2000)
    expect(verdicts).toEqual(['r1 admit'])
    load.lagMs = 0
    clock.pass(200)
    expect(verdicts).toEqual(['r1 admit', 'n1 admit'])
  })

  it('lets nobody out of the waiting room while there is too much of it for those who resume', () => {
    const { newcomer, resuming, clock, load } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'r1', resuming())
    watch(verdicts, 'n1', newcomer())
    load.lagMs = 501
    clock.pass(2000)
    expect(verdicts).toEqual([])
    load.lagMs = 0
    clock.pass(300)
    expect(verdicts).toEqual(['r1 admit', 'n1 admit'])
  })

  it('costs those who wait no token', () => {
    const { newcomer, clock, load } = gateOf({ burst: 5, connectionsPerSecond: 1 })
    for (let i = 0; i < 5; i++) newcomer()
    clock.pass(20)
    const verdicts: string[] = []
    for (let i = 0; i < 4; i++) watch(verdicts, `n${i}`, newcomer())
    load.lagMs = 300
    clock.pass(5000)
    load.lagMs = 0
    clock.pass(200)
    expect(verdicts).toHaveLength(4)
  })
})

describe('G5 everybody who waits is told once', () => {
  it('refused when the time is up', () => {
    const { newcomer, clock, metrics } = gateOf({ burst: 1, connectionsPerSecond: 0.001, queueTimeout: 5000 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    clock.pass(4999)
    expect(verdicts).toEqual([])
    clock.pass(2)
    expect(verdicts).toEqual(['n1 queue_timeout'])
    expect(metrics.refusals.queue_timeout.value).toBe(1)
  })

  it('refused when the gate closes, with the state as the reason', () => {
    const { gate, newcomer, resuming } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    watch(verdicts, 'r1', resuming())
    gate.close('closing')
    expect(verdicts).toEqual(['r1 closing', 'n1 closing'])
    expect(gate.state).toBe('closing')
    expect(refusalOf(newcomer()).reason).toBe('closing')
  })

  it('refused when the connection limit is reached meanwhile', () => {
    const { gate, newcomer, clock } = gateOf({ burst: 1, connections: 1 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    watch(verdicts, 'n2', newcomer())
    gate.connected()
    clock.pass(200)
    expect(verdicts).toEqual(['n1 connections', 'n2 connections'])
  })

  it('told nothing after a cancel, and its place and its token are free', () => {
    const { newcomer, clock, metrics } = gateOf({ burst: 1, queue: 2 })
    const verdicts: string[] = []
    newcomer()
    const left = watch(verdicts, 'n1', newcomer())
    watch(verdicts, 'n2', newcomer())
    left.cancel()
    left.cancel()
    watch(verdicts, 'n3', newcomer())
    clock.pass(1000)
    expect(verdicts).toEqual(['n2 admit', 'n3 admit'])
    expect(metrics.refusals.aborted.value).toBe(1)
  })

  it('a cancel after the verdict changes nothing', () => {
    const { newcomer, clock, metrics } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    const ticket = watch(verdicts, 'n1', newcomer())
    clock.pass(1000)
    ticket.cancel()
    expect(verdicts).toEqual(['n1 admit'])
    expect(metrics.refusals.aborted.value).toBe(0)
  })

  it('the others are still told when telling one fails', () => {
    const { newcomer, clock } = gateOf({ burst: 1 })
    const verdicts: string[] = []
    newcomer()
    ticketOf(newcomer()).decided = () => {
      throw new Error('a caller that fails')
    }
    watch(verdicts, 'n2', newcomer())
    expect(() => clock.pass(150)).toThrow('a caller that fails')
    clock.pass(1000)
    expect(verdicts).toEqual(['n2 admit'])
  })
})

describe('G6 the timer', () => {
  it('is there only while somebody waits', () => {
    const { gate, newcomer, clock } = gateOf({ burst: 1 })
    newcomer()
    expect(clock.timers).toBe(0)
    const ticket = ticketOf(newcomer())
    expect(clock.timers).toBe(1)
    ticketOf(newcomer())
    expect(clock.timers).toBe(1)
    ticket.cancel()
    expect(clock.timers).toBe(1)
    clock.pass(1000)
    expect(clock.timers).toBe(0)
    newcomer()
    const alone = ticketOf(newcomer())
    alone.cancel()
    expect(clock.timers).toBe(0)
    ticketOf(newcomer())
    gate.close('draining')
    expect(clock.timers).toBe(0)
  })
})

describe('G7 the time to retry', () => {
  it('is drawn at random', () => {
    const { gate, newcomer, clock } = gateOf()
    gate.close('draining')
    const times = [0, 0.25, 0.5, 0.99].map((drawn) => {
      clock.drawn = drawn
      return refusalOf(newcomer()).retryAfterMs
    })
    expect(new Set(times).size).toBe(4)
    expect(Math.min(...times)).toBeGreaterThan(0)
  })

  it('of a full room is not before those in it have come in', () => {
    const { newcomer, clock } = gateOf({ burst: 1, queue: 100 })
    newcomer()
    for (let i = 0; i < 100; i++) ticketOf(newcomer())
    clock.drawn = 0
    expect(refusalOf(newcomer()).retryAfterMs).toBeGreaterThanOrEqual(10_000)
    clock.drawn = 0.999
    expect(refusalOf(newcomer()).retryAfterMs).toBeGreaterThan(15_000)
  })
})

describe('the pressure', () => {
  it('is the part of the waiting room that is taken', () => {
    const { gate, newcomer, metrics } = gateOf({ burst: 1, queue: 4 })
    expect(gate.pressure).toBe(0)
    newcomer()
    expect(gate.pressure).toBe(0)
    ticketOf(newcomer())
    expect(gate.pressure).toBe(0.25)
    expect(metrics.admissionPressure.value).toBe(0.25)
    expect(metrics.admissionQueue.value).toBe(1)
    for (let i = 0; i < 3; i++) ticketOf(newcomer())
    expect(gate.pressure).toBe(1)
  })

  it('is 1 while newcomers are turned away', () => {
    const { gate, load } = gateOf({ connections: 1 })
    load.lagMs = 300
    expect(gate.pressure).toBe(1)
    load.lagMs = 0
    gate.connected()
    expect(gate.pressure).toBe(1)
    gate.disconnected()
    gate.close('draining')
    expect(gate.pressure).toBe(1)
    gate.open()
    expect(gate.pressure).toBe(0)
  })

  it('without a waiting room is 1 where there is no token', () => {
    const { gate, newcomer } = gateOf({ burst: 1, queue: 0 })
    expect(gate.pressure).toBe(0)
    newcomer()
    expect(gate.pressure).toBe(1)
  })
})

describe('G7 the time to stay away', () => {
  /** From and up to which time, by the draw. */
  function timesOf(clock: ManualClock, refused: () => Refuse): readonly number[] {
    return [0, 1].map((drawn) => {
      clock.drawn = drawn
      return refused().retryAfterMs
    })
  }

  it.each([
    ['starting', 500, 2000],
    ['draining', 500, 2000],
    ['closing', 500, 2000],
  ] as const)('of a node that is %s is %d to %d ms', (state, lowMs, highMs) => {
    const { gate, clock, newcomer } = gateOf()
    gate.close(state)
    expect(timesOf(clock, () => refusalOf(newcomer()))).toEqual([lowMs, highMs])
  })

  it.each([
    ['connections', { connections: 1 }, 5000, 15_000],
    ['lag', {}, 1000, 5000],
    ['memory', {}, 5000, 15_000],
    ['queue_full', { queue: 0, burst: 1, connectionsPerSecond: 0.001 }, 1000, 5000],
  ] as const)(
    'of one that refuses for its %s is as long as that takes to pass',
    (reason, options, low, high) => {
      const { gate, clock, load, newcomer } = gateOf(options)
      newcomer()
      gate.connected()
      if (reason === 'lag') load.lagMs = 251
      if (reason === 'memory') load.memoryBytes = 1001
      expect(refusalOf(newcomer()).reason).toBe(reason)
      expect(timesOf(clock, () => refusalOf(newcomer()))).toEqual([low, high])
    },
  )

  it('of one who has waited in vain is as if he came now', () => {
    const { clock, newcomer } = gateOf({ burst: 1, connectionsPerSecond: 0.001, queueTimeout: 1000 })
    newcomer()
    const times = timesOf(clock, () => {
      let refused: Refuse | undefined
      ticketOf(newcomer()).decided = (verdict) => void (refused = verdict as Refuse)
      clock.pass(2000)
      expect(refused?.reason).toBe('queue_timeout')
      return refused as Refuse
    })
    expect(times).toEqual([1000, 5000])
  })
})

describe('the rate that is set', () => {
  it('is that of the options at first, is never above it, and is nothing where nobody is admitted', () => {
    const { gate, metrics } = gateOf({ connectionsPerSecond: 10 })
    const shown = (): unknown[] => [gate.offered, metrics.admissionOffered.value]
    expect(shown()).toEqual([10, 10])
    gate.setRate(4)
    expect(shown()).toEqual([4, 4])
    gate.setRate(100)
    expect(shown()).toEqual([10, 10])
    gate.close('draining')
    expect(shown()).toEqual([0, 0])
  })

  it('is none where there is no limit', () => {
    const { gate, metrics, newcomer } = gateOf({ connectionsPerSecond: 0, connections: 1 })
    gate.setRate(4)
    expect([gate.offered, metrics.admissionOffered.value]).toEqual([undefined, 0])
    for (let i = 0; i < 100; i++) expect(newcomer().kind).toBe('admit')
  })

  const admittedAtOnce = (newcomer: () => Decision): number => {
    for (let count = 0; ; count++) if (newcomer().kind !== 'admit') return count
  }

  it.each([
    [0, 4, 4],
    [20, 4, 8],
    [20, 1, 2],
    [2, 1, 1],
  ])('has a burst of %d in its proportion: at %d of ten a second %d at once', (burst, perSecond, atOnce) => {
    const { gate, clock, newcomer } = gateOf({ burst, queue: 0 })
    gate.setRate(perSecond)
    clock.pass(60_000)
    expect(admittedAtOnce(newcomer)).toBe(atOnce)
    clock.pass(1000)
    expect(admittedAtOnce(newcomer)).toBe(Math.min(perSecond, atOnce))
  })

  it('gives nobody what he has had already', () => {
    const { gate, newcomer } = gateOf({ burst: 20, queue: 0 })
    expect(admittedAtOnce(newcomer)).toBe(20)
    gate.setRate(5)
    gate.setRate(10)
    expect(admittedAtOnce(newcomer)).toBe(0)
  })

  it('of nothing is not taken up', () => {
    const { gate, newcomer } = gateOf({ burst: 20, queue: 0 })
    gate.setRate(0)
    expect(admittedAtOnce(newcomer)).toBe(20)
  })
})

describe('G4 a node at its limits of load', () => {
  it('admits up to them, and not above', () => {
    const { load, newcomer, resuming } = gateOf({ burst: 100 })
    Object.assign(load, { lagMs: 250, memoryBytes: 1000 })
    expect(newcomer().kind).toBe('admit')
    Object.assign(load, { lagMs: 500, memoryBytes: 1100 })
    expect(resuming().kind).toBe('admit')
    load.lagMs = 500.1
    expect(refusalOf(resuming()).reason).toBe('lag')
  })

  it('lets those who resume go by newcomers that it does not let in, and owes these nothing for it', () => {
    const { load, clock, newcomer, resuming } = gateOf({ burst: 1, newcomersShare: 0.5 })
    const verdicts: string[] = []
    newcomer()
    watch(verdicts, 'n1', newcomer())
    load.lagMs = 300
    for (let i = 0; i < 5; i++) {
      clock.jump(100)
      expect(resuming().kind).toBe('admit')
    }
    load.lagMs = 0
    clock.jump(100)
    expect(resuming().kind).toBe('admit')
    expect(verdicts).toEqual([])
  })
})

describe('G6 the moment at which it looks who may come in', () => {
  /** In how many milliseconds it looks again, each time. */
  function delays(clock: ManualClock): number[] {
    const seen: number[] = []
    const after = clock.after.bind(clock)
    clock.after = (delayMs, run) => {
      seen.push(delayMs)
      return after(delayMs, run)
    }
    return seen
  }

  it('is when the next token comes back, and not before some have gathered', () => {
    const slow = gateOf({ burst: 1, connectionsPerSecond: 8 })
    const seen = delays(slow.clock)
    slow.newcomer()
    ticketOf(slow.newcomer())
    expect(seen.map(Math.round)).toEqual([125])
    const { clock, newcomer } = gateOf({ burst: 1, connectionsPerSecond: 1000 })
    const verdicts: string[] = []
    newcomer()
    for (let i = 0; i < 20; i++) watch(verdicts, `n${i}`, newcomer())
    clock.pass(3)
    expect(verdicts).toEqual([])
    clock.pass(1)
    expect(verdicts.length).toBeGreaterThan(0)
  })

  it('is a tenth of a second later while there is too much load for all who wait', () => {
    const { clock, load, newcomer, resuming } = gateOf({ burst: 1, connectionsPerSecond: 50 })
    const seen = delays(clock)
    newcomer()
    ticketOf(newcomer())
    load.lagMs = 300
    clock.pass(20)
    expect(seen.map(Math.round)).toEqual([20, 100])
    // Those who resume may come in.
    expect(resuming().kind).toBe('admit')
    watch([], 'r1', resuming())
    watch([], 'r2', resuming())
    clock.pass(100)
    expect(seen.map(Math.round)).toEqual([20, 100, 20])
    load.lagMs = 501
    clock.pass(20)
    expect(seen.map(Math.round)).toEqual([20, 100, 20, 100])
  })

  it('is when somebody’s time is up, where that is sooner', () => {
    const { clock, newcomer } = gateOf({ burst: 1, connectionsPerSecond: 0.001, queueTimeout: 700 })
    const seen = delays(clock)
    newcomer()
    ticketOf(newcomer())
    expect(seen).toEqual([700])
    const late = gateOf({ burst: 1, connectionsPerSecond: 0.001, queueTimeout: 0.5 })
    const soon = delays(late.clock)
    late.newcomer()
    ticketOf(late.newcomer())
    expect(soon).toEqual([1])
  })

  it('costs no token where nobody is left who waits', () => {
    const { clock, newcomer } = gateOf({ burst: 2 })
    newcomer()
    newcomer()
    const verdicts: string[] = []
    watch(verdicts, 'n1', newcomer())
    clock.jump(1000)
    clock.pass(0)
    expect(verdicts).toEqual(['n1 admit'])
    expect(newcomer().kind).toBe('admit')
  })
})
