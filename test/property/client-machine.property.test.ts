import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { WebSocketClient as SluiceClient } from '../../src/client/client.ts'
import type { Message, Subscription } from '../../src/client/channel.ts'
import { TABLE, type MachineEvent, type State } from '../../src/client/machine.ts'
import type { Position } from '../../src/protocol/position.ts'
import type { ResetFrame } from '../../src/dialect/sluice-v1/frames.ts'
import { FakeSockets } from '../unit/client/fake-sockets.ts'
import { ManualTime, settled } from '../unit/client/manual-time.ts'
import { ModelGateway } from '../unit/client/model-gateway.ts'

// Clients here are cut off all the time, and say so.
vi.spyOn(console, 'warn').mockImplementation(() => undefined)

const STATES = Object.keys(TABLE) as State[]
const EVENTS = [...new Set(STATES.flatMap((state) => Object.keys(TABLE[state])))] as MachineEvent[]

/** What a shell holds that does as the machine says. */
class ModelShell {
  state: State = 'idle'
  serving = false
  attempt = false
  waiting = false

  take(event: MachineEvent): void {
    const step = TABLE[this.state][event]
    if (step === undefined) return
    const [next, action] = step
    // What has happened in the world, whatever the machine makes of it.
    if (event === 'lose' || event === 'supersede') this.serving = false
    if (event === 'fail') this.attempt = false
    if (event === 'wake' || event === 'connect') this.waiting = false
    if (action === 'dial') {
      expect(this.attempt, 'M4 dial').toBe(false)
      this.attempt = true
    } else if (action === 'adopt') {
      expect(this.attempt, 'M4 adopt').toBe(true)
      this.attempt = false
      this.serving = true
    } else if (action === 'wait') this.waiting = true
    else if (action === 'end') this.attempt = this.serving = this.waiting = false
    this.state = next
  }

  /** Whether the event can happen at all. */
  possible(event: MachineEvent): boolean {
    if (event === 'welcome' || event === 'fail') return this.attempt
    if (event === 'lose') return this.serving
    if (event === 'supersede') return this.serving && this.attempt
    if (event === 'wake') return this.waiting
    return true
  }
}

describe('the machine', () => {
  it('M1 M2 M3 M4 M6 hold through any events that can happen', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
        const shell = new ModelShell()
        for (const event of events) {
          if (!shell.possible(event)) continue
          const before = shell.state
          shell.take(event)
          const { state } = shell
          expect(shell.serving, `M1 in ${state}`).toBe(state === 'connected' || state === 'moving')
          expect(shell.attempt, `M2 in ${state}`).toBe(
            state === 'connecting' || state === 'moving' || state === 'arriving',
          )
          expect(shell.waiting, `M3 in ${state}`).toBe(state === 'waiting')
          if (event === 'close') expect(state, 'M6').toBe('closed')
          if (before === 'closed' && event !== 'connect') expect(state, 'M6').toBe('closed')
          if (event === 'refuse' && before !== 'closed') expect(state, 'M6').toBe('failed')
          if (before === 'failed' && event !== 'connect' && event !== 'close')
            expect(state, 'M6').toBe('failed')
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('M5 a failed move goes back to connected', () => {
    expect(TABLE.moving.fail?.[0]).toBe('connected')
  })

  it('M7 from every state but idle, closed and failed there is a way to connected that needs no application', () => {
    const ways = new Set<State>(['connected'])
    for (let found = -1; found !== ways.size;) {
      found = ways.size
      for (const state of STATES) {
        for (const event of EVENTS) {
          const step = TABLE[state][event]
          if (event !== 'connect' && step !== undefined && ways.has(step[0])) ways.add(state)
        }
      }
    }
    expect([...ways].sort()).toEqual(['arriving', 'connected', 'connecting', 'moving', 'waiting'])
  })

  it('every state but idle can be reached from idle', () => {
    const reached = new Set<State>(['idle'])
    for (const state of reached) {
      for (const event of EVENTS) {
        const step = TABLE[state][event]
        if (step !== undefined) reached.add(step[0])
      }
    }
    expect([...reached].sort()).toEqual([...STATES].sort())
  })
})

/** What one handler was shown, checked as it happens against everything that was ever published. */
class Witness {
  /** After what was shown or told last; `undefined` until anything was. */
  at: Position | undefined
  shown = 0
  readonly #gateway: ModelGateway
  readonly #channel: string

  constructor(gateway: ModelGateway, channel: string, start: Position | undefined) {
    this.#gateway = gateway
    this.#channel = channel
    this.at = start
  }

  readonly message = ({ position, data }: Message): void => {
    const { epoch, offset } = position as Position
    expect(data).toBe(`${epoch}/${offset}`)
    const history = this.#gateway.history.get(`${this.#channel} ${epoch}`) as number[]
    if (this.at !== undefined) {
      expect(epoch, 'of the epoch that was told last').toBe(this.at.epoch)
      const after = this.at.offset
      expect(offset, 'once, in order, and none left out').toBe(history.find((one) => one > after))
    }
    this.at = { epoch, offset }
    this.shown++
  }

  readonly reset = ({ epoch, offset }: ResetFrame): void => {
    this.at = { epoch, offset }
  }
}

type Command =
  | { readonly kind: 'publish' | 'trim' | 'lose'; readonly channel: string }
  | { readonly kind: 'read' | 'deliver' | 'open' | 'cut' | 'move'; readonly socket: number }
  | { readonly kind: 'second'; readonly channel: string; readonly last: number }
  | { readonly kind: 'clientPublish' | 'pass' | 'toggle' | 'run' }

const CHANNELS = ['a', 'b'] as const
const channel = fc.constantFrom(...CHANNELS)
/** Counted from the newest: those that matter are at the end. */
const socket = fc.integer({ min: 0, max: 2 })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('publish' as const), channel }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'open' as const), socket }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('deliver' as const), socket }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), socket }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('move' as const), socket }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('trim' as const, 'lose' as const), channel }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('clientPublish' as const, 'run' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('toggle' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('second' as const),
      channel,
      last: fc.integer({ min: 0, max: 3 }),
    }),
  },
)

class World {
  readonly sockets = new FakeSockets()
  readonly time = new ManualTime()
  readonly gateway = new ModelGateway(this.sockets, [...CHANNELS, 'c'])
  readonly client = new SluiceClient({
    url: 'wss://gateway.example/v1/ws',
    token: () => 'token',
    WebSocket: this.sockets.WebSocket,
    time: this.time,
    requestTimeoutMs: 1e9,
  })
  readonly failures: unknown[] = []
  readonly published: Promise<unknown>[] = []
  readonly witnesses = new Map<string, Witness>()
  /** Handlers that come and go on channels that others are on, each with a start of its own. */
  readonly seconds = new Map<string, { readonly subscription: Subscription; readonly witness: Witness }[]>()
  readonly #starts = new Map<string, Position>()
  /** The channel that comes and goes. */
  #coming: { readonly subscription: Subscription; readonly witness: Witness } | undefined

  constructor() {
    this.client.on('error', (error) => {
      // An attempt that was cut off says so each time; here they are cut off all the time.
      if (error.code !== 'closed' && error.code !== 'timeout') this.failures.push(error.cause ?? error)
    })
    for (const name of CHANNELS) {
      const start = this.gateway.head(name)
      const witness = new Witness(this.gateway, name, start)
      this.witnesses.set(name, witness)
      this.#starts.set(name, start)
      this.client.subscribe(name, witness.message, { from: start, onReset: witness.reset })
    }
    void this.client.connect()
  }

  async do(todo: Command): Promise<void> {
    const { gateway, sockets, time } = this
    if (todo.kind === 'second') this.#second(todo.channel, todo.last)
    else if ('channel' in todo) {
      if (todo.kind === 'publish') gateway.publish(todo.channel)
      else gateway[todo.kind](todo.channel)
    } else if ('socket' in todo) {
      const one = sockets.all.at(-1 - todo.socket)
      if (one === undefined) return
      if (todo.kind === 'move') gateway.askToMove(one)
      else gateway[todo.kind](one)
    } else if (todo.kind === 'pass') await time.next()
    else if (todo.kind === 'run') gateway.run()
    else if (todo.kind === 'toggle') this.#toggle()
    else {
      this.published.push(this.client.publish('c', 'from the client', { id: `p${this.published.length}` }))
    }
    await settled()
    expect(
      sockets.all.filter(({ state }) => state !== 'closed').length,
      'two connections at the most',
    ).toBeLessThanOrEqual(2)
    expect(this.failures).toEqual([])
  }

  #second(name: string, last: number): void {
    const seconds = this.seconds.get(name) ?? []
    this.seconds.set(name, seconds)
    if (seconds.length === 2) seconds.shift()?.subscription.unsubscribe()
    const start = last === 0 ? this.#starts.get(name) : undefined
    const witness = new Witness(this.gateway, name, start)
    const subscription = this.client.subscribe(name, witness.message, {
      from: start ?? { last },
      onReset: witness.reset,
    })
    seconds.push({ subscription, witness })
  }

  #toggle(): void {
    if (this.#coming === undefined) {
      const witness = new Witness(this.gateway, 'c', undefined)
      const subscription = this.client.subscribe('c', witness.message, { onReset: witness.reset })
      this.#coming = { subscription, witness }
    } else {
      this.#coming.subscription.unsubscribe()
      this.#coming = undefined
    }
  }

  /** Nothing fails any more: everything arrives. */
  async calm(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      const moved = this.gateway.run()
      await settled()
      if (!moved && this.client.state === 'connected') return
      if (!moved) await this.time.next()
    }
    throw new Error(`the client does not come to rest; it is ${this.client.state}`)
  }
}

describe('a client through moves, cuts, trims and lost logs', () => {
  it('T1 T2 T3 shows each handler each message after its start once and in order, or tells it of a reset, and publishes exactly once', async () => {
    let shown = 0
    let secondShown = 0
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 120 }), async (commands) => {
        const world = new World()
        await settled()
        for (const todo of commands) await world.do(todo)
        await world.calm()
        for (const [name, witness] of world.witnesses) {
          expect(witness.at, `${name} is at the head`).toEqual(world.gateway.head(name))
          shown += witness.shown
        }
        for (const [name, seconds] of world.seconds) {
          for (const { witness, subscription } of seconds) {
            await subscription.ready
            const head = world.gateway.head(name)
            expect(subscription.position, `a second handler of ${name} is at the head`).toEqual(head)
            if (witness.at !== undefined) expect(witness.at).toEqual(head)
            secondShown += witness.shown
          }
        }
        await Promise.all(world.published)
        expect([...world.gateway.stored.values()]).toEqual(world.published.map(() => 1))
        expect(world.failures).toEqual([])
        world.client.close()
      }),
      {
        numRuns: 300,
        examples: [
          [
            // The attempt of a move is cut when the gateway has taken the session over for it, and before it says so.
            [
              { kind: 'run' },
              { kind: 'move', socket: 0 },
              { kind: 'deliver', socket: 0 },
              { kind: 'pass' },
              { kind: 'open', socket: 0 },
              { kind: 'read', socket: 0 },
              { kind: 'cut', socket: 0 },
            ],
          ],
        ],
      },
    )
    // Or else nothing was tested.
    expect(shown).toBeGreaterThan(100)
    expect(secondShown).toBeGreaterThan(30)
  })
})
