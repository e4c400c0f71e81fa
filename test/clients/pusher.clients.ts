/** Clients of Pusher and libraries of backends that are not on npm, as they are published, against a node. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { missingGo, missingJava, missingPython, said } from './tool-chains.ts'
import { APPS, backendOf, pusherJs, SHOP, type PusherJs } from '../support/pusher.ts'
import { because } from '../support/skip-reason.ts'
import { freePorts } from '../support/server-process.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const HERE = import.meta.dirname
const ROOM = 'presence-room'

const folder = mkdtempSync(join(tmpdir(), 'sluice-pusher-'))
const goProgram = join(folder, 'pusher')
const jars = join(folder, 'jars')
const python = join(folder, 'venv/bin/python')

const noGo = missingGo('./pusher', goProgram)
const noJava = missingJava(jars)
const noPython = missingPython(join(folder, 'venv'), ['pusher==3.3.4', 'pysher==1.0.8'])

let node: StartedNode
const clients: PusherJs[] = []

beforeAll(async () => {
  const [port = 0] = await freePorts(1)
  // What pysher is built on names the address that it connects to.
  const allowedOrigins = [`http://127.0.0.1:${port}`]
  node = await startNode({ port, allowedOrigins, dialects: { pusher: { apps: APPS } } })
})

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

afterAll(async () => {
  await node.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Signed in, in a room, and on a private channel. */
async function joined(
  user: string,
  room = `presence-${user}`,
): Promise<{ readonly client: PusherJs; readonly notes: unknown[] }> {
  const client = pusherJs(node, { id: user })
  clients.push(client)
  const notes: unknown[] = []
  for (const name of [room, 'private-news']) {
    const channel = client.subscribe(name)
    for (const event of ['note', 'client-note'])
      channel.bind(event, (data: unknown) => notes.push([name, data]))
    await new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve))
  }
  client.user.bind('note', (data: unknown) => notes.push(['user', data]))
  client.signin()
  await signedIn(user)
  return { client, notes }
}

async function signedIn(user: string): Promise<void> {
  await expect
    .poll(async () => {
      const answer = await node.api('GET', `/v1/channels/shop:=23server-to-user-${user}`)
      return ((await answer.json()) as { subscribers: { local: number } }).subscribers.local
    })
    .toBe(1)
}

// Each has a user of its own: one whose connections were ended a moment ago would be ended again.
describe.each([
  {
    ...{ name: 'pusher-http-python', why: noPython, command: python, ends: true },
    before: [join(HERE, 'python/pusher_calls.py')],
    more: {},
  },
  { name: 'pusher-http-go', why: noGo, command: goProgram, ends: false, before: [], more: { batch: 1 } },
])('$name', ({ name, why, command, before, more, ends }) => {
  it.skipIf(why !== undefined)(
    `publishes, sends to a user and asks who is there${because(why)}`,
    async () => {
      const { client, notes } = await joined(name)
      const args = [String(node.apiPort), SHOP.id, SHOP.key, SHOP.secret, client.connection.socket_id, name]
      expect(await said(command, [...before, ...args])).toEqual({
        ...{ channels: { [`presence-${name}`]: 1 }, members: 1, users: [name], refused: true },
        ...more,
      })
      await expect
        .poll(() => notes)
        .toEqual([
          [`presence-${name}`, { n: 1 }],
          [`presence-${name}`, { n: 2 }],
          ['user', { n: 3 }],
        ])
      // The library for Go cannot end anybody's connections.
      await expect.poll(() => client.connection.state).toBe(ends ? 'disconnected' : 'connected')
    },
  )
})

it.skipIf(noJava !== undefined)(
  `pusher-websocket-java and pusher-http-java speak to one another and to others${because(noJava)}`,
  async () => {
    const { client, notes } = await joined('ann', ROOM)
    const app = [String(node.port), String(node.apiPort), SHOP.id, SHOP.key, SHOP.secret]
    const program = ['-cp', `${jars}/*`, join(HERE, 'java/PusherMain.java')]
    const running = said('java', [...program, ...app, client.connection.socket_id])
    await Promise.race([running, signedIn('java')])
    await backendOf(node).sendToUser('java', 'note', { n: 4 })
    const { room, ...told } = (await running) as { readonly room: unknown }
    expect(told).toEqual({
      members: 2,
      me: '12345678901234567',
      news: [{ n: 1 }, { n: 1 }],
      batch: { n: 2 },
      user: { n: 4 },
      channels: { channels: { [ROOM]: { user_count: 2 } } },
      users: { users: expect.arrayContaining([{ id: 'ann' }, { id: '12345678901234567' }]) as unknown },
      refused: 400,
    })
    expect(room).toEqual({ n: 'left out' })
    await expect
      .poll(() => notes)
      .toEqual([
        ['private-news', { n: 1 }],
        ['private-news', { n: 3 }],
      ])
  },
)

it.skipIf(noPython !== undefined)(
  `pysher is on public and private channels, and is told what is published there${because(noPython)}`,
  async () => {
    const args = [join(HERE, 'python/pysher_client.py'), String(node.port), SHOP.key, SHOP.secret]
    const running = promisify(execFile)(python, args)
    const on: string[] = []
    running.child.stderr?.on('data', (text: string) => on.push(...text.trim().split('\n')))
    await expect.poll(() => on.toSorted()).toEqual(['news', 'private-news'])
    await backendOf(node).trigger(['news', 'private-news'], 'note', { n: 1 })
    const { stdout } = await running
    expect(JSON.parse(stdout)).toEqual([
      ['news', '{"n":1}'],
      ['private-news', '{"n":1}'],
    ])
  },
)
