/**
 * Nodes with real sessions, users, hubs and control messages, over one registry and one log in memory. Whatever a node waits
 * for, and whatever one node tells another, happens when the test says so.
 */
import { NO_HOOKS } from './no-hooks.ts'
import { noWitness, type Came } from '../../src/observe/witness.ts'
import { UserQuotas, type QuotaLimits } from '../../src/session/quotas.ts'
import { countsInInboxes } from '../../src/session/user-limits.ts'
import type { Answer } from '../../src/answer.ts'
import type { Backbone, Sent } from '../../src/backbone/backbone.ts'
import { dispatch, type TakenOver } from '../../src/cluster/control.ts'
import { Handovers } from '../../src/cluster/handovers.ts'
import { isRevoked } from '../../src/auth/revocation.ts'
import { SluiceError, type Closing } from '../../src/errors.ts'
import type { Subscriber } from '../../src/hub/subscriber.ts'
import { Hub } from '../../src/hub/hub.ts'
import type { Topics } from '../../src/hub/topics.ts'
import type { Link } from '../../src/dialect/dialect.ts'
import type { DecodedFrame } from '../../src/dialect/sluice-v1/decode.ts'
import { FRAMES } from '../../src/dialect/sluice-v1/encode.ts'
import type { ClientFrame, ServerFrame } from '../../src/dialect/sluice-v1/frames.ts'
import { Talk } from '../../src/dialect/sluice-v1/talk.ts'
import { MemoryRegistry } from '../../src/registry/memory.ts'
import type { NodeInfo, Registry } from '../../src/registry/registry.ts'
import { MemoryReplayLog } from '../../src/replay/memory.ts'
import type { ReplayLog } from '../../src/replay/replay-log.ts'
import type { MoveOrder, UnsubscribedBy } from '../../src/session/connection.ts'
import type { Start, Welcome } from '../../src/session/welcome.ts'
import type {
  ClientPublish,
  HookPort,
  Identity,
  SessionOptions,
  SessionPorts,
} from '../../src/session/ports.ts'
import type { Session } from '../../src/session/session.ts'
import { Sessions, type ConnectRequest } from '../../src/session/sessions.ts'
import { Users } from '../../src/session/users.ts'
import { Wheel } from '../../src/wheel.ts'
import { ManualClock } from './manual-clock.ts'
import { UNCOUNTED_HUB } from './uncounted.ts'

const ignore = (): void => undefined
const TALK = new Talk(
  FRAMES,
  { metrics: { protocolError: ignore }, probe: () => Promise.resolve(1000) },
  { jsonDepthMax: 64 },
)

/** Everything that can run has run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A call of a store: it is carried out, and answered, in two steps. */
interface Call {
  readonly name: string
  readonly node: string
  carriedOut: boolean
  step(): void
}

/** What is held back. A call that is not held is carried out and answered at once. */
export class Calls {
  readonly waiting: Call[] = []
  /** Which calls are held. */
  held: (name: string) => boolean = () => false
  /** Which calls fail instead of being carried out. */
  failing: (name: string) => boolean = () => false

  /** Never answered at once, as by a store that is elsewhere. */
  run<T>(node: string, name: string, carryOut: () => Answer<T>): Promise<T> {
    const run = (): Promise<T> =>
      this.failing(name)
        ? Promise.reject(new SluiceError('unavailable', `${name} fails`))
        : Promise.resolve(carryOut())
    if (!this.held(name)) return run()
    return new Promise<T>((resolve, reject) => {
      let answer: Promise<T> | undefined
      const call: Call = {
        name,
        node,
        carriedOut: false,
        step: () => {
          if (answer === undefined) {
            answer = run()
            answer.catch(ignore)
            call.carriedOut = true
            return
          }
          this.waiting.splice(this.waiting.indexOf(call), 1)
          answer.then(resolve, reject)
        },
      }
      this.waiting.push(call)
    })
  }

  /** Of one node all calls go over one connection: each is carried out after those before it. */
  next(): Call[] {
    return this.waiting.filter(
      (call) =>
        call.carriedOut ||
        this.waiting.find(({ node, carriedOut }) => node === call.node && !carriedOut) === call,
    )
  }

  /** Carries out the calls of a name, and leaves their answers on the way. */
  carryOut(name: string): void {
    for (const call of this.waiting.filter((one) => one.name === name && !one.carriedOut)) call.step()
  }

  /** Nothing is held any more. */
  async release(): Promise<void> {
    this.held = () => false
    for (let round = 0; this.waiting.length > 0 && round < 1000; round++) {
      this.waiting[0]?.step()
      await settled()
    }
    await settled()
  }
}

/** Ends at once where the gateway ends it, as a WebSocket does. */
export class FakeConnection implements Link {
  readonly transport = 'websocket'
  readonly node: WorldNode
  readonly frames: ServerFrame[] = []
  ended: Closing | undefined
  session: Session | undefined
  closed = false
  /** Called with each frame, before `send` returns. */
  onFrame: (frame: ServerFrame) => void = ignore

  constructor(node: WorldNode) {
    this.node = node
  }

  get exclusionKey(): string | undefined {
    return this.session?.id
  }

  readonly stays = true

  get welcomed(): boolean {
    return this.frames.some(({ type }) => type === 'welcome')
  }

  joined(session: Session, welcome: Welcome): void {
    this.session = session
    TALK.joined(this, session, welcome)
  }

  subscribed(channel: string, start: Start): void {
    TALK.subscribed(this, channel, start)
  }

  unsubscribed(channel: string, why: UnsubscribedBy): void {
    TALK.unsubscribed(this, channel, why)
  }

  reauth(deadlineMs: number): void {
    TALK.reauth(this, deadlineMs)
  }

  move(order: MoveOrder): 'asked' {
    return TALK.move(this, order)
  }

  /** What the client says. */
  said(frame: ClientFrame): void {
    TALK.handle(this, frame as DecodedFrame)
  }

  say(text: string): void {
    if (this.closed) return
    const frame = JSON.parse(text) as ServerFrame
    this.frames.push(frame)
    this.onFrame(frame)
  }

  write(): void {}
  introduced(): void {}
  another(): void {}
  charge(): void {}

  end(closing: Closing): void {
    if (this.closed) return
    this.ended = closing
    this.cut()
  }

  /** The client has gone. */
  cut(): void {
    if (this.closed) return
    this.closed = true
    if (this.session !== undefined) this.node.sessions.disconnected(this.session, {})
  }

  hasRoom(): boolean {
    return true
  }

  deliver(): void {}
  reset(): void {}
  attach(): void {}
  detach(): void {}
  stepAside(): undefined {}
  closeTooSlow(): void {}
}

/** As on a node, one object for all channels. */
const HUB_POLICY = { logged: true, slowConsumer: 'catch-up', max: 100, ttlMs: Infinity } as const

export interface WorldOptions {
  readonly session?: Partial<SessionOptions>
  readonly policy?: Partial<ClientPublish>
  readonly quotas?: Partial<QuotaLimits>
  readonly topics?: Topics
  readonly hooks?: HookPort
  readonly logBehindClaims?: boolean
  /** The stores are in memory, and nothing of them is held back; with a check of tokens that answers as it does. */
  readonly inMemory?: { readonly check: SessionPorts['tokens']['verify'] }
}

export class WorldNode {
  readonly id: string
  readonly sessions: Sessions
  readonly users: Users
  /** Channels and users that are present, one entry for each `entered` without its `left`. */
  readonly present: string[] = []
  readonly acks: string[] = []
  /** What was counted, in words. */
  readonly counted: string[] = []
  /** What other nodes have told of sessions that were here. */
  readonly takenOver: TakenOver[] = []
  readonly failures: unknown[] = []
  /** How each session came, as the log is told. */
  readonly cameAs: Came[] = []
  readonly hub: Hub
  readonly #world: World
  readonly #wheel: Wheel

  constructor(
    id: string,
    world: World,
    { session, policy, quotas, topics, hooks = NO_HOOKS, logBehindClaims = true, inMemory }: WorldOptions,
  ) {
    this.id = id
    this.#world = world
    const { calls, clock } = world
    const backbone = {
      control: (to: string | undefined, payload: Uint8Array): Sent => world.post(id, to, payload),
      subscribe: (channel: string) => calls.run(id, `subscribe ${channel}`, () => Promise.resolve()),
      unsubscribe: ignore,
    } as unknown as Backbone
    const held = (store: object): object =>
      inMemory === undefined ? slowly(store, (name, run) => calls.run(id, name, run)) : store
    const registry = held(world.registry) as Registry
    this.hub = new Hub(
      {
        log: held(world.log) as ReplayLog,
        backbone,
        topics: topics ?? { publish: ignore },
        clock,
        metrics: UNCOUNTED_HUB,
        witness: noWitness,
        liveOn: (channel, exclusionKey): Subscriber | undefined =>
          this.sessions.liveOn(channel, exclusionKey),
        policyOf: () => HUB_POLICY,
      },
      {
        tailMessages: 10,
        tailBytes: 10_000,
        memoryBytes: 1_000_000,
        quietMs: 60_000,
        headCheckMs: 1e9,
        resetSpreadMs: 0,
      },
    )
    this.#wheel = new Wheel(clock, 1000, (_where, error) => void this.failures.push(error))
    const others = (): Pick<NodeInfo, 'id' | 'state'>[] =>
      [...world.nodes.keys()].filter((one) => one !== id).map((one) => ({ id: one, state: 'active' }))
    const ports: SessionPorts = {
      hooks,
      historyOf: (channel) => ({
        read: (after, limit) => calls.run(id, 'page', () => world.log.read(channel, after, limit)),
        last: (limit) => calls.run(id, 'page', () => world.log.last(channel, limit)),
        before: (_position, limit) => calls.run(id, 'page', () => world.log.last(channel, limit)),
      }),
      nodeId: id,
      hub: this.hub,
      registry,
      logBehindClaims,
      tokens: {
        verify: inMemory?.check ?? ((token) => calls.run(id, 'verify', () => world.verify(token))),
        isRevoked,
      },
      clock,
      wheel: this.#wheel,
      witness: {
        ...noWitness,
        began: (_session, came) => {
          this.cameAs.push(came)
          return undefined
        },
      },
      metrics: {
        connected: (resume) => void this.counted.push(`connected ${resume}`),
        channelResumed: (result) => void this.counted.push(`channel ${result}`),
        reauth: (result) => void this.counted.push(`reauth ${result}`),
        tokenChecked: (result) => void this.counted.push(`token ${result}`),
        errorSent: (code) => void this.counted.push(`error ${code}`),
        takenOver: () => void this.counted.push('taken over'),
        limitHit: (limit) => void this.counted.push(`limit ${limit}`),
        publishDenied: ignore,
        acknowledged: () => void this.counted.push('acknowledged'),
      },
      quotas: new UserQuotas(
        { connections: 0, subscriptions: 0, publishesPerSecond: 0, ...quotas },
        countsInInboxes(this.hub),
      ),
      presence: {
        entered: (channel, user) => void this.present.push(`${channel} ${user}`),
        left: (channel, user) => {
          const at = this.present.indexOf(`${channel} ${user}`)
          if (at === -1) this.failures.push(new Error(`${user} left ${channel} twice`))
          else this.present.splice(at, 1)
        },
        says: (channel, user, _by, { json }) => void this.present.push(`${channel} ${user} ${json}`),
        withdraws: (channel, user) => void this.present.push(`${channel} not ${user}`),
        now: () => clock.now(),
        members: () => calls.run(id, 'members', () => Promise.resolve(new Map([['somebody', undefined]]))),
      },
      presenceRules: { bytesMax: 1024, jsonDepthMax: 64 },
      acks: {
        ack: (user, channel, _epoch, offset) => void this.acks.push(`${user} ${channel} ${offset}`),
        acked: () => calls.run(id, 'acked', () => Promise.resolve(undefined)),
      },
      policyOf: () => ({
        clientPublish: 'forward',
        presence: true,
        acknowledged: false,
        max: 100,
        ...policy,
      }),
      publish: () => calls.run(id, 'publish', () => Promise.resolve({ epoch: 'e', offset: 1 })),
      forward: () => calls.run(id, 'forward', () => Promise.resolve({ epoch: 'e', offset: 1 })),
      limits: () => ({ frame: 65_536, payload: 65_536, subscriptions: 2, presenceData: 1024 }),
      ticketOf: () => 'a ticket',
      former: new Handovers(clock, backbone, others, ignore),
      left: ignore,
      failed: (what, error) => void this.failures.push(new Error(what, { cause: error })),
    }
    this.sessions = new Sessions({
      ports,
      options: {
        pingIntervalMs: 1000,
        reauth: { intervalMs: 1e9, deadlineMs: 1000 },
        subscriptionsMax: 2,
        sessionsPerUserMax: 0,
        ...session,
      },
    })
    this.users = new Users({
      registry,
      backbone,
      sessions: this.sessions,
      clock,
      rememberedMs: 1e9,
      someUnheard: () => false,
      headOf: async (channel) => world.log.head(channel),
      revoked: ignore,
      tookAway: ignore,
    })
  }

  /** Begins to connect; `failure` of the connection's way in is kept. */
  connect(
    token: string,
    request: Partial<ConnectRequest> = {},
  ): { readonly connection: FakeConnection; readonly done: Promise<unknown> } {
    const connection = new FakeConnection(this)
    const done = this.sessions
      .connect(connection, this.#world.identity(token), {
        session: undefined,
        departure: undefined,
        channels: new Map(),
        partial: true,
        ...request,
      })
      .catch((error: unknown) => {
        connection.closed = true
        return error
      })
    return { connection, done }
  }

  /** Connected, with nothing held. */
  async connected(token: string, request: Partial<ConnectRequest> = {}): Promise<FakeConnection> {
    const { connection, done } = this.connect(token, request)
    const failure = await done
    if (!connection.welcomed) throw failure
    return connection
  }

  hear(payload: Uint8Array): void {
    dispatch(payload, {
      disconnect: (user, claim, as) => this.users.disconnect(user, claim, as),
      stand: (sessions, change) => this.users.stand(sessions, change),
      revoke: (user, beforeMs) => this.users.revoke(user, beforeMs),
      order: (sessions, order) => this.users.order(sessions, order),
      forget: ignore,
      takenOver: (taken) => {
        this.takenOver.push(taken)
        this.users.takenOver(taken, () => false)
      },
      givenUp: (session) => this.users.givenUp(session),
      cameBack: ignore,
      replayed: ignore,
      howAreYou: ignore,
      subscriptionCounts: () => undefined,
      jobChanged: () => undefined,
      signOut: () => undefined,
      occupancyAsk: () => undefined,
      occupancyAnswer: () => undefined,
      iAm: ignore,
      linkAsk: ignore,
      linkAnswer: ignore,
      canary: ignore,
      trace: ignore,
      traced: ignore,
      traceOver: ignore,
    })
  }

  close(): void {
    this.hub.close()
    this.#wheel.close()
  }
}

export class World {
  readonly clock = new ManualClock(1_700_000_000_000)
  readonly calls = new Calls()
  readonly registry = new MemoryRegistry({ nodeTtlMs: 1e9, sessionTtlMs: 1e9 }, this.clock)
  readonly log = new MemoryReplayLog({ clock: this.clock })
  readonly nodes = new Map<string, WorldNode>()
  /** What nodes have told one another and is not heard yet. */
  readonly mail: { readonly to: string; readonly payload: Uint8Array }[] = []
  /** Whether mail arrives by itself. */
  posting: 'at once' | 'when told' = 'at once'

  constructor(nodes: readonly string[], options: WorldOptions = {}) {
    for (const id of nodes) this.nodes.set(id, new WorldNode(id, this, options))
  }

  node(id: string): WorldNode {
    return this.nodes.get(id) as WorldNode
  }

  /** Tokens are `user channels issued expires`: the channels with commas, or `*`; the times in seconds after the world began. */
  identity(token: string): Identity {
    const [user = '', channels = '*', issued = '-60', expires] = token.split(' ')
    const may = (channel: string): boolean => channels === '*' || channels.split(',').includes(channel)
    const at = (seconds: string): number => 1_700_000_000_000 + Number(seconds) * 1000
    return {
      user,
      permissions: { maySubscribe: may, mayPublish: may, mayReadHistory: may },
      issuedAtMs: at(issued),
      expiresAtMs: expires === undefined ? undefined : at(expires),
    }
  }

  /** A token of nobody is no good one. */
  async verify(token: string): Promise<Identity> {
    const identity = this.identity(token)
    if (identity.user === '') throw new SluiceError('unauthorized', 'the token is not a good one')
    return identity
  }

  post(from: string, to: string | undefined, payload: Uint8Array): Sent {
    for (const id of to === undefined ? this.nodes.keys() : [to]) {
      if (this.posting === 'at once') queueMicrotask(() => this.nodes.get(id)?.hear(payload))
      // What a node tells itself is heard like everything else.
      else if (this.nodes.has(id) || id === from) this.mail.push({ to: id, payload })
    }
    return 'sent'
  }

  /** Lets go of all that is held back; answers what has failed meanwhile, at any node. */
  async released(): Promise<readonly unknown[]> {
    await this.calls.release()
    return [...this.nodes.values()].flatMap(({ failures }) => failures)
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) node.close()
    await this.registry.close()
    await this.log.close()
  }
}

/** Every method that answers with a promise is a call. */
function slowly(
  store: object,
  call: (name: string, run: () => Promise<unknown>) => Promise<unknown>,
): object {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name, target) as unknown
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const run = (): unknown => (method as (...given: unknown[]) => unknown).apply(target, args)
        if (name === 'watch' || name === 'recheck' || name === 'healthy') return run()
        return call(String(name), () => run() as Promise<unknown>)
      }
    },
  })
}

export function twoNodes(): { readonly world: World; readonly node: WorldNode; readonly other: WorldNode } {
  const world = new World(['n1', 'n2'])
  return { world, node: world.node('n1'), other: world.node('n2') }
}
