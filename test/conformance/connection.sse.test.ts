import { describeConnection, type Received, type TestClient } from './connection.suite.ts'
import { LINES } from '../../src/dialect/sluice-v1/encode.ts'
import { SseFanout } from '../../src/transport/sse-fanout.ts'
import { SseConnection } from '../../src/transport/sse.ts'
import { OPTIONS, USER, type ConnectionWorld } from '../support/connection-world.ts'
import { FakeExchange } from '../support/fake-exchange.ts'
import { sluiceV1 } from '../support/sluice-v1.ts'

/** Streams of one node share its groups. */
const fanouts = new WeakMap<ConnectionWorld, SseFanout>()

function fanoutOf(world: ConnectionWorld): SseFanout {
  let fanout = fanouts.get(world)
  if (fanout === undefined) {
    fanout = new SseFanout(
      LINES,
      () => undefined,
      world.ports.caught,
      () => world.ports.clock.monotonicMs(),
    )
    fanouts.set(world, fanout)
  }
  return fanout
}

describeConnection('SseConnection', {
  lasting: true,
  async connect(world, channels): Promise<TestClient> {
    const exchange = new FakeExchange(OPTIONS.bufferedBytesMax)
    const dialect = sluiceV1(world.ports, OPTIONS)
    const context = {
      ports: world.ports,
      options: OPTIONS,
      dialect,
      path: '/v1/sse',
      fanout: fanoutOf(world),
    }
    const connection = new SseConnection(exchange.asExchange(), USER, {}, context)
    await world.connect(connection, channels)
    await world.turns()
    let left = false
    return {
      connection,
      get received() {
        const events = eventsOf(exchange.text)
        const cut = exchange.end === 'cut' && !left
        return cut ? [...events, { type: 'end' as const, code: undefined }] : events
      },
      get waitingBytes() {
        return exchange.waitingBytes
      },
      readSome: () => exchange.readSome(),
      stopReading: () => exchange.stopReading(),
      read: () => exchange.read(),
      leave() {
        left = true
        exchange.end = 'cut'
        connection.gone()
      },
    }
  },
})

function eventsOf(text: string): Received[] {
  const events: Received[] = []
  for (const event of text.split('\n\n')) {
    const name = /^event: (.*)$/m.exec(event)?.[1]
    const data = /^data: (.*)$/m.exec(event)?.[1]
    if (name === undefined || data === undefined) continue
    const frame = JSON.parse(data) as { channel: string; data: unknown; reason: string; code: string }
    if (name === 'message') events.push({ type: name, channel: frame.channel, data: frame.data })
    if (name === 'reset') events.push({ type: name, channel: frame.channel, reason: frame.reason })
    if (name === 'closing') events.push({ type: 'end', code: frame.code })
  }
  return events
}
