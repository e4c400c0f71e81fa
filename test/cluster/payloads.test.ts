import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { NatsLink } from '../../src/drivers/nats.ts'
import { RawClient } from '../support/raw-client.ts'
import { readPoll, readSse, readWebSocket, type RawReader } from '../support/raw-readers.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/**
 * One rule for payloads, and one for what is said beside them: whatever the door, the kind of channel and the transport, it is refused
 * alike or arrives alike.
 */

const PAYLOAD_BYTES_MAX = 400
const CHANNELS = ['brief:1', 'news:1', 'jobs:1'] as const
type Channel = (typeof CHANNELS)[number]

/** As a publisher has it before it goes through any door. */
interface Given {
  readonly bytes: Buffer
  readonly binary: boolean
}

interface Door {
  readonly name: string
  /** Whether the message was taken. */
  publish(channel: Channel, given: Given): Promise<boolean>
}

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode
let backend: NatsLink
let readers: RawReader[]
let doors: Door[]

beforeAll(async () => {
  cluster = await startCluster(2, {
    limits: { payload: PAYLOAD_BYTES_MAX },
    namespaces: {
      brief: { delivery: 'ephemeral', clientPublish: 'fanout' },
      news: { clientPublish: 'fanout' },
      jobs: { delivery: 'durable', clientPublish: 'fanout' },
    },
  })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
  backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
  backend.start()
  await backend.flush()
  readers = await Promise.all([
    readWebSocket(one, 'ann', CHANNELS),
    readSse(two, 'bob', CHANNELS),
    readPoll(two, 'cem', CHANNELS),
  ])
  doors = [
    { name: 'HTTP', publish: overHttp },
    { name: 'NATS', publish: overNats },
    { name: 'client frame', publish: fromClient },
  ]
})
afterAll(async () => {
  for (const reader of readers) reader.close()
  await backend.close()
  await cluster.close()
})

async function overHttp(channel: Channel, { bytes, binary }: Given): Promise<boolean> {
  const data = binary ? Buffer.from(`"${bytes.toString('base64')}","encoding":"base64"`) : bytes
  const response = await fetch(`http://127.0.0.1:${one.apiPort}/v1/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${one.apiKey}` },
    body: Buffer.concat([Buffer.from(`{"channel":"${channel}","data":`), data, Buffer.from('}')]),
  })
  await response.text()
  return response.status === 200
}

async function overNats(channel: Channel, { bytes, binary }: Given): Promise<boolean> {
  const headers = binary ? { 'Sluice-Encoding': 'binary' } : {}
  const answer = await backend.request(`sluice.publish.${channel}`, bytes, 10_000, headers)
  return !('error' in (JSON.parse(answer.data.toString()) as object))
}

/** A connection of its own each time: what is not even a frame ends it. */
async function fromClient(channel: Channel, { bytes, binary }: Given): Promise<boolean> {
  const token = await one.token('dee')
  const socket = new WebSocket(`ws://127.0.0.1:${one.port}/v1/ws`, ['sluice.v1'])
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', () => resolve(false))
      socket.on('open', () => {
        const head = `"type":"publish","ref":7,"channel":"${channel}"`
        socket.send(JSON.stringify({ type: 'connect', token }))
        if (binary) {
          const length = Buffer.alloc(4)
          length.writeUInt32BE(head.length + 2)
          socket.send(Buffer.concat([length, Buffer.from(`{${head}}`), bytes]))
        } else {
          const frame = Buffer.concat([Buffer.from(`{${head},"data":`), bytes, Buffer.from('}')])
          socket.send(frame, { binary: false })
        }
      })
      socket.on('message', (message: Buffer) => {
        const { type, ref } = JSON.parse(message.toString()) as { type: string; ref?: number }
        if (type === 'published') resolve(true)
        if (type === 'error' && ref === 7) resolve(false)
      })
    })
  } finally {
    socket.terminate()
  }
}

/** Whoever reads an ephemeral channel gets it only while he is there, and between two polls nobody is. */
async function pollWaits(others = 0): Promise<void> {
  const streamAndPoll = 2
  while ((await two.metric('sluice_sessions')) !== streamAndPoll + others);
}

/** What happened to it, per door, channel and transport. */
async function sendEverywhere(given: Given): Promise<Map<string, string>> {
  const outcomes = new Map<string, string>()
  for (const channel of CHANNELS) {
    for (const door of doors) {
      if (channel === 'brief:1') await pollWaits()
      const taken = await door.publish(channel, given)
      for (const reader of readers) {
        const way = `${door.name}, ${channel}, ${reader.name}`
        const came = taken ? await reader.next(channel) : undefined
        outcomes.set(way, came === undefined ? 'refused' : `${came.binary ? 'bytes' : 'JSON'} ${came.data}`)
      }
    }
  }
  return outcomes
}

const NEVER_JSON = [
  '',
  ' ',
  '{"a":',
  '[1',
  'nope',
  '01',
  "{'a':1}",
  '"\u0001"',
  '"a\nb"',
  '\uFEFF',
  '\u00A01',
]
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
/** Numbers that no double holds, escapes, lone surrogates as escapes, what ends lines elsewhere. */
const token = fc.constantFrom(
  '1.0',
  '12345678901234567890',
  '-0',
  '1E400',
  'null',
  '"\\ud800"',
  '"\\u0000\\n\\r"',
  '"\u2028\u2029\u0085"',
  '"é🎉"',
  '"data:"',
  '{"__proto__":1,"a":1,"a":2}',
  '""',
)
const json = fc
  .tuple(fc.oneof(token, fc.json({ maxDepth: 3, stringUnit: 'binary' })), space, space, space)
  .map(([text, before, inside, after]) => {
    // Only between tokens.
    const spaced = /^[[{]/.test(text) ? `${text[0]}${inside}${text.slice(1)}` : text
    return Buffer.from(`${before}${spaced}${after}`)
  })
const marked = json.map((bytes) => Buffer.concat([Buffer.from('\uFEFF'), bytes]))
const garbled = fc
  .tuple(json, fc.constantFrom('ff', 'c0af', 'eda080', 'f8'))
  .map(([bytes, hex]) => Buffer.concat([bytes, Buffer.from(hex, 'hex')]))
const quotedGarble = fc
  .constantFrom('ff', 'c0af', 'eda080', 'c3')
  .map((hex) => Buffer.concat([Buffer.from('"'), Buffer.from(hex, 'hex'), Buffer.from('"')]))
/** At the limit, and beyond it only by what is taken off. */
const large = fc
  .tuple(fc.integer({ min: PAYLOAD_BYTES_MAX - 3, max: PAYLOAD_BYTES_MAX + 1 }), space)
  .map(([length, after]) => Buffer.from(`"${'x'.repeat(length - 2)}"${after}`))
const given: fc.Arbitrary<Given> = fc.oneof(
  fc
    .oneof(
      json,
      marked,
      garbled,
      quotedGarble,
      large,
      fc.constantFrom(...NEVER_JSON).map((text) => Buffer.from(text)),
    )
    .map((bytes) => ({ bytes, binary: false })),
  fc
    .uint8Array({ maxLength: PAYLOAD_BYTES_MAX + 2 })
    .map((bytes) => ({ bytes: Buffer.from(bytes), binary: true })),
)

describe('a payload', () => {
  it('is refused alike by every door, or arrives alike from every door on every channel and transport', async () => {
    const seen = { refused: 0, arrived: 0 }
    await fc.assert(
      fc.asyncProperty(given, async (sent) => {
        const outcomes = await sendEverywhere(sent)
        expect(outcomes.size).toBe(doors.length * CHANNELS.length * readers.length)
        const [first] = outcomes.values()
        expect(Object.fromEntries([...outcomes].filter(([, outcome]) => outcome !== first))).toEqual({})
        seen[first === 'refused' ? 'refused' : 'arrived']++
        // What the publisher meant, and on one line.
        if (first === 'refused') return
        const [kind, ...rest] = (first as string).split(' ')
        const data = rest.join(' ')
        if (kind === 'bytes') expect(data).toBe(sent.bytes.toString('base64'))
        else {
          expect(data).not.toMatch(/[\r\n]/)
          expect(data).toBe(
            sent.bytes
              .toString()
              .trim()
              .replaceAll(/[\r\n]+/g, ' '),
          )
        }
      }),
      { numRuns: 60 },
    )
    expect(Math.min(seen.refused, seen.arrived)).toBeGreaterThan(0)
  })

  it.each([
    ['a byte order mark', '\uFEFF{"a":1}', 'refused'],
    ['a trailing newline', '{"a":1}\n', 'JSON {"a":1}'],
    ['line breaks between its tokens', '{\r\n  "a": 1\n}', 'JSON {   "a": 1 }'],
    ['a line break in a text', '"a\nb"', 'refused'],
  ])('with %s has one fate', async (_, text, fate) => {
    const outcomes = await sendEverywhere({ bytes: Buffer.from(text), binary: false })
    expect([...new Set(outcomes.values())]).toEqual([fate])
  })
})

interface Shown {
  readonly event?: unknown
  readonly headers?: unknown
}

/** Whether the message was taken, with a payload that names the door. */
type MetadataDoor = (channel: Channel, meta: Shown & { exclude?: string }) => Promise<boolean>

const METADATA_DOORS: Readonly<Record<string, MetadataDoor>> = {
  async HTTP(channel, meta) {
    return (await one.api('POST', '/v1/publish', { channel, data: 1, ...meta })).status === 200
  },
  async 'HTTP, in an array'(channel, meta) {
    const [result] = (await (
      await one.api('POST', '/v1/publish', [{ channel, data: 1, ...meta }])
    ).json()) as [object]
    return !('error' in result)
  },
  async 'HTTP, for several'(channel, meta) {
    const response = await one.api('POST', '/v1/publish', { channels: [channel], data: 1, ...meta })
    const { results } = (await response.json()) as { results: [object] }
    return !('error' in results[0])
  },
  async NATS(channel, { event, headers = {}, exclude }) {
    const named = Object.entries(headers as object).map(([name, value]) => [
      `Sluice-Header-${name}`,
      value as string,
    ])
    const answer = await backend.request(`sluice.publish.${channel}`, Buffer.from('1'), 10_000, {
      ...Object.fromEntries(named),
      ...(event === undefined ? {} : { 'Sluice-Event': event as string }),
      ...(exclude === undefined ? {} : { 'Sluice-Exclude': exclude }),
    })
    return !('error' in (JSON.parse(answer.data.toString()) as object))
  },
}

const word = fc.stringMatching(/^[!-~é🎉]{1,30}$/u)
const meta: fc.Arbitrary<Shown> = fc.record(
  {
    event: fc.oneof(
      word,
      fc.constantFrom('App\\Events\\Sold', '.sold', 'x'.repeat(200), 'x'.repeat(201), 'é'.repeat(101)),
    ),
    headers: fc.dictionary(
      fc.oneof(
        fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,10}$/),
        fc.constantFrom('_x', 'constructor', 'a'.repeat(65)),
      ),
      fc.oneof(word, fc.constantFrom('', 'v'.repeat(1000), 'v'.repeat(1025))),
      { minKeys: 1, maxKeys: 18 },
    ),
  },
  { requiredKeys: [] },
)

describe('the event and the headers of a message', () => {
  it('are refused alike by every door, or arrive alike from every door on every channel and transport', async () => {
    const seen = { refused: 0, arrived: 0 }
    await fc.assert(
      fc.asyncProperty(meta, fc.constantFrom(...CHANNELS), async (said, channel) => {
        const outcomes: Record<string, unknown> = {}
        for (const [door, publish] of Object.entries(METADATA_DOORS)) {
          if (channel === 'brief:1') await pollWaits()
          const taken = await publish(channel, said)
          for (const reader of readers) {
            const { event, headers } = taken ? (await reader.next(channel)).envelope : {}
            outcomes[`${door}, ${reader.name}`] = taken ? { event, headers } : 'refused'
          }
        }
        const [first] = Object.values(outcomes)
        for (const outcome of Object.values(outcomes)) expect(outcome).toEqual(first)
        if (first !== 'refused') expect(first).toEqual({ event: said.event, headers: said.headers })
        seen[first === 'refused' ? 'refused' : 'arrived']++
      }),
      { numRuns: 25, endOnFailure: true },
    )
    expect(Math.min(seen.refused, seen.arrived)).toBeGreaterThan(0)
  })

  it('of the wrong kind are refused over HTTP, and told what they may be', async () => {
    const refusals: [object, RegExp][] = [
      [{ event: '' }, /event must be a text of 1 to 200 bytes/],
      [{ event: ' a' }, /white space/],
      [{ event: 1 }, /event must be/],
      [{ event: 'a\nb' }, /control characters/],
      [{ headers: [] }, /headers must be an object of at most 16 texts/],
      [{ headers: { a: 1 } }, /headers must be/],
      [{ exclude: 'a b' }, /exclude must be a session or connection/],
    ]
    for (const [said, why] of refusals) {
      const response = await one.api('POST', '/v1/publish', { channel: 'news:1', data: 1, ...said })
      expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(why)])
    }
  })

  it('comes with a client frame too, where it is an event; anything else than a text is refused with the frame', async () => {
    const url = `ws://127.0.0.1:${one.port}/v1/ws`
    const { client } = await RawClient.connect(url, { token: await one.token('dee') })
    const publish = { type: 'publish', ref: 1, channel: 'news:1', data: 1 }
    expect(await client.request({ ...publish, event: 'typed' })).toMatchObject({ type: 'published' })
    for (const reader of readers)
      expect((await reader.next('news:1')).envelope).toMatchObject({ event: 'typed', from: 'dee' })
    const refused = await client.request({ ...publish, ref: 2, event: 'x'.repeat(201) })
    expect(refused).toMatchObject({ type: 'error', ref: 2, code: 'bad_request' })
    client.cut()
  })
})

describe('a session that a message excludes', () => {
  it('does not get it on any node, live or when it comes back, and everybody else does', async () => {
    const wire = (node: StartedNode): string => `ws://127.0.0.1:${node.port}/v1/ws`
    const { client, welcome } = await RawClient.connect(wire(two), { token: await two.token('eve') })
    const session = (welcome as { session?: string }).session as string
    for (const [ref, channel] of CHANNELS.entries())
      await client.request({ type: 'subscribe', ref, channel, from: { last: 0 } })
    const expected: string[] = []
    for (const channel of CHANNELS) {
      for (const [door, publish] of Object.entries(METADATA_DOORS)) {
        for (const [event, excludes] of [
          [`${door} without`, { exclude: session }],
          [`${door} with`, {}],
        ] as const) {
          if (channel === 'brief:1') await pollWaits(1)
          expect(await publish(channel, { event, ...excludes })).toBe(true)
          for (const reader of readers) {
            const { envelope } = await reader.next(channel)
            expect(envelope['event']).toBe(event)
            expect(JSON.stringify(envelope)).not.toContain(session)
          }
        }
        expected.push(`${channel} ${door} with`)
      }
    }
    const shown: string[] = []
    while (shown.length < expected.length) {
      const { channel, event } = await client.find(({ type }) => type === 'message')
      shown.push(`${channel as string} ${event as string}`)
    }
    expect(shown.toSorted()).toEqual(expected.toSorted())
    client.cut()
    // It comes back on the other node, to the beginning of both channels that are kept.
    const again = await RawClient.connect(wire(one), { token: await one.token('eve'), session })
    for (const [ref, channel] of (['news:1', 'jobs:1'] as const).entries()) {
      await again.client.request({ type: 'subscribe', ref, channel, from: { last: 8 } })
      for (const door of Object.keys(METADATA_DOORS)) {
        const { event } = await again.client.find(
          (frame) => frame.type === 'message' && frame['channel'] === channel,
        )
        expect(event).toBe(`${door} with`)
      }
    }
    again.client.cut()
  })
})
