import { describe, expect, it } from 'vitest'
import {
  Health,
  readiness,
  worstOf,
  type PartStatus,
  type Probe,
  type ProbeResult,
} from '../../../src/observe/health.ts'
import type { NodeState } from '../../../src/protocol/states.ts'
import { ManualClock } from '../admission/manual-clock.ts'

interface Fixture {
  readonly health: Health
  readonly clock: ManualClock
  readonly load: { lagMs: number }
  readonly lines: string[]
}

function healthOf(probes: Readonly<Record<string, Probe>> = {}): Fixture {
  const clock = new ManualClock()
  const load = { lagMs: 0 }
  const lines: string[] = []
  const note =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level} ${message} ${(fields as { part: string }).part}`)
  const health = new Health(
    { intervalMs: 2000, probeTimeoutMs: 1500, stuckLagMs: 10_000 },
    {
      clock,
      lagMs: () => load.lagMs,
      log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    },
  )
  for (const [name, probe] of Object.entries(probes)) health.register(name, probe)
  return { health, clock, load, lines }
}

const ok: Probe = () => ({ status: 'ok' })

/** A probe that says what the test sets. */
function settable(): { result: ProbeResult; readonly probe: Probe } {
  const part: { result: ProbeResult; readonly probe: Probe } = {
    result: { status: 'ok' },
    probe: () => part.result,
  }
  return part
}

describe('live', () => {
  it('goes by the event loop only, and only where it is stuck', async () => {
    const { health, load } = healthOf({ registry: () => ({ status: 'failing', detail: 'away' }) })
    await health.check()
    expect(health.live().ok).toBe(true)
    load.lagMs = 10_000
    expect(health.live().ok).toBe(true)
    load.lagMs = 10_001
    expect(health.live()).toEqual({ ok: false, reason: 'the event loop is 10001 ms late' })
  })
})

describe('ready', () => {
  const statuses: PartStatus[] = ['ok', 'degraded', 'failing']
  const states: NodeState[] = ['starting', 'active', 'draining', 'closing']
  const cases = states.flatMap((state) => statuses.map((status) => ({ state, status })))

  it.each(cases)('in state $state with a part that is $status', ({ state, status }) => {
    const { ok: isReady, reason } = readiness(state, { log: { status, detail: 'why' } })
    expect(isReady).toBe(state === 'active' && status !== 'failing')
    expect(reason).toBe(isReady ? 'ok' : state === 'active' ? 'log: why' : `the node is ${state}`)
  })

  it('turns at once with the state, without a check', () => {
    const { health } = healthOf()
    expect(health.ready().ok).toBe(false)
    health.become('active')
    expect(health.ready().ok).toBe(true)
    health.become('draining')
    expect(health.ready()).toEqual({ ok: false, reason: 'the node is draining' })
    health.become('active')
    expect(health.ready().ok).toBe(true)
  })

  it('yields to others for as long as there is a reason to, which no restart would mend and no part has', () => {
    const { health } = healthOf()
    let why: string | undefined = 'its clients will be moved'
    health.yieldsWhile(() => why)
    expect(health.ready().reason).toBe('the node is starting')
    health.become('active')
    expect(health.ready()).toEqual({ ok: false, reason: 'its clients will be moved' })
    expect([health.live().ok, health.started().ok, health.deep().status]).toEqual([true, true, 'ok'])
    why = undefined
    expect(health.ready().ok).toBe(true)
  })

  it('does not wait for a part that has not been checked', () => {
    const { health } = healthOf({ log: () => ({ status: 'failing' }) })
    health.become('active')
    expect(health.ready().ok).toBe(true)
    expect(health.deep().parts['log']).toMatchObject({ status: 'degraded', detail: 'not checked yet' })
  })
})

describe('started', () => {
  it('is for good once the node was active', () => {
    const { health } = healthOf()
    expect(health.started()).toEqual({ ok: false, reason: 'the node is starting' })
    health.become('active')
    health.become('draining')
    expect(health.started().ok).toBe(true)
  })
})

describe('deep', () => {
  it('has every part and the worst status', async () => {
    const { health, clock } = healthOf({
      backbone: ok,
      registry: () => Promise.resolve({ status: 'degraded', detail: 'slow' }),
    })
    await health.check()
    expect(health.deep()).toEqual({
      status: 'degraded',
      state: 'starting',
      checkedAt: clock.now(),
      parts: {
        backbone: { status: 'ok', since: clock.now() },
        registry: { status: 'degraded', detail: 'slow', since: clock.now() },
      },
    })
  })

  it('asks no probe: it has the answers of the last check', async () => {
    let asked = 0
    const { health, clock } = healthOf({
      log: () => {
        asked++
        return { status: 'ok' }
      },
    })
    await health.start()
    for (let i = 0; i < 10; i++) {
      health.deep()
      health.ready()
    }
    expect(asked).toBe(1)
    clock.pass(2000)
    expect(asked).toBe(2)
    health.close()
    health.close()
    clock.pass(10_000)
    expect(asked).toBe(2)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no route')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no route'))],
  ])('a probe that %s is a degraded part, not a failing one', async (_how, probe) => {
    const { health } = healthOf({ log: probe, backbone: ok })
    health.become('active')
    await health.check()
    expect(health.deep().parts['log']).toMatchObject({ status: 'degraded', detail: 'no route' })
    expect(health.deep().parts['backbone']).toMatchObject({ status: 'ok' })
    expect(health.ready().ok).toBe(true)
  })

  it('a probe that hangs is a degraded part, and is not asked again meanwhile', async () => {
    let asked = 0
    const { health, clock } = healthOf({
      log: () => {
        asked++
        return new Promise(() => {})
      },
    })
    const first = health.check()
    expect(health.check()).toBe(first)
    clock.pass(1500)
    await first
    expect(health.deep().parts['log']).toMatchObject({
      status: 'degraded',
      detail: 'no answer within 1500 ms',
    })
    expect(asked).toBe(1)
    expect(clock.timers).toBe(0)
  })

  it('a probe that answers leaves no timer behind', async () => {
    const { health, clock } = healthOf({ log: ok, registry: () => Promise.resolve({ status: 'ok' }) })
    await health.check()
    expect(clock.timers).toBe(0)
  })

  it('says since when, and the log has a line for each change and for none without', async () => {
    const part = settable()
    const { health, clock, lines } = healthOf({ registry: part.probe })
    await health.check()
    const startedAt = clock.now()
    clock.pass(5000)
    await health.check()
    expect(health.deep().parts['registry']?.since).toBe(startedAt)
    expect(lines).toEqual([])
    part.result = { status: 'degraded', detail: 'away' }
    await health.check()
    clock.pass(5000)
    await health.check()
    expect(health.deep().parts['registry']?.since).toBe(clock.now() - 5000)
    part.result = { status: 'ok' }
    await health.check()
    expect(lines).toEqual([
      'warn a part of the node is not well registry',
      'info a part of the node is well again registry',
    ])
  })

  it('a name is registered once', () => {
    const { health } = healthOf({ log: ok })
    expect(() => health.register('log', ok)).toThrow('a probe named log is registered already')
  })

  it('the worst of no parts is ok', () => {
    expect(worstOf([])).toBe('ok')
    expect(worstOf(['degraded', 'failing', 'ok'])).toBe('failing')
  })
})
