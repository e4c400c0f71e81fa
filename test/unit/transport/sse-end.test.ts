import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../support/manual-clock.ts'
import type { HttpExchange } from '../../../src/drivers/uws.ts'
import type { EdgeOptions, EdgePorts } from '../../../src/edge/ports.ts'
import { SseFanout } from '../../../src/transport/sse-fanout.ts'
import { SseConnection } from '../../../src/transport/sse.ts'
import { Closing } from '../../../src/errors.ts'
import { Fanout } from '../../../src/hub/fanout.ts'
import { departureSegment, parseCursor, tagOf } from '../../../src/protocol/cursor.ts'
import { ticketIn } from '../../../src/protocol/ticket.ts'
import { LINES } from '../../../src/dialect/sluice-v1/encode.ts'
import { sluiceV1 } from '../../support/sluice-v1.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import type { Position } from '../../../src/protocol/position.ts'
import type { Welcome } from '../../../src/session/welcome.ts'
import type { Session } from '../../../src/session/session.ts'

/** How a stream ends while messages are on their way to it. */

const DEPARTURE = { node: '4f1c2ab3c4d5e6f7', number: 7, turns: 0 }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Stream {
  readonly connection: SseConnection
  readonly text: () => string
  /** Of the tickets. */
  pass(hours: number): void
  publish(offset: number): void
}

/** A stream of one channel that is live, so that it is served with others of its kind. */
async function stream(departure: string | undefined): Promise<Stream> {
  let hour = 1
  let text = ''
  const written = {
    slow: false,
    write: (chunk: Uint8Array | string) => (text += Buffer.from(chunk).toString()),
  }
  const exchange = {
    head: { remoteAddress: '127.0.0.1' },
    stream() {
      const cork = (run: () => void): void => run()
      return { ...written, cork, writer: { ...written, cork }, end: () => undefined }
    },
  } as unknown as HttpExchange
  const ignore = (): void => undefined
  const ports = {
    admission: { connected: ignore, disconnected: ignore },
    sessions: { disconnected: ignore },
    wheel: { schedule: ignore, cancel: ignore },
    metrics: { bytesOut: ignore },
    clock: new ManualClock(),
    departureOf: () => departure,
    tickets: {
      give: (owner: string) => ({ owner, hour, mac: 'f'.repeat(16) }),
      isOld: (given: number) => given < hour,
    },
  } as unknown as EdgePorts
  const options = { retryMinMs: 500, retryMaxMs: 900, sseHeartbeatMs: 1000 } as EdgeOptions
  const fanout = new Fanout()
  const source = { name: 'news', fanout, position: { epoch: 'e', offset: 1 } as Position }
  const subscription = {
    source,
    live: true,
    get position() {
      return source.position
    },
  }
  const connection = new SseConnection(
    exchange,
    'ann',
    {},
    {
      ports,
      options,
      fanout: new SseFanout(LINES, ignore, ignore, () => 0),
      dialect: sluiceV1(ports, options),
      path: '/v1/sse',
    },
  )
  const identity = { expiresAtMs: undefined }
  const session = {
    id: 'session',
    user: 'ann',
    identity,
    subscriptions: () => [subscription],
    resume: ignore,
  }
  connection.joined(session as unknown as Session, WELCOME)
  connection.attach(fanout)
  await turn()
  return {
    connection,
    text: () => text,
    pass(hours) {
      hour += hours
    },
    publish(offset) {
      source.position = { epoch: 'e', offset }
      const message = new Encoded({
        kind: 'logged',
        channel: 'news',
        epoch: 'e',
        offset,
        previous: offset - 1,
        id: undefined,
        time: 0,
        data: Buffer.from(`"number ${offset}"`),
        binary: false,
        ack: false,
      })
      for (const member of fanout.streams ?? []) member.message('news', message)
    },
  }
}

const WELCOME: Welcome = {
  node: 'n1',
  resumed: false,
  channels: new Map(),
  pingIntervalMs: 1000,
  ticket: 'a ticket',
  limits: { frame: 1, payload: 1, subscriptions: 1, presenceData: 1024 },
  refused: [],
}

const goingAway = (): Closing => new Closing('goingAway', 'unavailable', 'the node is going away')

function lastId(text: string): string {
  return (
    text
      .split('\n')
      .findLast((line) => line.startsWith('id: '))
      ?.slice(4) ?? ''
  )
}

describe('the end of a stream', () => {
  it('comes after the messages of this turn, which its cursor names as received', async () => {
    const one = await stream(departureSegment(DEPARTURE))
    one.publish(2)
    await turn()
    one.publish(3)
    one.connection.end(goingAway())
    const text = one.text()
    expect(text.indexOf('number 3')).toBeGreaterThan(text.indexOf('number 2'))
    expect(text.indexOf('event: closing')).toBeGreaterThan(text.indexOf('number 3'))
    const parsed = parseCursor(lastId(text), tagOf('ann'))
    expect(parsed).toMatchObject({ kind: 'positions', departure: DEPARTURE })
    if (parsed.kind === 'positions') expect(parsed.byTag.get(tagOf('news'))?.offset).toBe(3)
    await turn()
    expect(one.text()).toBe(text)
  })

  it('has no cursor where the client was not asked to go', async () => {
    const one = await stream(undefined)
    one.publish(2)
    one.connection.end(goingAway())
    const closing = one.text().slice(one.text().indexOf('event: closing'))
    expect(closing).not.toContain('id:')
    expect(closing.endsWith('\n\n')).toBe(true)
  })

  it('has none either where the client has to come back to where it likes, for another reason', async () => {
    const one = await stream(departureSegment(DEPARTURE))
    one.connection.end(new Closing('unauthorized', 'unauthorized', 'the token has been revoked'))
    expect(one.text().slice(one.text().indexOf('event: closing'))).not.toContain('id:')
  })

  it('lets a client come back soon where those who end have moments of their own, and after its own time where they have not', async () => {
    const retryOf = (text: string): number =>
      Number(
        text
          .split('\n')
          .findLast((line) => line.startsWith('retry: '))
          ?.slice(7),
      )
    const spread = await stream(undefined)
    spread.connection.end(
      new Closing('goingAway', 'unavailable', 'the node is going away', { returnWithinMs: 100 }),
    )
    expect(retryOf(spread.text())).toBeLessThanOrEqual(100)
    const together = await stream(undefined)
    together.connection.end(goingAway())
    expect(retryOf(together.text())).toBeGreaterThanOrEqual(500)
  })
})

describe('a quiet stream', () => {
  it('is given a fresh ticket by an id alone when the last one grows old, and a comment otherwise', async () => {
    const one = await stream(undefined)
    one.publish(2)
    await turn()
    expect(ticketIn(lastId(one.text()))?.hour).toBe(1)
    const before = one.text()
    one.connection.due()
    await turn()
    expect(one.text().slice(before.length)).toBe(':\n\n')
    one.pass(7)
    one.connection.due()
    await turn()
    const written = one.text().slice(before.length + 3)
    expect(written).toMatch(/^id: [^\n]*\n\n$/)
    expect(ticketIn(lastId(written))?.hour).toBe(8)
    expect(parseCursor(lastId(written), tagOf('ann'))).toMatchObject({ kind: 'positions' })
    one.publish(3)
    await turn()
    expect(ticketIn(lastId(one.text()))?.hour).toBe(8)
  })
})
