import { describe, expect, it } from 'vitest'
import { Admission } from '../../../src/admission/admission.ts'
import { Tickets } from '../../../src/admission/tickets.ts'
import type { Ticket } from '../../../src/protocol/ticket.ts'
import { createMetrics, type Metrics } from '../../../src/observe/metrics.ts'
import { ManualClock } from './manual-clock.ts'

function admissionOf(): { admission: Admission; clock: ManualClock; metrics: Metrics; tickets: Tickets } {
  const clock = new ManualClock()
  const node = { node: 'n1', version: '0', region: 'local', role: 'all' }
  const metrics = createMetrics({ node, process: false })
  const options = {
    connections: 0,
    connectionsPerSecond: 10,
    burst: 1,
    queue: 10,
    queueTimeout: 1000,
    newcomersShare: 0.2,
    perAddressPerSecond: 0,
    perAddressBurst: 0,
    maxLoopLag: 0,
    maxMemory: 0,
    framesPerSecond: 10,
    framesBurst: 1,
    bytesPerSecond: 0,
    bytesBurst: 0,
  }
  const load = { lagMs: 0, memoryBytes: 0 }
  const tickets = new Tickets('a secret', 86_400_000, clock)
  return {
    admission: new Admission(options, {
      clock,
      load,
      metrics,
      tickets,
    }),
    clock,
    metrics,
    tickets,
  }
}

describe('admission', () => {
  it('decides at once within the rate, and later over it', () => {
    const { admission, clock } = admissionOf()
    const verdicts: string[] = []
    const attempt = { address: '192.0.2.1', resume: false }
    admission.ask(attempt, ({ kind }) => void verdicts.push(`first ${kind}`)).cancel()
    admission.ask(attempt, ({ kind }) => void verdicts.push(`second ${kind}`))
    const third = admission.ask(attempt, ({ kind }) => void verdicts.push(`third ${kind}`))
    expect(verdicts).toEqual(['first admit'])
    third.cancel()
    clock.pass(1000)
    expect(verdicts).toEqual(['first admit', 'second admit'])
  })

  it('lets go first who shows a ticket, and nobody who only says that he was here', () => {
    const { admission, clock, tickets } = admissionOf()
    const verdicts: string[] = []
    const ask = (name: string, ticket: Ticket | undefined): void => {
      const attempt = { address: '192.0.2.1', resume: admission.knows(ticket) }
      admission.ask(attempt, ({ kind }) => void verdicts.push(`${name} ${kind}`))
    }
    const good = tickets.give('anns-tag')
    ask('first', undefined)
    ask('newcomer', undefined)
    ask('liar', { ...good, owner: 'bobs-tag' })
    ask('known', good)
    clock.pass(1000)
    expect(verdicts).toEqual(['first admit', 'known admit', 'newcomer admit', 'liar admit'])
  })

  it('counts connections by transport, and how they ended', () => {
    const { admission, metrics } = admissionOf()
    admission.connected('websocket')
    admission.connected('websocket')
    admission.connected('websocket')
    admission.connected('poll')
    admission.connected('sse')
    expect(admission.gate.connections).toBe(5)
    admission.disconnected('websocket', { why: 'unauthorized', code: 4401 })
    admission.disconnected('websocket', { code: 1006 })
    admission.disconnected('websocket', { code: 1001 })
    admission.disconnected('poll', { why: 'answered' })
    admission.disconnected('sse', {})
    expect(admission.gate.connections).toBe(0)
    expect(metrics.connections.websocket.value).toBe(0)
    expect(metrics.connects.websocket.value).toBe(3)
    expect(metrics.disconnects.unauthorized.value).toBe(1)
    expect(metrics.disconnects.client.value).toBe(1)
    expect(metrics.disconnects.lost.value).toBe(2)
    expect(metrics.disconnects.answered.value).toBe(1)
  })

  it('counts what each connection sends by itself', () => {
    const { admission } = admissionOf()
    const one = {}
    expect(admission.take(one, 10)).toBe(true)
    expect(admission.take(one, 10)).toBe(false)
    expect(admission.take({}, 10)).toBe(true)
  })
})
