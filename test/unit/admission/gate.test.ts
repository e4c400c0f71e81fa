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
    const { newcomer, resuming } = gateOf({ perAddressPerSecond: 0.1, perAddressBurst: 1, burst: 100 })
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

describe('G9 what is charged to an address', () => {
  it('leaves it with an empty bucket at worst, and no other address with less', () => {
    const { gate, newcomer, clock } = gateOf({ perAddressPerSecond: 1, perAddressBurst: 30, burst: 1000 })
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
