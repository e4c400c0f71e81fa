import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Position } from '../../src/protocol/position.ts'
import { WebSocket } from 'ws'
import { createClient as createFromSource } from '../../src/client/node.ts'
import type { SluiceClient, StateChange, Transport } from '../../src/client/index.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { startNode, type StartedNode, type TokenClaims } from '../support/start-node.ts'

/**
 * The SDK and a real node, with a network between them that can be cut: the same on each transport, and of the file for pages, in which
 * names are shorter.
 */

const ROOT = new URL('../../', import.meta.url)

let node: StartedNode
let proxy: CuttingProxy
const clients: SluiceClient[] = []
let transport: Transport = 'websocket'
let createClient = createFromSource

beforeAll(async () => {
  node = await startNode({
    namespaces: { chat: { clientPublish: 'fanout' } },
    auth: { reauthInterval: '3s', reauthDeadline: '2s' },
  })
  proxy = new CuttingProxy(node.port)
  await proxy.listen()
})
afterAll(async () => {
  for (const client of clients) client.close()
  await proxy.close()
  await node.close()
})

/** With the tokens that were handed out and the states that the client went through. */
function clientOf(
  user: string,
  claims: TokenClaims = {},
): { client: SluiceClient; tokens: string[]; states: string[] } {
  const tokens: string[] = []
  const states: string[] = []
  const client = createClient({
    url: `ws://127.0.0.1:${proxy.port}/v1/ws`,
    transport,
    token: async () => {
      const token = await node.token(user, claims)
      tokens.push(token)
      return token
    },
    backoff: { baseMs: 20, maxMs: 50 },
  })
  client.on('state', ({ state }: StateChange) => states.push(state))
  clients.push(client)
  return { client, tokens, states }
}

/** As pages load it, with the WebSocket that Node 20 has not. */
async function createMinified(): Promise<typeof createFromSource> {
  execFileSync(process.execPath, [fileURLToPath(new URL('scripts/build.mjs', ROOT))])
  const file = readFileSync(new URL('packages/client/dist/sluice.min.js', ROOT), 'utf8')
  const minified = (await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(file)}`
  )) as typeof import('../../src/client/index.ts')
  return (options) => new minified.SluiceClient({ WebSocket, ...options })
}

const FORMS = { client: () => Promise.resolve(createFromSource), 'minified client': createMinified }
const ALL = (['client', 'minified client'] as const).flatMap((form) =>
  (['websocket', 'sse', 'poll'] as const).map((way) => [form, way] as const),
)

describe.each(ALL)('the %s over %s', (form, way) => {
  const mine = `${way}-${form.split(' ')[0]}`
  beforeAll(async () => {
    transport = way
    createClient = await FORMS[form]()
  })
  // The cuts of those that follow are nothing to them.
  afterAll(() => clients.splice(0).forEach((client) => client.close()))

  it('shows each message once and in order through cuts, with one token', async () => {
    const { client, tokens, states } = clientOf(`cleo-${mine}`)
    const seen: number[] = []
    const resets: string[] = []
    let inbox = ''
    client.inbox<string>(({ data }) => {
      inbox = data
    })
    const subscription = client.subscribe<number>(`news:1-${mine}`, ({ data }) => void seen.push(data), {
      onReset: ({ reason }) => void resets.push(reason),
    })
    await client.connect()
    await subscription.ready
    for (let n = 0; n < 100; n++) {
      await node.publish({ channel: `news:1-${mine}`, data: n })
      if (n % 20 === 10) proxy.cut(1)
    }
    await node.publish({ user: `cleo-${mine}`, data: 'done' })
    await expect.poll(() => seen.length).toBe(100)
    await expect.poll(() => inbox).toBe('done')
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n))
    expect(resets).toEqual([])
    // A poll that is cut off is asked again: that is no disconnection, unless all its tries are cut off.
    if (way !== 'poll') expect(states).toContain('waiting')
    else if (form === 'client') expect(states).not.toContain('waiting')
    // A slow machine gives the gateway time to ask for another one; coming back does not.
    const asked = await node.metric('sluice_reauth_total{result="asked"}')
    expect(tokens.length).toBeLessThanOrEqual(1 + asked)
  })

  it('publishes once through a cut', async () => {
    const { client } = clientOf(`paul-${mine}`)
    const seen: number[] = []
    const { ready } = client.subscribe<number>(`chat:1-${mine}`, ({ data }) => void seen.push(data))
    await client.connect()
    await ready
    const published: Promise<{ position: Position | undefined }>[] = []
    for (let n = 0; n < 50; n++) {
      published.push(client.publish(`chat:1-${mine}`, n))
      if (n % 10 === 5) proxy.cut(1)
    }
    const positions = await Promise.all(published)
    await expect.poll(() => seen.length).toBe(50)
    expect(new Set(seen).size).toBe(50)
    expect(new Set(positions.map(({ position }) => position?.offset)).size).toBe(50)
  })

  it('gets bytes as bytes', async () => {
    const { client } = clientOf('bob')
    const seen: Uint8Array[] = []
    const { ready } = client.subscribe<Uint8Array>(`chat:2-${mine}`, ({ data }) => void seen.push(data))
    await client.connect()
    await ready
    await client.publish(`chat:2-${mine}`, new Uint8Array([0, 1, 254, 255]))
    await expect.poll(() => seen.length).toBe(1)
    expect([...(seen[0] as Uint8Array)]).toEqual([0, 1, 254, 255])
  })

  it('re-authenticates with a fresh token while it stays connected', async () => {
    const { client, tokens, states } = clientOf('rita')
    await client.connect()
    await expect.poll(() => tokens.length).toBeGreaterThan(1)
    await expect.poll(() => node.metric('sluice_reauth_total{result="renewed"}')).toBeGreaterThan(0)
    expect(states).toEqual(['connecting', 'connected'])
  })

  it('is told which channel its token does not allow, and keeps the others', async () => {
    const { client } = clientOf('fred', { subscribe: ['news:*'] })
    const errors: string[] = []
    const forbidden = client.subscribe('secret', () => undefined, {
      onError: ({ code }) => void errors.push(code),
    })
    const allowed = client.subscribe('news:2', () => undefined)
    await client.connect()
    await expect(forbidden.ready).rejects.toMatchObject({ code: 'forbidden' })
    await allowed.ready
    expect(errors).toEqual(['forbidden'])
  })

  it('asks for a fresh token once it is revoked, and is closed for good where there is none', async () => {
    const { client, tokens } = clientOf(`rob-${mine}`)
    await client.connect()
    expect((await node.api('POST', `/v1/users/rob-${mine}/revoke`)).status).toBe(200)
    await expect.poll(() => tokens.length).toBeGreaterThan(1)

    const fixed = createClient({ url: `ws://127.0.0.1:${proxy.port}/v1/ws`, token: 'no token', transport })
    clients.push(fixed)
    const errors: string[] = []
    fixed.on('error', ({ message }) => void errors.push(message))
    await expect(fixed.connect()).rejects.toMatchObject({ closeCode: 4401 })
    expect(fixed.state).toBe('failed')
    expect(errors.length).toBe(1)
  })

  it.each([
    ['of another secret', () => node.token('eve', {}).then((token) => `${token.slice(0, -8)}AAAAAAAA`), 4401],
    ['that is undefined as a text', () => 'undefined', 4401],
  ])('fails with the reason of the gateway where each token is one %s', async (_what, token, closeCode) => {
    const url = `ws://127.0.0.1:${node.port}/v1/ws`
    const client = createClient({ url, token, transport, backoff: { baseMs: 1, maxMs: 1 } })
    clients.push(client)
    const errors: string[] = []
    client.on('error', ({ message }) => void errors.push(message))
    await expect(client.connect()).rejects.toMatchObject({ closeCode })
    await expect.poll(() => client.state).toBe('failed')
    expect(errors.length).toBe(5)
    expect(errors[0]).toMatch(new RegExp(`^the connection to ${url} ended \\(4401\\): .*token`))
  })

  it.each([
    ['at a path that is none', () => `ws://127.0.0.1:${node.port}/v1/wss`, /404|there is nothing/],
    ['where nobody listens', () => 'ws://127.0.0.1:9/v1/ws', /ECONNREFUSED|fetch failed/],
  ])('rejects connect %s, with the reason, and goes on trying', async (_what, url, reason) => {
    const client = createClient({ url: url(), token: 'any', transport, backoff: { baseMs: 1, maxMs: 1 } })
    clients.push(client)
    const errors: string[] = []
    client.on('error', ({ message }) => void errors.push(message))
    const failure: unknown = await client.connect().catch((error: unknown) => error)
    expect(String(failure)).toMatch(reason)
    expect(String(failure)).toContain(url())
    expect(errors.length).toBeGreaterThanOrEqual(3)
    expect(['waiting', 'connecting']).toContain(client.state)
    client.close()
  })
})
