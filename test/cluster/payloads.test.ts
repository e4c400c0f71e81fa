import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { NatsLink } from '../../src/drivers/nats.ts'
import { readPoll, readSse, readWebSocket, type RawReader } from '../support/raw-readers.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** One rule for payloads: whatever the door, the kind of channel and the transport, it is refused alike or arrives alike. */

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
async function pollWaits(): Promise<void> {
  const streamAndPoll = 2
  while ((await two.metric('sluice_sessions')) !== streamAndPoll);
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
