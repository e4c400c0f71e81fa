import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { Log } from '../../../src/observe/log.ts'
import { Outages } from '../../../src/observe/outages.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const QUIET_MS = 10_000

function outages(): { clock: ManualClock; subject: Outages; lines: [string, string, object][] } {
  const clock = new ManualClock()
  const lines: [string, string, object][] = []
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push([level, message, fields])
    }
  const log: Log = { debug: () => undefined, info: write('info'), warn: write('warn'), error: write('error') }
  const fault = (what: string, error: unknown): void => write('fault')({ err: error }, what)
  return { clock, subject: new Outages(log, clock, QUIET_MS, fault), lines }
}

const away = (): SluiceError => new SluiceError('unavailable', 'Redis cannot be reached now')

describe('what failed, in the log', () => {
  it('is one line when a part goes and one when it is back, however much fails meanwhile', () => {
    const { clock, subject, lines } = outages()
    // What is under way may fail before the connection is known to be broken.
    subject.failed('a heartbeat', away())
    clock.pass(500)
    subject.away('Redis', 'the connection was closed')
    for (let i = 0; i < 100; i++) {
      subject.failed('releasing a session in the registry', away())
      clock.pass(1000)
    }
    subject.back('Redis')
    clock.pass(60_000)
    expect(lines).toEqual([
      ['warn', 'Redis is away', { reason: 'the connection was closed' }],
      ['info', 'Redis is connected', { failures: 101, forMs: 100_500 }],
    ])
  })

  it('is two lines too where a part hangs, and nobody says that it is away', () => {
    const { clock, subject, lines } = outages()
    for (let i = 0; i < 20; i++) {
      subject.failed('a heartbeat', away())
      clock.pass(3000)
    }
    clock.pass(QUIET_MS)
    expect(lines).toEqual([
      ['warn', 'a part does not answer', { what: 'a heartbeat', reason: 'Redis cannot be reached now' }],
      ['info', 'all parts answer again', { failures: 20, forMs: 57_000 }],
    ])
    subject.failed('a heartbeat', away())
    clock.pass(3000)
    expect(lines).toHaveLength(3)
  })

  it('tells a part that is away once, by whomever it is said', () => {
    const { subject, lines } = outages()
    subject.away('Redis', 'no answer within 5000 ms')
    subject.away('Redis', 'the connection was closed')
    expect(lines).toHaveLength(1)
  })

  it('leaves faults that are our own to whoever counts them, also while a part is away', () => {
    const { subject, lines } = outages()
    subject.away('Redis', 'the connection was closed')
    const fault = new TypeError('undefined is not a function')
    subject.failed('opening a channel', fault)
    subject.failed('releasing a session', new SluiceError('internal', 'a fault'))
    expect(lines.slice(1)).toMatchObject([
      ['fault', 'opening a channel', { err: fault }],
      ['fault', 'releasing a session', {}],
    ])
  })

  it('says nothing after it was closed', () => {
    const { clock, subject, lines } = outages()
    subject.failed('a heartbeat', away())
    subject.close()
    clock.pass(60_000)
    expect(lines).toEqual([])
  })
})
