/** The examples of docs/guides, run as they stand there against a node. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import * as natsTransport from '@nats-io/transport-node'
import * as ws from 'ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as sdk from '../../src/client/index.ts'
import * as sdkForNode from '../../src/client/node.ts'
import * as presence from '../../src/client/presence.ts'
import { loadConfig } from '../../src/config/load.ts'
import { SECRETS } from '../support/config-check.ts'
import { ROOT } from '../support/installed-packages.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { shell } from '../support/shell.ts'
import { runScript, Snippets } from '../support/snippets.ts'
import { startCluster } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const { SluiceClient } = sdk
const MODULES = {
  '@sluice/client': sdk,
  '@sluice/client/node': sdkForNode,
  '@sluice/client/presence': presence,
  '@nats-io/transport-node': natsTransport,
  ws,
}
/** What a snippet makes. */
interface Made {
  readonly client: sdk.SluiceClient
}

/** By which test the others are taken. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/guides/authentication.md': 'test/protocol/guides-tokens.test.ts',
  'docs/guides/notifications.md': 'test/package/first-minute.test.ts',
}

let node: StartedNode
const folder = temporaryDirectory('guides')
const ended: (() => void)[] = []
const guides = readdirSync(`${ROOT}docs/guides`).map((name) => `docs/guides/${name}`)
const pages = new Map<string, Snippets>()
const page = (name: string): Snippets => pages.get(`docs/guides/${name}.md`) as Snippets

const url = (): string => `ws://127.0.0.1:${node.port}/v1/ws`
/** As the backend of the guides answers `/realtime-token`. */
const backend = async (address: string | URL, init?: RequestInit): Promise<Response> =>
  String(address) === '/realtime-token'
    ? Response.json({ token: await node.token('alice') })
    : fetch(address, init)

async function connected(options: Partial<sdk.FullClientOptions> = {}): Promise<sdk.SluiceClient> {
  const token = await node.token('alice', { history: ['*'] })
  const client = new SluiceClient({ url: url(), token, ...options })
  ended.push(() => client.close())
  await client.connect()
  return client
}

/** What a snippet calls to show something, and what it was shown. */
function recorder(): { readonly seen: unknown[]; readonly show: (...values: readonly unknown[]) => void } {
  const seen: unknown[] = []
  return { seen, show: (...values) => void seen.push(...values) }
}

beforeAll(async () => {
  // Node 20 has none.
  vi.stubGlobal('WebSocket', ws.WebSocket)
  node = await startNode({
    namespaces: { '*': { presence: true, clientPublish: 'fanout', ttl: '1h' } },
  })
  const here = [
    ['wss://rt.example.com', `ws://127.0.0.1:${node.port}`],
    ['https://rt.example.com', `http://127.0.0.1:${node.port}`],
    ['http://127.0.0.1:8081', `http://127.0.0.1:${node.apiPort}`],
  ] as const
  for (const guide of guides) pages.set(guide, new Snippets(guide, here))
})
afterAll(async () => {
  for (const end of ended) end()
  await node.close()
  folder.remove()
})

describe('the transports', () => {
  it.each(['client', 'event-source'])('%s', async (name) => {
    const { seen, show } = recorder()
    const given = { show, fetch: backend, EventSource, loadEverythingAnew: () => show('reset') }
    const code = page('transports').take(name)
    const gives = [name === 'client' ? 'client' : 'stream']
    const { client, stream } = await runScript<{ client?: sdk.SluiceClient; stream?: EventSource }>(code, {
      modules: MODULES,
      ...{ given, gives },
    })
    ended.push(() => (client ?? stream)?.close())
    if (name === 'client') expect(client?.transport).toBe('websocket')
    else await new Promise((resolve) => stream?.addEventListener('welcome', resolve))
    await node.publish({ channel: 'news', data: `by ${name}` })
    await expect.poll(() => seen).toEqual([`by ${name}`])
  })

  it('node', async () => {
    const { seen, show } = recorder()
    const given = { work: show, makeToken: (user: string) => node.token(user) }
    const code = page('transports').take('node')
    const { client } = await runScript<Made>(code, { modules: MODULES, given, gives: ['client'] })
    ended.push(() => client.close())
    await node.publish({ channel: 'jobs', data: 1 })
    await expect.poll(() => seen).toEqual([1])
  })

  it('poll', async () => {
    const enough = new Error('enough')
    const seen: unknown[] = []
    const show = (data: unknown): void => {
      if (seen.push(data) === 2) throw enough
    }
    let answered = (): void => undefined
    const begun = new Promise<void>((resolve) => (answered = resolve))
    const asked = async (address: string, init: RequestInit): Promise<Response> => {
      const response = await fetch(address, init)
      answered()
      return response
    }
    const given = { show, token: await node.token('polls'), fetch: asked, loadEverythingAnew: show }
    const polling = runScript(page('transports').take('poll'), { given })
    await begun
    for (const data of ['one', 'two']) await node.publish({ channel: 'news', data })
    await expect(polling).rejects.toBe(enough)
    expect(seen).toEqual(['one', 'two'])
  })
})

it('packages/client/README.md: the first client of all', async () => {
  const readme = new Snippets('packages/client/README.md', [
    ['ws://127.0.0.1:8080', `ws://127.0.0.1:${node.port}`],
  ])
  const [install = '', code = '', ...others] = readme.takeAll('')
  expect([install.trim(), others]).toEqual(['npm install @sluice/client', []])
  const { seen, show } = recorder()
  const asked: string[] = []
  const given = {
    fetch: async (address: string) => {
      asked.push(address)
      return Response.json({ token: await node.token('alice') })
    },
    console: { log: show },
    location: { reload: () => show('reload') },
  }
  const { client } = await runScript<Made>(code, { modules: MODULES, given, gives: ['client'] })
  ended.push(() => client.close())
  await node.publish({ channel: 'news', data: 'read me' })
  await expect.poll(() => seen).toEqual(['read me'])
  expect(asked).toEqual(['http://127.0.0.1:8080/dev/token?sub=alice'])
})

describe('history', () => {
  it('shows the last messages, and pages back', async () => {
    for (let count = 1; count <= 70; count++) await node.publish({ channel: 'chat:42', data: count })
    const { seen, show } = recorder()
    const given = { client: await connected(), append: show, clearAndLoad: () => show('reset') }
    await runScript(page('history').take('last'), { given })
    await node.publish({ channel: 'chat:42', data: 71 })
    const last = Array.from({ length: 21 }, (_, at) => 51 + at)
    await expect.poll(() => seen).toEqual(last)
    const shown: unknown[] = []
    const prepend = (messages: readonly sdk.Message[]): void =>
      void shown.unshift(...messages.map(({ data }) => data))
    const scrolledToTop = (): Promise<boolean> => Promise.resolve(true)
    await runScript(page('history').take('pages'), { given: { ...given, prepend, scrolledToTop } })
    expect(shown).toEqual(Array.from({ length: 71 }, (_, at) => 1 + at))
  })

  it('goes on after a reload', async () => {
    const kept = new Map<string, string>()
    vi.stubGlobal('sessionStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    })
    const { seen, show } = recorder()
    const given = { url: url(), token: await node.token('reloads'), SluiceClient, append: show, notify: show }
    const code = page('history').take('resume')
    const load = async (): Promise<sdk.SluiceClient> => {
      const { client } = await runScript<Made>(code, { given, gives: ['client'] })
      await expect.poll(() => client.state).toBe('connected')
      return client
    }
    const first = await load()
    await node.publish({ user: 'reloads', data: 'before' })
    await expect.poll(() => seen).toEqual(['before'])
    first.close()
    await node.publish([
      { user: 'reloads', data: 'meanwhile' },
      { channel: 'chat:42', data: 'to the channel' },
    ])
    ended.push(await load().then((client) => () => client.close()))
    // Between the inbox and a channel there is no order.
    await expect.poll(() => new Set(seen)).toEqual(new Set(['before', 'meanwhile', 'to the channel']))
    expect(seen).toHaveLength(3)
  })

  it('keeps a table up to date', async () => {
    const { seen, show } = recorder()
    const fetched = (address: string): Promise<Response> =>
      Promise.resolve(Response.json(address === '/tables/7' ? { rows: ['row'] } : {}))
    const given = { client: await connected(), fetch: fetched, draw: show, change: show }
    await runScript(page('history').take('sync'), { given })
    await expect.poll(() => seen).toEqual([['row']])
    await node.publish({ channel: 'table:7', data: 'changed' })
    await expect.poll(() => seen).toEqual([['row'], 'changed'])
  })
})

it('presence: a room, who types, and a look without being seen', async () => {
  const { seen, show } = recorder()
  const drawn = (): unknown => seen.at(-1)
  const client = await connected()
  const given = { client, draw: (members: unknown) => show(members) }
  const code = page('presence').take('room')
  const { room } = await runScript<{ room: presence.Presence }>(code, {
    modules: MODULES,
    given,
    gives: ['room'],
  })
  await expect.poll(drawn).toEqual([['alice', { name: 'Ann' }]])

  const input = new EventTarget()
  let quiet = (): void => undefined
  const timers = { setTimeout: (run: () => void) => (quiet = run), clearTimeout: () => undefined }
  await runScript(page('presence').take('typing'), { given: { ...timers, room, input } })
  for (let key = 0; key < 3; key++) input.dispatchEvent(new Event('input'))
  await expect.poll(drawn).toEqual([['alice', { name: 'Ann', typing: true }]])
  quiet()
  await expect.poll(drawn).toEqual([['alice', { name: 'Ann', typing: false }]])

  const asked = await shell(page('presence').take('backend'), { API_KEY: node.apiKey })
  expect(JSON.parse(asked.out)).toMatchObject({
    presence: ['alice'],
    presenceData: { alice: { name: 'Ann' } },
  })
  await runScript(page('presence').take('leave'), { given: { room } })
  const there = async (): Promise<unknown> => (await node.api('GET', '/v1/channels/room:1')).json()
  await expect.poll(there).toMatchObject({ presence: [] })
})

it('requests: a backend answers over NATS, or refuses', async () => {
  const cluster = await startCluster(1, { namespaces: { ask: { clientPublish: 'forward' } } })
  const [member] = cluster.nodes as [StartedNode]
  const process = { env: { NATS_URL: cluster.nats.url } }
  const code = page('requests').take('answer')
  const { nats } = await runScript<{ nats: natsTransport.NatsConnection }>(code, {
    ...{ modules: MODULES, given: { process } },
    gives: ['nats'],
  })
  const client = new SluiceClient({
    url: `ws://127.0.0.1:${member.port}/v1/ws`,
    token: await member.token('bob'),
  })
  try {
    await nats.flush()
    await client.connect()
    const { seen, show } = recorder()
    await runScript(page('requests').take('request'), { given: { client, show } })
    expect(seen).toEqual([6])
    expect(await client.request('ask:sum', [4, 5])).toEqual({ user: 'bob', sum: 9 })
    await expect(client.request('ask:sum', 'no list')).rejects.toMatchObject({ code: 'bad_request' })
    const reference = new Snippets('docs/client.md').take('request')
    expect(await runScript(reference, { given: { client }, gives: ['sum'] })).toEqual({ sum: 6 })
  } finally {
    client.close()
    await nats.close()
    await cluster.close()
  }
})

describe('the other servers', () => {
  it.each(['from-socket-io', 'from-ws'])('%s: a backend publishes', async (name) => {
    const process = {
      env: { SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`, SLUICE_API_KEY: node.apiKey },
    }
    const save = (_room: string, user: string, text: string): object => ({ id: 7, user, text })
    const given = { process, save, fetch }
    const code = page(name).take('backend')
    const gives = [name === 'from-ws' ? 'publish' : 'say']
    type Call = (...words: readonly string[]) => Promise<unknown>
    const { publish, say } = await runScript<{ publish?: Call; say?: Call }>(code, { given, gives })
    await (publish ?? say)?.(...(name === 'from-ws' ? ['room:9', 'text', 'id-1'] : ['42', 'alice', 'hello']))
    const channel = name === 'from-ws' ? 'room:9' : 'room:42'
    const read = await node.api('GET', `/v1/channels/${channel}/messages?last=1`)
    const { messages } = (await read.json()) as { readonly messages: readonly unknown[] }
    expect(messages).toMatchObject(
      name === 'from-ws' ? [{ data: 'text' }] : [{ event: 'said', data: { user: 'alice', text: 'hello' } }],
    )
  })

  it.each([
    ['from-socket-io', 'room:42', 'said'],
    ['from-pusher', 'shop:news', 'price'],
    ['from-centrifugo', 'news:sport', undefined],
    ['from-ws', 'room:1', undefined],
  ])('%s: a page listens', async (name, channel, event) => {
    const { seen, show } = recorder()
    const own = name === 'from-ws'
    const given = {
      ...(own ? {} : { client: await connected() }),
      ...{ fetch: backend, append: show, show, showPrice: show, loadEverythingAnew: () => show('reset') },
    }
    const gives = own ? ['client'] : []
    const { client } = await runScript<Partial<Made>>(page(name).take('page'), {
      modules: MODULES,
      ...{ given, gives },
    })
    ended.push(() => client?.close())
    // Nobody can see from outside when the subscription has begun.
    await expect
      .poll(async () => {
        await node.api('POST', '/v1/publish', { channel, data: name, ...(event && { event }) })
        return seen
      })
      .toContain(name)
  })

  it('from-ws: a program with a WebSocket of its own', async () => {
    const { seen, show } = recorder()
    const given = { token: await node.token('raw'), show }
    const code = page('from-ws').take('raw')
    const { socket } = await runScript<{ socket: ws.WebSocket }>(code, {
      modules: MODULES,
      ...{ given, gives: ['socket'] },
    })
    ended.push(() => socket.close())
    await expect
      .poll(async () => {
        await node.publish({ channel: 'room:1', data: 'raw' })
        return seen
      })
      .toContain('raw')
  })
})

describe('what is deployed', () => {
  it('is a configuration that a node takes', () => {
    const environment = { ...SECRETS, SLUICE_CLUSTER_SECRET: 'a-secret-that-the-nodes-share' }
    const found = guides.flatMap((guide) => (pages.get(guide) as Snippets).takeAll('config'))
    expect(found.length).toBeGreaterThan(7)
    for (const [index, text] of found.entries()) {
      const file = join(folder.path, `${index}.yaml`)
      writeFileSync(file, text)
      expect(() => loadConfig({ file, env: environment }), text).not.toThrow()
    }
  })

  it('is checked by the command, with the secrets of the guide', async () => {
    const code = page('deploy')
      .take('environment')
      .replace(/^.* serve .*$/m, '')
    writeFileSync(join(folder.path, 'sluice.yaml'), 'allowedOrigins: [https://app.example.com]\n')
    const command = code.replace('npx @sluice/gateway', `node ${ROOT}bin/sluice.js`)
    expect(await shell(command, {}, folder.path)).toMatchObject({ code: 0, err: '' })
  })

  it('names files that are there', () => {
    const words = page('deploy').takeAll('files').join('\n').split(/\s+/)
    const named = words.filter((word) => word.startsWith('deploy/'))
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((path) => !existsSync(`${ROOT}${path}`))).toEqual([])
  })

  it('says how it is', async () => {
    expect((await shell(page('deploy').take('health'))).out).toContain('"ok":true')
  })
})

it('has no other example that nothing runs', () => {
  const left = guides
    .filter((guide) => !(guide in ELSEWHERE))
    .flatMap((guide) =>
      (pages.get(guide) as Snippets).left.map(({ name, text }) => `${guide}: ${name || text}`),
    )
  expect(left).toEqual([])
})
