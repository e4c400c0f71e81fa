/** Tabs of one user without a browser: what the browser gives them is played here, and their clock stands still. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Time } from '../../../src/client/time.ts'
import type { Position } from '../../../src/protocol/position.ts'
import type { FullClientOptions, SluiceClient } from '../../../src/client/full.ts'
import { FakeSockets, type FakeSocket } from './fake-sockets.ts'
import { ManualTime, settled } from './manual-time.ts'

/** By its address: the types of a browser, which it is written with, are not those of tests. */
const { SharedClient } = (await import(new URL('../../../src/client/tabs.ts', import.meta.url).href)) as {
  readonly SharedClient: new (options: FullClientOptions & { readonly user: string }) => SluiceClient
}

interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal },
    granted: () => Promise<void>,
  ): Promise<unknown>
}

/** Whose code runs: also behind what it waits for. */
const running = new AsyncLocalStorage<Tab>()

/** What tabs share: locks, which go to the next when their tab ends, and channels on which all hear all others. */
class Tabs {
  readonly #queues = new Map<string, { readonly tab: Tab; readonly grant: () => Promise<void> }[]>()
  readonly #channels = new Set<{
    readonly owner: Tab
    readonly name: string
    hear: (data: unknown) => void
  }>()

  locksOf(tab: Tab): Locks {
    return {
      request: (name, { signal }, granted) =>
        new Promise((resolve, reject) => {
          const queue = this.#queues.get(name) ?? []
          this.#queues.set(name, queue)
          const one = {
            tab,
            grant: async () => {
              await running.run(tab, granted)
              this.#release(name, one)
              resolve(undefined)
            },
          }
          signal?.addEventListener('abort', () => {
            if (queue[0] === one) return
            this.#release(name, one)
            reject(new Error('AbortError'))
          })
          if (queue.push(one) === 1) void one.grant()
        }),
    }
  }

  /** As a browser does it: by name, to all but the sender, later. */
  get BroadcastChannel(): unknown {
    const channels = this.#channels
    return class {
      onmessage: ((event: { readonly data: unknown }) => void) | null = null
      readonly #own

      constructor(name: string) {
        const owner = running.getStore() as Tab
        const hear = (data: unknown): void => running.run(owner, () => this.onmessage?.({ data }))
        this.#own = { owner, name, hear }
        channels.add(this.#own)
      }

      postMessage(data: unknown): void {
        const { owner, name } = this.#own
        for (const other of owner.isDead ? [] : channels)
          if (other !== this.#own && other.name === name)
            setImmediate(() => {
              if (!other.owner.isDead) other.hear(structuredClone(data))
            })
      }

      close(): void {
        channels.delete(this.#own)
      }
    }
  }

  /** Its process is gone: it says nothing more, and holds nothing more. */
  crash(tab: Tab): void {
    tab.isDead = true
    for (const [name, queue] of this.#queues)
      for (const one of queue.filter((waiting) => waiting.tab === tab)) this.#release(name, one)
  }

  #release(name: string, one: { readonly tab: Tab; readonly grant: () => Promise<void> }): void {
    const queue = this.#queues.get(name) ?? []
    const at = queue.indexOf(one)
    if (at >= 0) queue.splice(at, 1)
    if (at === 0) void queue[0]?.grant()
  }
}

class Tab {
  isDead = false
  readonly shown: unknown[] = []
  readonly sockets = new FakeSockets()
  readonly client: SluiceClient

  constructor(tabs: Tabs, time: ManualTime) {
    // Read when a client is made.
    vi.stubGlobal('navigator', { locks: tabs.locksOf(this) })
    const { WebSocket } = this.sockets
    const clock: Time = {
      now: () => time.now(),
      random: () => time.random(),
      after: (delayMs, run) => time.after(delayMs, () => running.run(this, run)),
    }
    const url = 'wss://gateway.example/v1/ws'
    const options = {
      url,
      user: 'alice',
      token: 't',
      transport: 'websocket',
      WebSocket,
      time: clock,
    } as const
    this.client = running.run(this, () => {
      const client = new SharedClient(options)
      client.subscribe('news', ({ data }) => this.shown.push(data))
      void client.connect()
      return client
    })
  }
}

let tabs: Tabs
let time: ManualTime

beforeEach(() => {
  tabs = new Tabs()
  time = new ManualTime()
  vi.stubGlobal('BroadcastChannel', tabs.BroadcastChannel)
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal('removeEventListener', () => undefined)
})
afterEach(() => void vi.unstubAllGlobals())

/** Everything that needs no time has happened. */
async function still(): Promise<void> {
  for (let round = 0; round < 30; round++) {
    await settled()
    await time.pass(0)
  }
}

/** The gateway: welcomes, and puts whoever asks on the channel from where he is, with what its log has behind that. */
function serve(socket: FakeSocket, log: readonly string[]): void {
  socket.onSent = ({ type, ref, channel, from }) => {
    if (type !== 'subscribe') return
    const { offset = 0 } = (from ?? {}) as Partial<Position>
    const isInbox = channel === '@inbox'
    const answer = { type: 'subscribed', ref, channel, epoch: isInbox ? 'i' : 'e', offset }
    setImmediate(() => {
      socket.receive({ ...answer, recovered: from !== undefined } as never)
      for (let next = offset + 1; next <= log.length && !isInbox; next++) deliver(socket, log, next)
    })
  }
  socket.welcome()
}

function deliver(socket: FakeSocket, log: readonly string[], offset = log.length): void {
  socket.receive({ type: 'message', channel: 'news', offset, data: log[offset - 1] } as never)
}

it('a tab takes over from one that has crashed, and serves the others, without a moment of waiting', async () => {
  const [leader, second, third] = [0, 1, 2].map(() => new Tab(tabs, time)) as [Tab, Tab, Tab]
  const counts = (): number[] => [leader, second, third].map(({ sockets }) => sockets.count)
  await still()
  expect(counts()).toEqual([1, 0, 0])
  const log: string[] = []
  serve(leader.sockets.newest, log)
  await still()
  log.push('before it')
  deliver(leader.sockets.newest, log)
  await still()
  for (const { client, shown } of [leader, second, third])
    expect([client.state, ...shown]).toEqual(['connected', 'before it'])

  const crashedMs = time.now()
  tabs.crash(leader)
  log.push('meanwhile')
  await still()
  expect(counts()).toEqual([1, 1, 0])
  serve(second.sockets.newest, log)
  await still()
  log.push('after it')
  deliver(second.sockets.newest, log)
  await still()
  for (const { client, shown } of [second, third])
    expect([client.state, ...shown]).toEqual(['connected', 'before it', 'meanwhile', 'after it'])
  expect(counts()).toEqual([1, 1, 0])
  expect(time.now()).toBe(crashedMs)
})
