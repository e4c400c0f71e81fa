/**
 * JSON of peers has one limit on its depth, `limits.jsonDepth`, at every door. What is deeper is refused before anything is
 * built of it, and nobody else notices.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nested } from '../support/hostile-json.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { readKeySet } from '../../src/auth/jwks.ts'
import { createTokens } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'
import { dispatch } from '../../src/cluster/control.ts'
import { decodeAnnouncement } from '../../src/presence/announcements.ts'
import { joinBinary } from '../../src/protocol/binary.ts'
import { normalPayload } from '../../src/publish/payload.ts'
import { NatsIngress, type Requests } from '../../src/publish/nats-ingress.ts'
import { NodeTable } from '../../src/registry/node-table.ts'

const DEPTH = 64
/** One more than is allowed; one at which whoever prints a value overflows the stack; one that a frame has just room for. */
const TOO_DEEP = [65, 5000, 30_000]
const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'

let node: StartedNode
let client: RawClient

beforeAll(async () => {
  node = await startNode({
    namespaces: { chat: { clientPublish: 'fanout' } },
    limits: { framesPerSecond: 0, bytesPerSecond: 0 },
  })
  const url = `ws://127.0.0.1:${node.port}/v1/ws`
  client = (await RawClient.connect(url, { token: await node.token('ann') })).client
})
afterAll(async () => {
  // The connection that knocked at the doors of clients is still served, and no fault was met.
  await client.settled()
  const page = await (await fetch(`http://127.0.0.1:${node.apiPort}/metrics`)).text()
  expect(page.match(/^sluice_faults_total\{.*\} [1-9]/gm)).toBeNull()
  await node.close()
})

/** What a door answers to a payload, or whatever else it takes, of this depth: nothing, or why it refuses. */
type Door = (json: string) => Promise<string | undefined> | string | undefined

let ref = 0

async function asFrame(make: (ref: number) => string | Buffer): Promise<string | undefined> {
  const own = ++ref
  client.send(make(own))
  const { type, message } = await client.find((frame) => frame['ref'] === own)
  return type === 'error' ? String(message) : undefined
}

async function asRequest(path: string, body: string): Promise<string | undefined> {
  const response = await fetch(`http://127.0.0.1:${node.apiPort}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.apiKey}` },
    body,
  })
  const { error } = (await response.json()) as { error?: { message: string } }
  return error?.message
}

let handle: Parameters<Requests['subscribe']>[2] = () => undefined
let answered: (reply: string) => void = () => undefined
let backendAnswer = ''
const requests: Requests = {
  subscribe(subject, _options, taken) {
    if (subject.startsWith('sluice.publish.')) handle = taken
    return { drain: () => Promise.resolve() }
  },
  publish(_subject, bytes) {
    answered(Buffer.from(bytes).toString())
    return true
  },
  request: () => Promise.resolve({ data: Buffer.from(backendAnswer) }),
}
const doors = new NatsIngress(
  { prefix: 'sluice', forwardTimeoutMs: 1000, payloadBytesMax: () => 100_000, jsonDepthMax: DEPTH },
  {
    requests,
    tracing: undefined,
    // As the publisher does with what comes through every door.
    stand: () => Promise.resolve({}),
    async publish({ payload }) {
      normalPayload(payload, { bytesMax: 100_000, jsonDepthMax: DEPTH, parsed: false })
      return {}
    },
    refused: () => undefined,
    failed(_what, error) {
      throw error
    },
  },
)
doors.open()

const tokens = createTokens(
  { jwtSecret: SECRET, clockToleranceMs: 0, jsonDepthMax: DEPTH },
  { clock: systemClock, events: { keySetFetched: () => undefined, keySetFailed: () => undefined } },
)

async function refusalOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  )
}

async function asToken(header: string, claims: string): Promise<string | undefined> {
  const { createHmac } = await import('node:crypto')
  const signed = [header, claims].map((part) => Buffer.from(part).toString('base64url')).join('.')
  const signature = createHmac('sha256', SECRET).update(signed).digest('base64url')
  return refusalOf(tokens.verify(`${signed}.${signature}`))
}

/** Whoever knocks here is told. Where the JSON is not a payload, one level of it is left out for the object that it stands in. */
const TELLING: Readonly<Record<string, Door>> = {
  'the payload of a text frame': (json) =>
    asFrame((own) => `{"type":"publish","channel":"chat:1","data":${json},"ref":${own}}`),
  'a member that no frame has': (json) => asFrame((own) => `{"type":"ping","x":${json},"ref":${own}}`),
  'the envelope of a binary frame': (json) =>
    asFrame((own) =>
      Buffer.from(
        joinBinary(`{"type":"publish","channel":"chat:1","x":${json},"ref":${own}}`, Buffer.from('x')),
      ),
    ),
  'the payload of a publish over HTTP': (json) => asRequest('/v1/publish', `{"channel":"a","data":${json}}`),
  'the payload of a publish over HTTP in an array': (json) =>
    asRequest('/v1/publish', ` [{"channel":"a","data":${json}}]`),
  'the payload of a publish over NATS': async (json) => {
    const reply = new Promise<string>((resolve) => (answered = resolve))
    handle('sluice.publish.a', Buffer.from(json), 'reply', undefined)
    return (JSON.parse(await reply) as { error?: { message: string } }).error?.message
  },
  'a key set': (json) => {
    // Within an object that is one level.
    try {
      readKeySet(`{"keys":[],"x":${json.slice(1, -1)}}`, DEPTH)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  },
  'the claims of a token': (json) =>
    asToken('{"alg":"HS256","typ":"JWT"}', `{"sub":"ann","x":${json.slice(1, -1)}}`),
  'the header of a token': (json) => asToken(`{"alg":"HS256","x":${json.slice(1, -1)}}`, '{"sub":"ann"}'),
}

describe.each(Object.entries(TELLING))('%s', (_, door) => {
  it.each(TOO_DEEP)('is refused with %d levels, and whoever sent it is told the limit', async (depth) => {
    expect(await door(nested(depth))).toMatch(
      // A token has another limit before it.
      /nested deeper than limits\.jsonDepth allows, which is 64|the token is longer than/,
    )
  })

  it('is taken with as many levels as are allowed', async () => {
    expect(await door(nested(DEPTH))).toBeUndefined()
  })
})

const nothing = (): undefined => undefined
const SINK = {
  disconnect: nothing,
  revoke: nothing,
  stand: nothing,
  order: nothing,
  forget: nothing,
  takenOver: nothing,
  givenUp: nothing,
  cameBack: nothing,
  replayed: nothing,
  howAreYou: nothing,
  subscriptionCounts: () => undefined,
  jobChanged: () => undefined,
  signOut: () => undefined,
  occupancyAsk: () => undefined,
  occupancyAnswer: () => undefined,
  iAm: nothing,
  linkAsk: nothing,
  linkAnswer: nothing,
  canary: nothing,
  trace: nothing,
  traced: nothing,
  traceOver: nothing,
}

/** Whoever sends these is told nothing more than that it is not what it should be. */
const SILENT: Readonly<Record<string, (json: string) => unknown>> = {
  'a drain that is asked for': async (json) =>
    (await asRequest(`/v1/nodes/${node.id}/drain`, `{"plan":${json}}`)) === undefined,
  'an answer of a backend over NATS': async (json) => {
    backendAnswer = `{"x":${json}}`
    const refused = await refusalOf(
      doors.forward('ann', {
        channel: 'a',
        payload: { data: Buffer.of(1), binary: true },
        id: undefined,
        event: undefined,
      }),
    )
    return refused === undefined
  },
  'control between nodes': (json) => dispatch(Buffer.from(`{"kind":"canary","word":1,"x":${json}}`), SINK),
  'presence between nodes': (json) =>
    decodeAnnouncement(Buffer.from(`{"kind":"presence","gone":true,"x":${json}}`)) !== undefined,
}

describe.each(Object.entries(SILENT))('%s', (_, taken) => {
  it.each(TOO_DEEP)('is refused with %d levels', async (depth) => {
    expect(await taken(nested(depth))).toBe(false)
  })
})

it('the table of nodes is read without what is nested too deep in it', () => {
  const entry = `1 0 {"id":"a","x":${nested(30_000)}}`
  const table = new NodeTable(['a', entry], 1, 1, { nodeTtlMs: 1000, sessionTtlMs: 1000 })
  const malformed: string[] = []
  expect(table.infos(1, (id) => malformed.push(id))).toEqual([])
  expect(malformed).toEqual(['a'])
})

it('a frame of ten kilobytes, deep, of a stranger without a token, ends nothing but itself', async () => {
  const stranger = await RawClient.open(`ws://127.0.0.1:${node.port}/v1/ws`)
  for (const frame of [
    `{"type":${nested(5000)},"ref":1}`,
    `{"type":"subscribe","ref":1,"channel":${nested(5000, '{"a":')}}`,
    `{"type":"connect","ref":${nested(5000)}}`,
  ]) {
    stranger.send(frame)
    expect(await stranger.next('error')).toMatchObject({ code: 'bad_request' })
  }
  stranger.cut()
  await client.settled()
})

/** Where JSON is parsed without the limit, and why that is not a peer's. */
const OWN: Readonly<Record<string, string>> = {
  'protocol/json.ts': 'the limit itself',
  'protocol/raw-json.ts': 'a key, which is a text',
  'protocol/json-scan.ts': 'a text within a value of which it looks how deep it is',
  'auth/claims.ts': 'a token of which auth/tokens.ts has looked how deep it is',
  'auth/keys.ts': 'an option',
  'api/openapi.ts': 'our own package.json',
  'package-version.ts': 'our own package.json',
  'drivers/uws-binary.ts': "a package's package.json",
  'drivers/opentelemetry.ts': 'our own package.json',
  'console/load-page.ts': 'a file of the build',
  'cli/gateway-api.ts': 'the answer of the gateway that an operator asks',
  'cli/json-fault.ts': "the operator's own input, to say where it is wrong",
  'cli/trace.ts': 'the gateway that an operator asks',
  'observe/pretty.ts': 'a line of our own log',
  'observe/watchdog-file.ts': 'what this process has left for a program that it starts',
  'cli/line-publisher.ts': "a line of the operator's own input",
  'client/debug.ts': 'the gateway, in a client',
  'client/http-socket.ts': 'the gateway, in a client',
  'client/socket.ts': 'the gateway, in a client',
  'client/pusher.ts': 'the gateway, in a client',
  'client/stream.ts': 'the gateway, in a client',
  'client/tab-host.ts': 'another tab of the same application, in a client',
  'client/kept-positions.ts': "the page's own storage, in a client",
}

it('no other file parses JSON, so that there is no door beside these', () => {
  const root = new URL('../../src/', import.meta.url)
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !/^console\/(?:page|operator)\//.test(path),
  )
  const parsing = files.filter((path) =>
    /\bJSON\.parse\(|\.json\(\)|parse: JSON|\bJSON\.parse\b/.test(
      readFileSync(new URL(path, root), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''),
    ),
  )
  expect(parsing.toSorted()).toEqual(Object.keys(OWN).toSorted())
})
